// One timer that can be set anew.

import type { Timer } from 'enjamb/api';

interface Time {
  now(): number;
  after(delayMs: number, task: () => void): Timer;
}

export class Alarm {
  readonly #time: Time;
  #timer: Timer | undefined;
  #task: () => void = () => {};
  #at = Number.POSITIVE_INFINITY;

  constructor(time: Time) {
    this.#time = time;
  }

  /** Runs `task` after `delayMs`, instead of what was set before. */
  set(delayMs: number, task: () => void): void {
    this.#timer?.cancel();
    this.#task = task;
    this.#at = this.#time.now() + delayMs;
    this.#timer = this.#time.after(delayMs, () => {
      this.#at = Number.POSITIVE_INFINITY;
      this.#task();
    });
  }

  /** Runs what is set after `delayMs`, if that is earlier. Answers whether it was. */
  bringForward(delayMs: number): boolean {
    const isEarlier = Number.isFinite(this.#at) && this.#time.now() + delayMs < this.#at;
    if (isEarlier) this.set(delayMs, this.#task);
    return isEarlier;
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#at = Number.POSITIVE_INFINITY;
  }
}
