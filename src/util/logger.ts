// The log: constant messages with fields, as readable lines on a terminal and as JSON lines elsewhere.

import type { Writable } from 'node:stream';
import { type DestinationStream, pino } from 'pino';
import { formatLogLine } from './log-line.ts';
import { LAST_LINE, LogRate } from './log-rate.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface Logger {
  debug(message: string, fields?: object): void;
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
  /** A logger that adds `fields` to every line. */
  child(fields: object): Logger;
}

export interface RootLogger extends Logger {
  /** Sets the level of this logger and all its children. */
  setLevel(level: LogLevel | 'silent'): void;
}

export interface LoggerOptions {
  level: LogLevel | 'silent';
  /** Writes coloured lines for people instead of JSON. Default: true if stderr is a terminal. */
  pretty?: boolean;
  /** The output; default stderr. */
  destination?: Writable;
}

/** Makes the root logger. Values of fields with the name of a secret are never written, at any depth. */
export function createLogger(options: LoggerOptions): RootLogger {
  const { level, destination } = options;
  const pretty = options.pretty ?? (destination === undefined && process.stderr.isTTY === true);
  const settings = {
    level: 'debug',
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  const gate = { rank: RANKS[level], rate: new LogRate({ lines: MAX_LINES, maxKeys: MAX_MESSAGES }) };
  const log = wrap(pino(settings, sink(destination ?? process.stderr, pretty)), gate);
  return {
    ...log,
    setLevel: (next) => {
      gate.rank = RANKS[next];
    },
  };
}

const RANKS = { debug: 0, info: 1, warn: 2, error: 3, silent: 4 } as const;

/**
 * `info` and `warn` lines per minute with the same message. Messages are constant texts, so this bounds the whole log.
 */
const MAX_LINES = 600;
const MAX_MESSAGES = 1_000;

/** Decides which lines are written. A logger and its children share one, so that a change affects all of them. */
interface Gate {
  rank: number;
  /** Keyed by message. */
  readonly rate: LogRate;
}

/** Writes nothing; for tests and for code that may run without a server. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};

/**
 * The most buffered bytes. Beyond that, lines are dropped, so that a slow reader of the log does not fill the memory.
 */
const MAX_BACKLOG = 8 * 1024 * 1024;

function sink(destination: Writable, pretty: boolean): DestinationStream {
  destination.on('error', () => {});
  const color = pretty && process.env.NO_COLOR === undefined;
  return {
    write(line: string): void {
      if (destination.writableLength > MAX_BACKLOG || !destination.writable) return;
      destination.write(pretty ? formatLogLine(line, color) : line);
    },
  };
}

function wrap(log: pino.Logger, gate: Gate): Logger {
  const write = (level: LogLevel, message: string, fields: object | undefined): void => {
    if (RANKS[level] < gate.rank) return;
    const verdict = level === 'info' || level === 'warn' ? gate.rate.take(message) : 'line';
    if (verdict === 'none') return;
    const all = verdict === 'last' ? { ...fields, ...LAST_LINE } : fields;
    if (all === undefined) log[level](message);
    else log[level](clean(all), message);
  };
  return {
    debug: (message, fields) => write('debug', message, fields),
    info: (message, fields) => write('info', message, fields),
    warn: (message, fields) => write('warn', message, fields),
    error: (message, fields) => write('error', message, fields),
    child: (fields) => wrap(log.child(clean(fields)), gate),
  };
}

const SECRET =
  /pass(word|phrase|wd)?$|secret|^key$|private_?key|^pem$|token|salt|credential|authorization|(stored|server)_?key|^body$/i;
const MAX_DEPTH = 4;
const MAX_TEXT = 2000;

/** A copy of the fields without secrets, with errors as plain data, and with bounded depth, length and text. */
function clean(fields: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, cleanField(key, value)]));
}

/** Never throws, even for a value such as an object with throwing getters. */
function cleanField(key: string, value: unknown): unknown {
  try {
    return cleanValue(key, value, 0);
  } catch {
    return '[unreadable]';
  }
}

function cleanValue(key: string, value: unknown, depth: number): unknown {
  if (SECRET.test(key) && value !== undefined && typeof value !== 'boolean') return '[hidden]';
  if (typeof value === 'string') return value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT)}…` : value;
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return errorFields(value, depth);
  if (depth >= MAX_DEPTH) return '[…]';
  if (value instanceof Date || value instanceof Uint8Array) return cleanLeaf(value);
  if (value instanceof Map) return cleanValue(key, Object.fromEntries(value), depth);
  if (Symbol.iterator in value) return cleanList(key, value as Iterable<unknown>, depth);
  if (hasOwnText(value)) return cleanValue(key, String(value), depth);
  const entries = Object.entries(value).slice(0, 50);
  return Object.fromEntries(entries.map(([name, inner]) => [name, cleanValue(name, inner, depth + 1)]));
}

function cleanLeaf(value: Date | Uint8Array): string {
  return value instanceof Date ? value.toISOString() : `[${value.length} bytes]`;
}

function cleanList(key: string, values: Iterable<unknown>, depth: number): unknown[] {
  const list: unknown[] = [];
  for (const value of values) {
    if (list.length >= 50) return [...list, '…'];
    list.push(cleanValue(key, value, depth + 1));
  }
  return list;
}

/** Whether a value has its own text form, like a JID. */
function hasOwnText(value: object): boolean {
  return value.toString !== Object.prototype.toString && typeof value.toString === 'function';
}

function errorFields(error: Error, depth: number): Record<string, unknown> {
  const { code } = error as { code?: unknown };
  return {
    type: String(error.name),
    message: String(error.message).slice(0, MAX_TEXT),
    ...(typeof code === 'string' ? { code } : {}),
    ...(error.stack === undefined ? {} : { stack: String(error.stack).slice(0, 4 * MAX_TEXT) }),
    ...(error.cause === undefined || depth >= MAX_DEPTH
      ? {}
      : { cause: cleanValue('cause', error.cause, depth + 1) }),
  };
}
