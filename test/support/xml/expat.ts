// A third opinion: expat, as Debian's Python has it, in one process for all documents.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { Opinion } from './opinion.ts';

const PYTHON = '/usr/bin/python3';
const SCRIPT = join(import.meta.dirname, 'expat_oracle.py');

export class Expat {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #waiting: PromiseWithResolvers<Opinion>[] = [];
  #received: Buffer = Buffer.alloc(0);
  #failure: Error | undefined;

  constructor() {
    this.#process = spawn(PYTHON, ['-I', SCRIPT], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#process.stdout.on('data', (chunk: Buffer) => this.#onData(chunk));
    this.#process.on('error', (error) => this.#fail(error));
    this.#process.stdin.on('error', (error) => this.#fail(error));
    this.#process.on('exit', (code, signal) => this.#fail(new Error(`${PYTHON} ended: ${code ?? signal}`)));
  }

  /** What expat makes of each document. @throws Error when Python is missing or ends. */
  async judge(documents: readonly Buffer[]): Promise<Opinion[]> {
    if (this.#failure !== undefined) throw this.#failure;
    const answers = documents.map(() => Promise.withResolvers<Opinion>());
    this.#waiting.push(...answers);
    const frames = documents.flatMap((document) => {
      const head = Buffer.alloc(4);
      head.writeUInt32BE(document.length);
      return [head, document];
    });
    this.#process.stdin.write(Buffer.concat(frames));
    return Promise.all(answers.map(({ promise }) => promise));
  }

  async close(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const exit = once(this.#process, 'exit');
    this.#process.stdin.end();
    await exit;
  }

  #onData(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    let at = 0;
    while (this.#received.length - at >= 4) {
      const end = at + 4 + this.#received.readUInt32BE(at);
      if (end > this.#received.length) break;
      const { root, trees, why } = JSON.parse(this.#received.toString('utf8', at + 4, end));
      this.#waiting.shift()?.resolve({ root: root ?? undefined, trees, why });
      at = end;
    }
    this.#received = this.#received.subarray(at);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}
