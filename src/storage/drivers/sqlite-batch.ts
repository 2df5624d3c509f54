// The writes of one batch, collected until its end and then pushed as one operation.

import { StorageError } from '../error.ts';
import { MAX_BATCH_BYTES, MAX_BATCH_WRITES } from '../stores.ts';
import { type SingleOperation, type WriteOperation, weigh } from './sqlite-operations.ts';

export class SqliteBatch {
  readonly #driver: string;
  readonly #operations: SingleOperation[] = [];
  readonly #settled = Promise.withResolvers<number>();
  #bytes = 0;
  #error: { readonly cause: unknown } | undefined;

  constructor(driver: string) {
    this.#driver = driver;
  }

  /** Adds a write. Resolves when the batch has settled; if the write cannot be made, the batch fails. */
  add(make: () => SingleOperation): Promise<number> {
    try {
      const operation = make();
      this.#bytes += weigh(operation);
      this.#operations.push(operation);
      if (this.#operations.length > MAX_BATCH_WRITES || this.#bytes > MAX_BATCH_BYTES) throw this.#tooLarge();
    } catch (error) {
      this.fail(error);
    }
    return this.#settled.promise;
  }

  /** Makes the batch fail: none of its writes is committed. The first cause is reported. */
  fail(cause: unknown): void {
    this.#error ??= { cause };
  }

  /** Pushes all writes as one operation. @throws the first cause of failure */
  async commit(push: (operation: WriteOperation) => Promise<unknown>): Promise<void> {
    try {
      if (this.#error) throw this.#error.cause;
      if (this.#operations.length > 0) await push({ do: 'all', operations: this.#operations });
    } finally {
      this.#settled.resolve(0);
    }
  }

  #tooLarge(): StorageError {
    const limit = `A batch has at most ${MAX_BATCH_WRITES} writes of ${MAX_BATCH_BYTES / 1024 / 1024} MiB`;
    return new StorageError('failed', limit, { driver: this.#driver });
  }
}
