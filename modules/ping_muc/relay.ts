// Self-pings that a room passes on to one of the user's clients (XEP-0410 §3.2). The server answers in the client's
// place: a sleeping phone cannot, and some services throw out a session that does not (docs/adr/0012-the-server-answers-relayed-pings.md).

import { type C2SSession, NS, type Stanza, type StanzaEvent, xml } from 'enjamb/api';
import type { Context } from './context.ts';
import type { Relay } from './verdict.ts';

/** Something that waits for the answer to a self-ping. */
export interface Waiting {
  /** The sessions that the room has passed the ping on to. */
  relayedTo: Set<C2SSession> | undefined;
}

/** Knows which self-pings are under way, by occupant address and account. */
export class Relays {
  readonly #context: Context;
  readonly #waiting = new Map<string, Set<Waiting>>();

  constructor(context: Context) {
    this.#context = context;
  }

  open(occupant: string, account: string, waiting: Waiting): void {
    const key = `${occupant} ${account}`;
    const all = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, all.add(waiting));
  }

  close(occupant: string, account: string, waiting: Waiting): void {
    const key = `${occupant} ${account}`;
    const all = this.#waiting.get(key);
    all?.delete(waiting);
    if (all?.size === 0) this.#waiting.delete(key);
  }

  /**
   * Answers a ping from the client's own occupant: whatever its id, only a session of the same occupant can have
   * sent it. A deliberate exception to RFC 6121 §8.5.3, by which an iq for a full JID is the client's.
   */
  answer({ stanza, from, to, origin }: StanzaEvent, session: C2SSession | undefined): Stanza | undefined {
    const { joins, counters, settings } = this.#context;
    const join = session && joins.get(session, from.bare);
    if (!join || join.state === 'leaving' || !stanza.getChild('ping', NS.PING)) return undefined;
    const requested = join.state === 'renaming' ? joins.requested(join)?.nick : undefined;
    if (from.resource !== join.nick && from.resource !== requested) return undefined;
    counters.relays++;
    for (const waiting of this.#waiting.get(`${from} ${to.bare}`) ?? []) {
      waiting.relayedTo ??= new Set();
      waiting.relayedTo.add(session);
    }
    joins.prove(join, origin);
    if (!settings.answerRelayed) return undefined;
    return xml('iq', { type: 'result', id: stanza.attrs.id, from: `${to}`, to: `${from}` });
  }
}

/** To whom the room has passed on a ping that `session` had sent. */
export function relayOf({ relayedTo }: Waiting, session: C2SSession): Relay {
  if (relayedTo === undefined) return 'none';
  if (relayedTo.has(session)) return 'own';
  return relayedTo.size === 1 ? 'sibling' : 'siblings';
}
