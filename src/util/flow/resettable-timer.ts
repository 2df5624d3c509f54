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

  /** The time at which the task runs, in ms of `clock.elapsed`; Infinity if none is set. */
  get dueAt(): number {
    return this.#dueAt;
  }

  /** Runs `task` after `delayMs`, instead of the task that was set before. */
  set(delayMs: number, task: () => void): void {
    this.#timer?.cancel();
    this.#task = task;
    this.#dueAt = this.#clock.elapsed() + delayMs;
    this.#timer = this.#clock.after(delayMs, () => {
      this.#dueAt = Number.POSITIVE_INFINITY;
      this.#task();
    });
  }

  /** Runs the pending task after `delayMs` if that is earlier. Returns whether the task was brought forward. */
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
