// `enjamb start`: runs a server in the foreground until a signal ends it.

import { mkdir } from 'node:fs/promises';
import { AdminSocket, StartError } from '../admin/socket.ts';
import type { Config } from '../config/config.ts';
import { ConfigError, describeProblem } from '../config/error.ts';
import { Faults } from '../util/faults.ts';
import { inWords } from '../util/file-failure.ts';
import { createLogger, type Logger, type RootLogger } from '../util/logger.ts';
import { SerialQueue } from '../util/serial-queue.ts';
import { findOpenFiles } from './check/privacy.ts';
import { readConfig } from './configuration.ts';
import type { ExitCode, Terminal } from './terminal.ts';

/** The longest time that an orderly stop may take; then the process ends anyway. */
const STOP_LIMIT_MS = 10_000;
const SAME_SIGNAL_MS = 500;
/** The error code of Node for a broken internal state. */
const RUNTIME_BROKEN = 'ERR_INTERNAL_ASSERTION';

/** The members of `Server` that this file needs. */
interface Running {
  readonly addresses: readonly { address: string; port: number }[];
  stop(): Promise<void>;
  reload(config: Config): Promise<void>;
}

interface Started {
  readonly config: Config;
  readonly log: RootLogger;
  readonly faults: Faults;
  /** Whether a copy is made before an old database is brought up to date. */
  readonly isBackedUp: boolean;
}

interface Served {
  readonly config: Config;
  readonly log: RootLogger;
  readonly server: Running;
  readonly admin: AdminSocket;
}

/**
 * Runs until SIGTERM or SIGINT. The caller ends the process with the returned code.
 * @throws ConfigError, and every error that prevents the server from starting.
 */
export async function start(
  file: string | undefined,
  terminal: Terminal,
  { isBackedUp = true }: { isBackedUp?: boolean } = {},
): Promise<ExitCode> {
  const config = await readConfig(file);
  const log = createLogger({ level: config.core.log_level });
  const faults = new Faults(log);
  const ended = untilSignal(log);
  const markStarted = handleUncaught(faults, log);
  const opening = open({ config, log, faults, isBackedUp });
  const reloads = new SerialQueue();
  let isStopping = false;
  const onReload = (): void => {
    if (!isStopping) void reloads.run('', () => opening.then((open) => reload(open, file), noServer));
  };
  process.on('SIGHUP', onReload); // Before the start, and to the end: without a listener SIGHUP ends the process.
  const served = await opening;
  markStarted();
  for (const { message, todo } of await findOpenFiles(config))
    log.warn('file is open to others', { problem: message, todo });
  terminal.stdout.write(`${readyLine(served)}\n`);
  if (config.path === undefined) terminal.stderr.write(welcome(served));
  await ended;
  isStopping = true;
  return (await close(served)) ? 0 : 1;
}

/** Does nothing: the reason is in the log already. */
function noServer(): void {}

/** Opens the admin socket first: this fails when another server uses the data directory. */
async function open(parts: Started): Promise<Served> {
  const { config, log, faults } = parts;
  const { Server } = await import('../server.ts');
  await makeDataFolder(config.core.data_path);
  const server = new Server(parts);
  const { commands } = server;
  const admin = new AdminSocket({ dataPath: config.core.data_path, commands, log, faults });
  await admin.start();
  try {
    await server.start();
  } catch (error) {
    await admin.stop();
    throw error;
  }
  return { config, log, server, admin };
}

async function makeDataFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new StartError(`cannot create the data directory ${path}: ${inWords(error as Error)}`);
  }
}

/**
 * Resolves at the first signal. A second one ends the process immediately. The terminal and the parent process may both
 * forward one key press; signals within half a second count as one.
 */
function untilSignal(log: Logger): Promise<void> {
  return new Promise((resolve) => {
    let stoppingSince: number | undefined;
    const onSignal = (signal: NodeJS.Signals): void => {
      const now = performance.now();
      if (stoppingSince !== undefined && now - stoppingSince > SAME_SIGNAL_MS) process.exit(1);
      if (stoppingSince !== undefined) return;
      stoppingSince = now;
      log.info('stopping', { signal });
      resolve();
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
    // The parent process (bin/enjamb.js) may have ended already.
    process.channel?.unref();
    process.once('disconnect', () => {
      if (stoppingSince === undefined) onSignal('SIGTERM');
    });
  });
}

/**
 * Handles uncaught exceptions and rejections (docs/adr/0024). A running server logs them and continues. A starting
 * server exits, because no user depends on it yet. Call the returned function once the server runs.
 */
function handleUncaught(faults: Faults, log: Logger): () => void {
  let isStarted = false;
  process.on('uncaughtException', (error: unknown, origin) => {
    if (isStarted && !isRuntimeBroken(error)) return faults.report('uncaught', error, { origin });
    log.error('fatal internal error, exiting', { error, origin });
    process.exit(1);
  });
  return () => {
    isStarted = true;
  };
}

/** Never throws: the thrown value may be `undefined` or an object with throwing getters. */
function isRuntimeBroken(error: unknown): boolean {
  try {
    return (error as { code?: unknown } | undefined)?.code === RUNTIME_BROKEN;
  } catch {
    return false;
  }
}

/** Returns false when the stop took too long. */
async function close({ log, server, admin }: Served): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), STOP_LIMIT_MS);
  });
  const stopped = admin.stop().then(() => server.stop());
  const orderly = await Promise.race([stopped.then(() => true), limit]);
  clearTimeout(timer);
  if (orderly) log.info('stopped');
  else log.error('stopped before everything was closed', { limitMs: STOP_LIMIT_MS });
  return orderly;
}

/** Reloads the configuration. If it has mistakes, the server continues with the old one. */
async function reload({ log, server }: Served, file: string | undefined): Promise<void> {
  try {
    const config = await readConfig(file);
    log.setLevel(config.core.log_level);
    await server.reload(config);
  } catch (error) {
    if (!(error instanceof ConfigError)) log.error('reload failed', { error });
    else
      for (const problem of error.problems)
        log.error('configuration not reloaded', {
          problem: describeProblem(problem, error.file),
          todo: problem.hint,
        });
  }
}

function readyLine({ config, server }: Served): string {
  const hosts = config.hosts.map((host) => host.domain).join(' ');
  return `ready ${hosts}; listening on ${listen(server).join(', ') || 'no port'}`;
}

/** The text for a start without a configuration file. */
function welcome({ config, server }: Served): string {
  const domain = config.hosts.find((host) => host.component === undefined)?.domain ?? 'localhost';
  return [
    '',
    `  enjamb is running with its built-in configuration, for ${config.hosts.map((host) => host.domain).join(' and ')}.`,
    `  It listens on ${listen(server).join(', ')} and keeps its data in ${config.core.data_path}.`,
    '',
    '  Create an account, from another terminal in this folder:',
    `      npx enjamb user add romeo@${domain}`,
    '',
    '  To configure your own server, copy enjamb.example.toml to enjamb.toml and run "npx enjamb check".',
    '',
    '',
  ].join('\n');
}

function listen(server: Running): readonly string[] {
  const shown = server.addresses.map(
    ({ address, port }) => `${address.includes(':') ? `[${address}]` : address}:${port}`,
  );
  return [...new Set(shown)];
}
