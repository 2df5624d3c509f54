// A child process of the benchmark with a message channel: the prober or the attacker.

import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

export class HelperProcess {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #messages: unknown[] = [];
  #isOver = false;
  #said = '';
  #wake: (() => void) | undefined;

  private constructor(name: string, child: ChildProcess) {
    this.#name = name;
    this.#child = child;
    child.on('error', () => this.#over());
    child.on('exit', () => this.#over());
    child.on('message', (message) => {
      this.#messages.push(message);
      this.#wake?.();
    });
    child.stderr?.on('data', (text: Buffer) => {
      this.#said = (this.#said + text.toString()).slice(-2_000);
    });
  }

  /** Starts a script of this folder. `nice`: its priority, 19 is the lowest. It ends with this process. */
  static start(script: string, args: readonly string[], nice = 0): HelperProcess {
    const file = join(import.meta.dirname, script);
    const command = ['-n', `${nice}`, process.execPath, '--conditions=source', file, ...args];
    return new HelperProcess(script, spawn('nice', command, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] }));
  }

  get pid(): number {
    return this.#child.pid!;
  }

  tell(word: string): void {
    if (this.#child.connected) this.#child.send(word);
  }

  /** Resolves with its next message. @throws Error if it ends first, takes too long, or reports a bug */
  async hears<T>(limitMs: number): Promise<T> {
    const limit = setTimeout(() => this.#over(), limitMs);
    while (this.#messages.length === 0 && !this.#isOver) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    clearTimeout(limit);
    const message = this.#messages.shift();
    if (message === undefined)
      throw new Error(`${this.#name} ended, or said nothing for ${limitMs / 1000} s ${this.#said}`);
    const { fault } = message as { fault?: string };
    if (fault !== undefined) throw new Error(`${this.#name}: ${fault}`);
    return message as T;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #over(): void {
    this.#isOver = true;
    this.#wake?.();
  }
}
