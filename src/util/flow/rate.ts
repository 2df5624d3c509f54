// A limit per second without bursts: no second has more than `perSecond`, and no tenth of a second more than its share
// where that is a whole number.

import type { ElapsedClock } from '../clock.ts';

export class Rate {
  readonly #clock: Pick<ElapsedClock, 'elapsed'>;
  /** A ring: when each of the last ones was taken, the oldest at `#next`. */
  readonly #times: (number | undefined)[];
  readonly #periodMs: number;
  #next = 0;

  constructor(perSecond: number, clock: Pick<ElapsedClock, 'elapsed'>) {
    const periods = perSecond % 10 === 0 ? 10 : 1;
    this.#clock = clock;
    this.#times = new Array(perSecond / periods);
    this.#periodMs = 1_000 / periods;
  }

  /** How long to wait for the next one; 0 when it may be taken now. */
  get waitMs(): number {
    return this.#untilFree(this.#times[this.#next]);
  }

  /** How long until the rate is as if nothing had ever been taken. */
  get restMs(): number {
    return this.#untilFree(this.#times.at(this.#next - 1));
  }

  /** Takes one, whether it may be taken or not. */
  take(): void {
    this.#times[this.#next] = this.#clock.elapsed();
    this.#next = (this.#next + 1) % this.#times.length;
  }

  #untilFree(takenAt: number | undefined): number {
    return takenAt === undefined ? 0 : Math.max(0, takenAt + this.#periodMs - this.#clock.elapsed());
  }
}
