// A process of the bench that talks over its channel: the honest, or the attacker.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export class HelperProcess {
  readonly #child: ChildProcess;
  readonly #name: string;
  #said = '';

  private constructor(name: string, child: ChildProcess) {
    this.#name = name;
    this.#child = child;
    child.stderr?.on('data', (text: Buffer) => {
      this.#said = (this.#said + text.toString()).slice(-2_000);
    });
  }

  /** Starts a script beside this one; `nice` is its priority, 19 the lowest. */
  static start(script: string, args: readonly string[], nice = 0): HelperProcess {
    const file = join(import.meta.dirname, script);
    const command = ['-n', `${nice}`, process.execPath, '--conditions=source', file, ...args];
    return new HelperProcess(script, spawn('nice', command, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] }));
  }

  tell(word: string): void {
    if (this.#child.connected) this.#child.send(word);
  }

  /** The next that it says. @throws Error when it ends before, or takes too long */
  async hears<T>(limitMs: number): Promise<T> {
    const { signal, abort } = withAbort();
    const limit = AbortSignal.timeout(limitMs);
    try {
      const [message] = await Promise.race([
        once(this.#child, 'message', { signal }),
        once(this.#child, 'exit', { signal }).then(() => this.#fail('it ended')),
        once(limit, 'abort').then(() => this.#fail(`it said nothing for ${limitMs / 1000} s`)),
      ]);
      const { fault } = message as { fault?: string };
      if (fault !== undefined) this.#fail(fault);
      return message as T;
    } finally {
      abort();
    }
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #fail(why: string): never {
    throw new Error(`${this.#name}: ${why} ${this.#said}`);
  }
}

function withAbort(): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}
