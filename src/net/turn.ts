// The end of a turn of the event loop, when what was written during it goes out.

interface Flushable {
  flush(): void;
}

/** The connections that have something to send at the end of this turn of the event loop. */
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
};

/** One piece: text stays text, which the runtime writes faster than a Buffer of it. */
export function joined(pieces: (string | Buffer)[]): string | Buffer {
  const only = pieces.length === 1 ? pieces[0] : undefined;
  if (only !== undefined) return only;
  if (pieces.every((piece) => typeof piece === 'string')) return pieces.join('');
  return Buffer.concat(pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece) : piece)));
}
