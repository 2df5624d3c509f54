// The background work of stanzas (`event.waitUntil`), counted so that shutdown, tests and backpressure can wait for it.

import type { Faults } from '../util/faults.ts';

/** The promises that have not settled. */
export class PendingWork {
  readonly #pending = new Set<Promise<unknown>>();
  readonly #faults: Faults;

  constructor(faults: Faults) {
    this.#faults = faults;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** Adds a promise until it settles; logs its failure. */
  add(work: Promise<unknown>, owner: string): void {
    const watched = work
      .catch((error: unknown) => {
        if (!isAbort(error)) this.#faults.report('work', error, { module: owner });
      })
      .finally(() => this.#pending.delete(watched));
    this.#pending.add(watched);
  }

  /** Resolves once all work has settled, including work that begins meanwhile. */
  async idle(): Promise<void> {
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending);
  }
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
