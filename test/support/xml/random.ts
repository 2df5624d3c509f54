// Numbers that look random and come again for the same seed.

export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** The n-th source of a seed, independent of the others. */
  constructor(seed: number, n = 0) {
    this.#a = seed | 0;
    this.#b = n | 0;
    this.#c = Math.trunc(n / 2 ** 32) ^ 0x9e3779b9;
    for (let i = 0; i < 12; i++) this.next();
  }

  /** From 0 to 2³² - 1 (the generator sfc32). */
  next(): number {
    const result = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + result;
    return result >>> 0;
  }

  /** From 0 to `limit` - 1. */
  below(limit: number): number {
    return this.next() % limit;
  }

  /** True once in so many times. */
  oneIn(times: number): boolean {
    return this.below(times) === 0;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** So many picks, at most, joined. */
  some(list: readonly string[], most: number): string {
    let text = '';
    for (let count = this.below(most + 1); count > 0; count--) text += this.pick(list);
    return text;
  }
}
