// Proofs that a client is in a room. Answers to our questions are told apart from other stanzas: the room sends an answer to no
// other client, so the others have not missed it.

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
