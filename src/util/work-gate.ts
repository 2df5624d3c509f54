// Lets a few do something costly at once and some more wait their turn; whoever comes then is sent away.

export interface WorkGateOptions {
  /** How many may be at work at once. */
  readonly atWork: number;
  /** How many may wait. */
  readonly waiting: number;
}

/** There is no room to wait. */
export class GateFullError extends Error {
  constructor() {
    super('Too much to do at once');
    this.name = 'GateFullError';
  }
}

export class WorkGate {
  readonly #options: WorkGateOptions;
  readonly #waiting: (() => void)[] = [];
  #atWork = 0;

  constructor(options: WorkGateOptions) {
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
