// Async tasks one at a time per key, in the order they were given.

export class SerialQueue {
  readonly #tails = new Map<string, Promise<unknown>>();

  /** Runs `task` after all earlier ones of `key` have settled; resolves or rejects as the task does. */
  run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const result = (this.#tails.get(key) ?? Promise.resolve()).then(task);
    const tail = result
      .catch(() => undefined)
      .then(() => {
        if (this.#tails.get(key) === tail) this.#tails.delete(key);
      });
    this.#tails.set(key, tail);
    return result;
  }
}
