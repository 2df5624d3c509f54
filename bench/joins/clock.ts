// A clock that runs faster than the one on the wall, and sees how long each turn of the event loop takes. Everything
// that happens here is started by a timer of this clock.

import type { Clock, Timer } from '../../src/util/clock.ts';

export interface Turns {
  /** The longest time in which nothing else could happen, in real ms. */
  longestMs: number;
  /** … and the processor time of this thread in the turn that took most of it: what others do on the machine is not in it. */
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

  /** All timers that are due run in one turn; what is set immediate runs when the turn is over. */
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
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}
