// Memory that many holders share: each takes what it keeps, and gives it back.

export class ByteBudget {
  readonly max: number;
  #used = 0;

  /** @param max in bytes */
  constructor(max: number) {
    this.max = max;
  }

  get used(): number {
    return this.#used;
  }

  /** False, and nothing is taken, when so much is not left. */
  take(bytes: number): boolean {
    if (this.#used + bytes > this.max) return false;
    this.#used += bytes;
    return true;
  }

  /** Takes what was accepted before and must be kept, even beyond the bound. */
  force(bytes: number): void {
    this.#used += bytes;
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }
}
