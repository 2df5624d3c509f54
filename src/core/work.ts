// The background work of stanzas (`event.waitUntil`), counted so that shutdown, tests and backpressure can wait for it.

import type { Faults } from '../util/faults.ts';

/** The number of promises that have not settled. A set of them would cost more than most of the work. */
export class PendingWork {
  #size = 0;
  #waiting: (() => void)[] = [];
  readonly #faults: Faults;

  constructor(faults: Faults) {
    this.#faults = faults;
  }

  get size(): number {
    return this.#size;
  }

  /** Counts a promise until it settles; logs its failure. */
  add(work: Promise<unknown>, owner: string): void {
    this.#size++;
    work.then(
      () => this.#settled(),
      (error: unknown) => {
        if (!isAbort(error)) this.#faults.report('work', error, { module: owner });
        this.#settled();
      },
    );
  }

  /** Resolves once all work has settled, including work that begins meanwhile. */
  async idle(): Promise<void> {
    while (this.#size > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #settled(): void {
    this.#size--;
    if (this.#size > 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
