// Storage in memory whose disk the test may break, or slow down.

import type { ServerParts } from '../../src/server.ts';
import { type StorageCondition, StorageError } from '../../src/storage/error.ts';
import { openStorage } from '../../src/storage/index.ts';
import type { StorageDriver } from '../../src/storage/stores.ts';

export class FailingStorage {
  /** With what writes fail; `undefined`: they do not. */
  failure: StorageCondition | undefined;
  #slow: Promise<void> | undefined;
  #isBatching = false;

  /** For `startServer`. */
  readonly openStorage: NonNullable<ServerParts['openStorage']> = async (options) =>
    this.#wrap(await openStorage(options));

  /** From now on nothing is committed until the returned function is called. */
  slow(): () => void {
    const slow = Promise.withResolvers<void>();
    this.#slow = slow.promise;
    return () => slow.resolve();
  }

  #wrap(driver: StorageDriver): StorageDriver {
    return {
      name: driver.name,
      queuedBytes: driver.queuedBytes,
      maxQueuedBytes: driver.maxQueuedBytes,
      keyval: (...store) => this.#guard(driver.keyval(...store), 'set'),
      map: (...store) => this.#guard(driver.map(...store), 'set'),
      archive: (...store) => this.#guard(driver.archive(...store), 'append'),
      purge: (host, owner) => driver.purge(host, owner),
      batch: (write) => this.#batch(driver, write),
      close: () => driver.close(),
    };
  }

  async #batch(driver: StorageDriver, write: () => void): Promise<void> {
    const { failure } = this;
    await driver.batch(() => {
      this.#isBatching = true;
      write();
      this.#isBatching = false;
      if (failure) throw broken(failure);
    });
    await this.#slow;
  }

  /** The same store, whose `method` writes to the disk of this test. */
  #guard<S extends object>(store: S, method: keyof S): S {
    const write = async (...args: unknown[]) => {
      if (this.failure && !this.#isBatching) throw broken(this.failure);
      await (store[method] as (...args: unknown[]) => Promise<void>)(...args);
      await this.#slow;
    };
    return new Proxy(store, {
      get(target, key) {
        if (key === method) return write;
        const value: unknown = Reflect.get(target, key);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }
}

function broken(condition: StorageCondition): StorageError {
  return new StorageError(condition, 'Not written: the test has broken the disk', { driver: 'memory' });
}
