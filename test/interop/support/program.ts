// A child process with its output by lines. It never outlives the tests.

import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { atEnd, type Clean } from '../../support/clean-up.ts';
import type { Network } from './network.ts';
import { withinMs } from './waiting.ts';

export interface ProgramOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Where both outputs are kept; appended to. */
  readonly logFile: string;
  /** Runs it in there instead of in the network of this machine. */
  readonly network?: Network | undefined;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Running programs, which are killed if the tests are ended by a signal. */
const running = new Set<Program>();

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    for (const program of running) program.kill('SIGKILL');
    process.kill(process.pid, signal);
  });
}
process.once('exit', () => {
  for (const program of running) program.kill('SIGKILL');
});

/** In a process group of its own, so that its own children end with it. */
export class Program {
  readonly name: string;
  /** Both outputs so far, by lines. */
  readonly lines: string[] = [];
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #log: WriteStream;
  readonly #events = new EventEmitter<{ line: [string]; stdout: [string] }>();

  /** It is killed when the test ends, if it still runs then. */
  constructor(t: Clean, name: string, options: ProgramOptions) {
    const { env, logFile, network } = options;
    const { command, args } = network?.enter(options) ?? options;
    this.name = name;
    this.#log = createWriteStream(logFile, { flags: 'a' });
    this.#child = spawn(command, args, {
      detached: true,
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#child.stdin?.on('error', () => {}); // It may end before it has read all: `exited` tells.
    running.add(this);
    this.exited = this.#untilExit();
    this.#read('stdout');
    this.#read('stderr');
    atEnd(t, async () => {
      this.kill('SIGKILL');
      await this.exited;
    });
  }

  get isRunning(): boolean {
    return running.has(this);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  writeLine(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  onStdout(listener: (line: string) => void): void {
    this.#events.on('stdout', listener);
  }

  /** To the whole group; does nothing after the end. */
  kill(signal: NodeJS.Signals): void {
    if (!this.isRunning || this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, signal);
    } catch (error) {
      // It has ended, but its exit event has not arrived.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  /** To the one process, as an administrator does it. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Resolves with the first line, of the past or the future, that fits. @throws Error at the end of the program. */
  async line(fits: (line: string) => boolean, limitMs: number): Promise<string> {
    const seen = this.lines.find(fits);
    if (seen !== undefined) return seen;
    const found = Promise.withResolvers<string>();
    const listener = (line: string): void => {
      if (fits(line)) found.resolve(line);
    };
    this.#events.on('line', listener);
    const ended = this.exited.then(({ code, signal }): never => {
      throw new Error(`${this.name} ended (${signal ?? code}):\n${this.tail()}`);
    });
    try {
      return await withinMs(limitMs, `a certain line of ${this.name}`, Promise.race([found.promise, ended]));
    } finally {
      this.#events.off('line', listener);
    }
  }

  tail(count = 40): string {
    return this.lines.slice(-count).join('\n');
  }

  #read(name: 'stdout' | 'stderr'): void {
    createInterface({ input: this.#child[name]! }).on('line', (line) => {
      this.lines.push(line);
      this.#log.write(`${line}\n`);
      this.#events.emit('line', line);
      if (name === 'stdout') this.#events.emit('stdout', line);
    });
  }

  async #untilExit(): Promise<Exit> {
    try {
      const [code, signal] = (await once(this.#child, 'close')) as [number | null, NodeJS.Signals | null];
      return { code, signal };
    } catch (error) {
      this.lines.push(String(error));
      return { code: 127, signal: null };
    } finally {
      running.delete(this);
      this.#log.end();
    }
  }
}

/** Runs a command to its end. */
export async function run(
  command: string,
  args: readonly string[],
  options: { input?: string; env?: Readonly<Record<string, string>>; limitMs?: number } = {},
): Promise<Exit & { stdout: string; stderr: string }> {
  const child = spawn(command, args, {
    env: { ...process.env, ...options.env },
    timeout: options.limitMs ?? 20_000,
    killSignal: 'SIGKILL',
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdin.on('error', () => {});
  child.stdin.end(options.input ?? '');
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { code, signal, stdout, stderr };
}
