// The number of questions that may be pending: doubled by each full window of answers, halved by a failure.

export interface CongestionWindowOptions {
  /** The initial size. */
  readonly first: number;
  readonly largest: number;
}

export class CongestionWindow {
  readonly #options: CongestionWindowOptions;
  #size: number;
  #answers = 0;

  constructor(options: CongestionWindowOptions) {
    this.#options = options;
    this.#size = options.first;
  }

  get size(): number {
    return this.#size;
  }

  reset(): void {
    this.#size = this.#options.first;
    this.#answers = 0;
  }

  answered(): void {
    if (++this.#answers < this.#size) return;
    this.#answers = 0;
    this.#size = Math.min(this.#size * 2, this.#options.largest);
  }

  failed(): void {
    this.#answers = 0;
    this.#size = Math.max(1, Math.floor(this.#size / 2));
  }
}
