// A semaphore with a bounded queue; rejects when the queue is full.

export interface GateOptions {
  /** The most tasks that run simultaneously. */
  readonly atWork: number;
  /** The most tasks that wait. */
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

  /** Runs the work when a place is free, in the order of the calls. @throws GateFullError; the errors of the work. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#atWork >= this.#options.atWork) await this.#turn();
    else this.#atWork++;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next)
        next(); // The place passes to the next task and is never counted as free.
      else this.#atWork--;
    }
  }

  #turn(): Promise<void> {
    if (this.#waiting.length >= this.#options.waiting) return Promise.reject(new GateFullError());
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
