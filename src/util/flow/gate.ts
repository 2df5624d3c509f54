// Semaphore with a bounded queue; rejects when that is full.

export interface GateOptions {
  /** Tasks that may run simultaneously. */
  readonly atWork: number;
  /** Tasks that may wait. */
  readonly waiting: number;
}

/** The queue of a gate is full. */
export class GateFullError extends Error {
  constructor() {
    super('Too many tasks are waiting');
    this.name = 'GateFullError';
  }
}

export class Gate {
  readonly #options: GateOptions;
  readonly #waiting: (() => void)[] = [];
  #atWork = 0;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** Runs the work when its turn has come, in order of arrival. @throws GateFullError; what the work throws. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#atWork >= this.#options.atWork) await this.#turn();
    else this.#atWork++;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next)
        next(); // The place goes to the next one without ever being free.
      else this.#atWork--;
    }
  }

  #turn(): Promise<void> {
    if (this.#waiting.length >= this.#options.waiting) return Promise.reject(new GateFullError());
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
