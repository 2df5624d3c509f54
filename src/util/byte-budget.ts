// A budget of memory shared by many holders.

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

  /** Takes bytes even beyond the bound, for data that was accepted before and must be kept. */
  force(bytes: number): void {
    this.#used += bytes;
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }
}
