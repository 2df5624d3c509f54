// Work that stanzas left behind (`event.waitUntil`): counted, so that shutdown, tests and backpressure can wait.

import type { Faults } from '../util/faults.ts';

/** The promises that are still under way. */
export class PendingWork {
  readonly #pending = new Set<Promise<unknown>>();
  readonly #faults: Faults;

  constructor(faults: Faults) {
    this.#faults = faults;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** Watches `work` until it settles; a failure is logged, and never left unhandled. */
  add(work: Promise<unknown>, owner: string): void {
    const watched = work
      .catch((error: unknown) => {
        if (!isAbort(error)) this.#faults.report('work', error, { module: owner });
      })
      .finally(() => this.#pending.delete(watched));
    this.#pending.add(watched);
  }

  /** Resolves once nothing is under way, work that begins meanwhile included. */
  async idle(): Promise<void> {
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending);
  }
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
