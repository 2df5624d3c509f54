// A server under test, pinned to one processor, in its own folder.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSeconds, family, isAlive, memoryKiB, SERVER_CPU } from '../process.ts';

// Not .test, since resolvers answer for that domain themselves (RFC 6761 §6.2).
export const DOMAIN = 'bench.example';
/** The other side of servers that federate. */
export const AWAY = 'away.example';
export const ROOMS = 'rooms.bench.example';
export const PASSWORD = 'secret';

/** A server that the benchmark can measure. */
export interface BenchServer {
  readonly name: string;
  /** The port for clients. */
  readonly at: Place;
  readonly pid: number;
  cpu(): number;
  memory(): number;
  /** Sends SIGTERM, and SIGKILL after 10 s. */
  stop(): Promise<void>;
  /** Sends the signal (SIGKILL to all of its processes), and waits for the end. @returns the exit code, if there is one */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | undefined>;
}

export interface Place {
  readonly address: string;
  readonly port: number;
  readonly domain: string;
}

export interface BenchSetup extends Place {
  /** An empty folder. */
  readonly folder: string;
  /** Accounts `u0`, `u1`, … */
  readonly users: number;
  readonly tls: { readonly key: string; readonly cert: string };
  /** Whether messages are archived. Default: as the server does without a configuration. */
  readonly hasArchive?: boolean;
  /** For federation: the port for servers, and the port of a DNS server at 127.0.0.1 with their records. */
  readonly federation?: { readonly port: number; readonly dnsPort: number };
}

/** Starts a server; `undefined` if it is not installed. */
export type Launch = (setup: BenchSetup) => Promise<BenchServer | undefined>;

export interface LaunchOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** The processor that it may use; null: any. Default: the processor for servers. */
  readonly cpu?: string | null;
  /** A file descriptor for the complete log. Default: only the last lines are kept. */
  readonly log?: number;
}

/** Runs a command pinned to the server's processor and waits until the port is open. */
export async function launch(
  name: string,
  { address, port, domain }: Place,
  command: readonly string[],
  options: LaunchOptions = {},
): Promise<BenchServer> {
  const { cpu = SERVER_CPU } = options;
  const [file = '', ...args] = cpu === null ? command : ['taskset', '-c', cpu, ...command];
  const child = spawn(file, args, {
    stdio: ['ignore', 'ignore', options.log ?? 'pipe'],
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  let said = '';
  child.stderr?.on('data', (text: Buffer) => {
    said = (said + text.toString()).slice(-4_000);
  });
  await listening({ address, port }, child, () => said);
  const pid = child.pid!;
  return {
    name,
    at: { address, port, domain },
    pid,
    cpu: () => cpuSeconds(pid),
    memory: () => memoryKiB(pid),
    async stop() {
      const forced = setTimeout(() => end(child, 'SIGKILL'), 10_000);
      await end(child, 'SIGTERM');
      clearTimeout(forced);
    },
    end: (signal) => end(child, signal),
  };
}

async function end(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<number | undefined> {
  const members = family(child.pid!);
  if (child.exitCode === null && child.signalCode === null) {
    const exit = once(child, 'exit');
    // SIGTERM goes to the main process, which stops the others; SIGKILL goes to all.
    for (const pid of signal === 'SIGKILL' ? members.toReversed() : [child.pid!]) kill(pid, signal);
    await exit;
  }
  while (members.some(isAlive)) await sleep(20);
  return child.exitCode ?? undefined;
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // The process has already ended.
  }
}

async function listening(
  { address, port }: Pick<Place, 'address' | 'port'>,
  child: ChildProcess,
  said: () => string,
): Promise<void> {
  for (let attempt = 0; attempt < 150; attempt++) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}:\n${said()}`);
    const socket = connect(port, address);
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.on('connect', () => resolve(true));
      socket.on('error', () => resolve(false));
    });
    socket.destroy();
    if (isOpen) return;
    await sleep(200);
  }
  throw new Error(`port ${port} was not opened in 30 s:\n${said()}`);
}
