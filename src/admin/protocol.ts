// The protocol of the admin socket: one JSON object per line; a response has the id of its request.

import type { Socket } from 'node:net';
import type { CommandErrorCode, CommandResult } from './commands.ts';

export interface AdminRequest {
  readonly id: number | string;
  readonly command: string;
  readonly args: Readonly<Record<string, unknown>>;
}

export type AdminResponse =
  | { readonly id: number | string | null; readonly ok: true; readonly result: CommandResult }
  | {
      readonly id: number | string | null;
      readonly ok: false;
      readonly error: { readonly code: CommandErrorCode; readonly message: string };
    };

/** The socket's name in the data directory. */
export const SOCKET_NAME = 'admin.sock';

/**
 * Calls `onLine` for each line that arrives, and `onTooLong` once, then nothing more, when a line passes
 * `maxBytes`. Empty lines are skipped.
 */
export function readLines(
  socket: Socket,
  maxBytes: number,
  onLine: (line: string) => void,
  onTooLong: () => void,
): void {
  const lines = new LineSplitter(maxBytes);
  const onData = (chunk: Buffer): void => {
    if (lines.take(chunk, onLine)) return;
    socket.off('data', onData);
    socket.pause();
    onTooLong();
  };
  socket.on('data', onData);
}

/** Splits chunks into lines of at most `maxBytes`. */
class LineSplitter {
  readonly #maxBytes: number;
  /** The chunks of an incomplete line, and their bytes. */
  #parts: Buffer[] = [];
  #size = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Calls `onLine` for each complete line that is not empty. Returns false when a line is too long. */
  take(chunk: Buffer, onLine: (line: string) => void): boolean {
    let rest = chunk;
    for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10)) {
      const line = Buffer.concat([...this.#parts, rest.subarray(0, end)]);
      if (line.length > this.#maxBytes) return false;
      this.#parts = [];
      this.#size = 0;
      rest = rest.subarray(end + 1);
      if (line.length > 0) onLine(line.toString('utf8'));
    }
    if (rest.length > 0) this.#parts.push(rest);
    this.#size += rest.length;
    return this.#size <= this.#maxBytes;
  }
}

/** Parses one request. Returns a sentence with the fault if the line is not a request. */
export function parseRequest(line: string): AdminRequest | string {
  const value = parseObject(line);
  if (value === undefined) return 'a request is one JSON object on one line';
  const { id, command, args = {} } = value;
  if (typeof id !== 'number' && typeof id !== 'string') return 'a request needs an id, a number or text';
  if (typeof command !== 'string' || command === '') return 'a request needs a command, as text';
  if (typeof args !== 'object' || args === null || Array.isArray(args)) return 'args must be an object';
  return { id, command, args: args as Record<string, unknown> };
}

/** Parses one line as a JSON object; `undefined` if it is not one. */
export function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    return value as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
