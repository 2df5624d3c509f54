// XEP-0424: authors retract their messages, and the archives keep tombstones. This module only finds out what is retracted, and
// by whom; the storage finds the message.

import { type Jid, type Module, NS, type Retraction, type Stanza, TokenBuckets } from 'enjamb/api';

/** Longer ids are those of no message. */
const MAX_ID = 1024;
/** The storage may read 10,000 rows to find a message. Further retractions of an author are stored and delivered only. */
const RATE = { size: 30, windowMs: 180_000 };
const MAX_AUTHORS = 10_000;

export class Retractions {
  /** By author and direction. */
  readonly #budget: TokenBuckets;

  constructor({ clock }: Pick<Module, 'clock'>) {
    this.#budget = new TokenBuckets(clock, { ...RATE, maxKeys: MAX_AUTHORS });
  }

  /**
   * The id of the message that the author retracts. `undefined` if the stanza is no retraction, or the author has
   * retracted too many. Takes from what the author may retract.
   */
  read(author: Jid, direction: 'sent' | 'received', { attrs, children }: Stanza): string | undefined {
    if (attrs.type === 'error') return undefined; // What it repeats was not said by its sender.
    const retract = children.find((child) => typeof child !== 'string' && child.is('retract', NS.RETRACT));
    const id = typeof retract === 'object' ? retract.attrs.id : undefined;
    if (!isId(id)) return undefined;
    return this.#budget.reserve(`${direction} ${author.bare}`, 0) === undefined ? undefined : id;
  }
}

/** What replaces the message (§5). @param row the place of the retraction in the archive, whose id stands in for a missing one */
export function tombstoneBy(
  { attrs: { id } }: Stanza,
  row: { readonly id: string; readonly at: number },
): Retraction['by'] {
  return { id: isId(id) ? id : row.id, at: row.at };
}

function isId(id: string | undefined): id is string {
  return id !== undefined && id !== '' && id.length <= MAX_ID;
}
