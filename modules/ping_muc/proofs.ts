// Proofs that a client is in a room. The answer to a question is one, but for that client alone: the room sends it to nobody
// else, unlike a message.

import type { Exports, Origin } from 'enjamb/api';

type Joins = Exports['track_muc_joins'];
type Join = NonNullable<ReturnType<Joins['get']>>;

/** In ms of `clock.elapsed`. */
interface Answered {
  readonly at: number;
  /** When the room had last sent something else. */
  readonly heardAt: number;
}

export class Proofs {
  readonly #joins: Pick<Joins, 'prove'>;
  readonly #answered = new WeakMap<Join, Answered>();

  constructor(joins: Pick<Joins, 'prove'>) {
    this.#joins = joins;
  }

  /** The answer to a question about this client shows that it is in. */
  answered(join: Join, origin?: Origin): void {
    const heardAt = this.heardAt(join);
    this.#joins.prove(join, origin);
    this.#answered.set(join, { at: join.provenAt, heardAt });
  }

  /** When the room last sent the client a stanza that was no answer; in ms of `clock.elapsed`. */
  heardAt(join: Join): number {
    const answered = this.#answered.get(join);
    return answered?.at === join.provenAt ? answered.heardAt : join.provenAt;
  }
}
