// A clock that runs faster than real time, and measures each turn of the event loop. All work of this benchmark is started by
// its timers.

import type { Clock, Timer } from '../src/util/clock.ts';

export interface Turns {
  /** The longest turn, in real ms. */
  longestMs: number;
  /** The largest processor time of this thread in one turn, in ms, without other processes. */
  longestCpuMs: number;
  count: number;
}

export class FastClock implements Clock {
  readonly #speed: number;
  readonly #start = performance.now();
  readonly #epoch = Date.now();
  #turn: { readonly at: number; readonly cpu: number } | undefined;
  turns: Turns = { longestMs: 0, longestCpuMs: 0, count: 0 };

  constructor(speed: number) {
    this.#speed = speed;
  }

  now(): number {
    return this.#epoch + Math.floor(this.elapsed());
  }

  elapsed(): number {
    return (performance.now() - this.#start) * this.#speed;
  }

  after(delayMs: number, task: () => void): Timer {
    const timer = setTimeout(() => {
      this.#turnBegins();
      task();
    }, Math.max(0, delayMs) / this.#speed);
    return { cancel: () => clearTimeout(timer) };
  }

  resetTurns(): void {
    this.turns = { longestMs: 0, longestCpuMs: 0, count: 0 };
  }

  /** Runs all due timers in one turn. Immediates run after it. */
  #turnBegins(): void {
    if (this.#turn) return;
    this.#turn = { at: performance.now(), cpu: threadMs() };
    setImmediate(() => {
      const { at, cpu } = this.#turn!;
      this.#turn = undefined;
      this.turns.count++;
      this.turns.longestMs = Math.max(this.turns.longestMs, performance.now() - at);
      this.turns.longestCpuMs = Math.max(this.turns.longestCpuMs, threadMs() - cpu);
    });
  }
}

/** Processor time of this thread, in ms. */
export function threadMs(): number {
  process.cpuUsage(); // Makes Linux count what this thread has used since the last tick, which are some milliseconds.
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}
