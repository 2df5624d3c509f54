// A server under test: started pinned to one processor, in a folder of its own.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSeconds, memoryKiB } from '../process.ts';

export const DOMAIN = 'bench.test';
export const ROOMS = 'rooms.bench.test';
export const PASSWORD = 'secret';
/** The processor of the server; the load generator has the other one. */
export const SERVER_CPU = '0';

/** What every server that can be measured does. */
export interface BenchServer {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  cpu(): number;
  memory(): number;
  stop(): Promise<void>;
}

export interface BenchSetup {
  /** An empty folder. */
  readonly folder: string;
  readonly port: number;
  /** Accounts `u0`, `u1`, … */
  readonly users: number;
  /** `u0` has all others as contacts, subscribed both ways. */
  readonly contacts?: boolean;
  readonly tls: { readonly key: string; readonly cert: string };
}

/** Starts a server; `undefined` when it is not installed. */
export type Launch = (setup: BenchSetup) => Promise<BenchServer | undefined>;

/** Runs a command pinned to the server's processor and waits until the port is open. */
export async function launch(
  name: string,
  port: number,
  command: readonly string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Promise<BenchServer> {
  const child = spawn('taskset', ['-c', SERVER_CPU, ...command], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  let said = '';
  child.stderr?.on('data', (text: Buffer) => {
    said = (said + text.toString()).slice(-4_000);
  });
  await listening(port, child, () => said);
  const pid = child.pid!;
  return {
    name,
    port,
    pid,
    cpu: () => cpuSeconds(pid),
    memory: () => memoryKiB(pid),
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      const forced = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await exit;
      clearTimeout(forced);
    },
  };
}

async function listening(port: number, child: ChildProcess, said: () => string): Promise<void> {
  for (let attempt = 0; attempt < 150; attempt++) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}:\n${said()}`);
    const socket = connect(port, '127.0.0.1');
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
