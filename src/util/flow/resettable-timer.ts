// A timer that can be set again.

import type { ElapsedClock, Timer } from '../clock.ts';

export class ResettableTimer implements Timer {
  readonly #clock: ElapsedClock;
  #timer: Timer | undefined;
  #task: () => void = () => {};
  #dueAt = Number.POSITIVE_INFINITY;

  constructor(clock: ElapsedClock) {
    this.#clock = clock;
  }

  get isSet(): boolean {
    return Number.isFinite(this.#dueAt);
  }

  /** When the task runs, in ms of `clock.elapsed`; Infinity when none is set. */
  get dueAt(): number {
    return this.#dueAt;
  }

  /** Runs `task` after `delayMs`, and not what was set before. */
  set(delayMs: number, task: () => void): void {
    this.#timer?.cancel();
    this.#task = task;
    this.#dueAt = this.#clock.elapsed() + delayMs;
    this.#timer = this.#clock.after(delayMs, () => {
      this.#dueAt = Number.POSITIVE_INFINITY;
      this.#task();
    });
  }

  /** Runs the task that is set after `delayMs` if that is earlier. Returns whether it is. */
  bringForward(delayMs: number): boolean {
    const isEarlier = this.isSet && this.#clock.elapsed() + delayMs < this.#dueAt;
    if (isEarlier) this.set(delayMs, this.#task);
    return isEarlier;
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#dueAt = Number.POSITIVE_INFINITY;
  }
}
