// How much may be under way at once, and how much in a second. Pure.

const FIRST = 8;
const LARGEST = 256;

/** Doubles with every window full of answers, halves when one does not come. */
export class Window {
  #size = FIRST;
  #answers = 0;

  get size(): number {
    return this.#size;
  }

  reset(): void {
    this.#size = FIRST;
    this.#answers = 0;
  }

  answered(): void {
    if (++this.#answers < this.#size) return;
    this.#answers = 0;
    this.#size = Math.min(this.#size * 2, LARGEST);
  }

  failed(): void {
    this.#answers = 0;
    this.#size = Math.max(1, Math.floor(this.#size / 2));
  }
}

/** Counts what has happened of late: in no second more than allowed, and spread over tenths of it where that divides. */
export class Rate {
  readonly #times: number[] = [];
  readonly #count: number;
  readonly #periodMs: number;
  #next = 0;

  constructor(perSecond: number) {
    const slots = perSecond % 10 === 0 ? 10 : 1;
    this.#count = perSecond / slots;
    this.#periodMs = 1_000 / slots;
  }

  /** How long to wait until the next one is allowed, in ms; 0 for not at all. */
  wait(now: number): number {
    const oldest = this.#times[this.#next];
    return oldest === undefined ? 0 : Math.max(0, oldest + this.#periodMs - now);
  }

  take(now: number): void {
    this.#times[this.#next] = now;
    this.#next = (this.#next + 1) % this.#count;
  }

  /** How long until nothing that has happened counts any more, in ms. */
  rest(now: number): number {
    const newest = this.#times[(this.#next + this.#count - 1) % this.#count];
    return newest === undefined ? 0 : Math.max(0, newest + this.#periodMs - now);
  }
}
