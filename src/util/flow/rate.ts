// A limit per second without bursts: no second has more than `perSecond` events, and no tenth of a second more than a
// tenth of them if that is a whole number.

import type { ElapsedClock } from '../clock.ts';

export class Rate {
  readonly #clock: Pick<ElapsedClock, 'elapsed'>;
  /** A ring of the times of the last events, the oldest at `#next`. */
  readonly #times: (number | undefined)[];
  readonly #periodMs: number;
  #next = 0;

  constructor(perSecond: number, clock: Pick<ElapsedClock, 'elapsed'>) {
    const periods = perSecond % 10 === 0 ? 10 : 1;
    this.#clock = clock;
    this.#times = new Array(perSecond / periods);
    this.#periodMs = 1_000 / periods;
  }

  /** The time in ms until the next event is allowed; 0 if it is allowed now. */
  get waitMs(): number {
    return this.#untilFree(this.#times[this.#next]);
  }

  /** The time in ms until past events have no effect any more. */
  get restMs(): number {
    return this.#untilFree(this.#times.at(this.#next - 1));
  }

  /** Counts an event, allowed or not. */
  take(): void {
    this.#times[this.#next] = this.#clock.elapsed();
    this.#next = (this.#next + 1) % this.#times.length;
  }

  #untilFree(takenAt: number | undefined): number {
    return takenAt === undefined ? 0 : Math.max(0, takenAt + this.#periodMs - this.#clock.elapsed());
  }
}
