// What the stores of the driver `memory` share.

/** A store, as the driver uses it. */
export interface MemoryStore {
  readonly isShared: boolean;
  /** Removes the data of an owner. Returns the function that undoes this. */
  purge(owner: string): () => void;
}

/** The driver, as a store uses it. */
export interface MemoryDriver {
  readonly isBatching: boolean;
  /** @throws StorageError 'closed' */
  check(): void;
  /** Runs a change; `act` returns the function that undoes it. `size`: its bytes, for the limit of a batch. */
  change(size: () => number, act: () => () => void): Promise<void>;
}

/** Sets an entry; `undefined` deletes it. Returns the function that undoes this. */
export function replaceEntry<V>(map: Map<string, V>, key: string, value: V | undefined): () => void {
  const old = map.get(key);
  const put = (now: V | undefined): void => {
    if (now === undefined) map.delete(key);
    else map.set(key, now);
  };
  put(value);
  return () => put(old);
}
