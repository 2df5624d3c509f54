// A clock whose hands the test turns.

import type { Clock, Timer } from '../../src/util/clock.ts';

interface Alarm {
  readonly at: number;
  readonly task: () => void;
}

export class FakeClock implements Clock {
  #elapsed = 1_000;
  /** Wall time minus elapsed time. */
  #offset = Date.UTC(2026, 0, 1) - this.#elapsed;
  #alarms: Alarm[] = [];

  /** Timers that have not fired and have not been cancelled. */
  get pending(): number {
    return this.#alarms.length;
  }

  now(): number {
    return this.#offset + this.#elapsed;
  }

  elapsed(): number {
    return this.#elapsed;
  }

  /** Sets the wall clock forward or back, as an administrator does: no time passes. */
  moveWallClock(byMs: number): void {
    this.#offset += byMs;
  }

  after(delayMs: number, task: () => void): Timer {
    // Whole milliseconds, as the runtime's timers have: a rounding error as a delay would never let time pass.
    const alarm = { at: this.#elapsed + Math.max(0, Math.ceil(delayMs)), task };
    this.#alarms.push(alarm);
    return { cancel: () => this.#remove(alarm) };
  }

  /**
   * Lets time pass. Timers fire in order, each at its own time; before, between and after them everything happens
   * that needs no time: promises, input and output in memory.
   */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsed + ms;
    await turns();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#elapsed = next.at;
      this.#remove(next);
      next.task();
      await turns();
    }
    this.#elapsed = end;
  }

  #next(end: number): Alarm | undefined {
    const due = this.#alarms.filter(({ at }) => at <= end);
    return due.reduce<Alarm | undefined>(
      (first, alarm) => (first && first.at <= alarm.at ? first : alarm),
      undefined,
    );
  }

  #remove(alarm: Alarm): void {
    this.#alarms = this.#alarms.filter((other) => other !== alarm);
  }
}

/** Enough turns of the event loop for a stanza to cross a few streams in memory. */
async function turns(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
}
