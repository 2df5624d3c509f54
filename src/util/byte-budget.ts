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

  /** Takes bytes if they are available; otherwise returns false and takes nothing. */
  take(bytes: number): boolean {
    if (this.#used + bytes > this.max) return false;
    this.#used += bytes;
    return true;
  }

  /** Takes bytes even beyond the bound, for what was accepted before and must be kept. */
  force(bytes: number): void {
    this.#used += bytes;
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }
}
