// Turns of the event loop: output of one turn is sent at its end, and long work continues in the next turn.

interface Flushable {
  flush(): void;
}

/** How long one turn spends on tasks that earlier turns have put off. What is new is done in every turn. */
const DEFERRED_MS = 5;

/** The present turn of the event loop, and the connections that have something to send at its end. */
export const turn = {
  waiting: [] as Flushable[],

  add(connection: Flushable): void {
    // setImmediate runs once all sockets that were readable have been read: what several senders cause for one
    // receiver still goes out together.
    if (this.waiting.push(connection) === 1) setImmediate(() => this.flush());
  },

  flush(): void {
    const connections = this.waiting;
    this.waiting = [];
    for (const connection of connections) connection.flush();
  },

  /**
   * Runs a task after all sockets that are readable now have been read. Tasks run in order, for a limited time in each
   * turn: the more there are, the longer they wait, and nothing else waits for them.
   */
  next(task: () => void): void {
    if (this.deferred.push(task) === 1) setImmediate(() => this.runDeferred());
  },

  runDeferred(): void {
    const tasks = this.deferred;
    const end = performance.now() + DEFERRED_MS;
    let done = 0;
    this.deferred = [];
    try {
      while (done < tasks.length && performance.now() < end) tasks[done++]!();
    } finally {
      const isScheduled = this.deferred.length > 0;
      this.deferred = [...tasks.slice(done), ...this.deferred];
      if (!isScheduled && this.deferred.length > 0) setImmediate(() => this.runDeferred());
    }
  },

  deferred: [] as (() => void)[],

  /** A number that differs between turns. Counts only the turns in which it is read. */
  get number(): number {
    if (!this.isCounting) {
      this.isCounting = true;
      setImmediate(() => {
        this.isCounting = false;
        this.count++;
      });
    }
    return this.count;
  },

  count: 0,
  isCounting: false,
};

/** One piece: text stays text, which the runtime writes faster than a Buffer of it. */
export function joined(pieces: (string | Buffer)[]): string | Buffer {
  const only = pieces.length === 1 ? pieces[0] : undefined;
  if (only !== undefined) return only;
  if (pieces.every((piece) => typeof piece === 'string')) return pieces.join('');
  return Buffer.concat(pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece) : piece)));
}
