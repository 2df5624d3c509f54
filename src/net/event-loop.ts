// Sends the output of one turn of the event loop at its end, and continues long work in the next turn.

interface Flushable {
  flush(): void;
}

/** The time in one turn for tasks that earlier turns have deferred. New work is done in every turn. */
const DEFERRED_MS = 5;

/** The connections with output to send at the end of the present turn, and the tasks of later turns. */
export const eventLoop = {
  waiting: [] as Flushable[],

  flushAtEnd(connection: Flushable): void {
    // setImmediate runs after all readable sockets have been read, so that the output that several senders cause for
    // one receiver is one write.
    if (this.waiting.push(connection) === 1) setImmediate(() => this.flush());
  },

  flush(): void {
    const connections = this.waiting;
    this.waiting = [];
    for (const connection of connections) connection.flush();
  },

  /**
   * Runs a task after all sockets that are readable now have been read. Tasks run in order, for a limited time in each
   * turn, so that they do not delay other work.
   */
  defer(task: () => void): void {
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

  /** A number that differs between turns. It counts only the turns in which it is read. */
  get turn(): number {
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

/** Joins the pieces. Text stays text, because the runtime writes it faster than a Buffer. */
export function joined(pieces: (string | Buffer)[]): string | Buffer {
  const only = pieces.length === 1 ? pieces[0] : undefined;
  if (only !== undefined) return only;
  if (pieces.every((piece) => typeof piece === 'string')) return pieces.join('');
  return Buffer.concat(pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece) : piece)));
}
