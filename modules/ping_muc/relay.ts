// Self-pings that a room relays to one of the user's clients (XEP-0410 §3.2). The server answers for the client: a
// sleeping phone cannot, and some services remove a session that does not
// (docs/adr/0012-the-server-answers-relayed-pings.md).

import { type C2SSession, type Jid, NS, type Stanza, type StanzaEvent, xml } from 'enjamb/api';
import type { Context } from './context.ts';
import { isIn } from './in_doubt.ts';
import type { Relay } from './verdict.ts';

/** A self-ping that is not answered yet. */
export interface Waiting {
  /** The sessions to which the room has relayed the ping. */
  relayedTo: Set<C2SSession> | undefined;
}

/** The self-pings that are not answered yet, by occupant address and account. */
export class Relays {
  readonly #context: Context;
  readonly #waiting = new Map<string, Set<Waiting>>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** Call this when a self-ping is sent. `account`: the client's bare JID. */
  open(occupant: string, account: string, waiting: Waiting): void {
    const key = `${occupant} ${account}`;
    const all = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, all.add(waiting));
  }

  /** Call this when it is answered or has timed out. */
  close(occupant: string, account: string, waiting: Waiting): void {
    const key = `${occupant} ${account}`;
    const all = this.#waiting.get(key);
    all?.delete(waiting);
    if (all?.size === 0) this.#waiting.delete(key);
  }

  /**
   * Answers a ping from the client's own occupant: only a session of that occupant can have sent it, whatever its id. A
   * deliberate exception to RFC 6121 §8.5.3, which delivers an iq for a full JID to the client.
   */
  answer({ stanza, from, to, origin }: StanzaEvent, session: C2SSession | undefined): Stanza | undefined {
    const { joins, metrics, proofs, settings } = this.#context;
    const join = session && joins.get(session, from.bare);
    if (!join || join.state === 'leaving' || !stanza.getChild('ping', NS.PING)) return undefined;
    const requested = join.state === 'renaming' ? joins.requested(join)?.nick : undefined;
    if (from.resource !== join.nick && from.resource !== requested) return undefined;
    metrics.relays.add();
    for (const waiting of this.#waiting.get(`${from} ${to.bare}`) ?? []) {
      waiting.relayedTo ??= new Set();
      waiting.relayedTo.add(session);
    }
    proofs.answered(join, origin);
    if (!settings.answerRelayed) return undefined;
    return pong(stanza, from, to);
  }

  /**
   * Answers a ping by which a room or its service checks a sleeping client: the session can be resumed, and some
   * services remove clients that do not answer. A connected client answers for itself.
   */
  answerForSleeping({ stanza, from, to }: StanzaEvent, session: C2SSession | undefined): Stanza | undefined {
    const { metrics, settings } = this.#context;
    if (!settings.answerForSleeping || session === undefined || session.connected) return undefined;
    if (!stanza.getChild('ping', NS.PING) || !isInAt(session, from)) return undefined;
    metrics.relays.add();
    return pong(stanza, from, to);
  }
}

function pong({ attrs: { id } }: Stanza, from: Jid, to: Jid): Stanza {
  return xml('iq', { type: 'result', id, from: `${to}`, to: `${from}` });
}

/** Whether the client is in the room, or in any room of the service, with this address. */
function isInAt({ state: { mucJoins } }: C2SSession, { local, bare, domain }: Jid): boolean {
  const joins = [...(mucJoins?.values() ?? [])];
  return joins.some(
    (join) => isIn(join) && (local === undefined ? join.room.domain.name === domain : join.room.jid === bare),
  );
}

/** The sessions to which the room has relayed a ping of `session`. */
export function relayOf({ relayedTo }: Waiting, session: C2SSession): Relay {
  if (relayedTo === undefined) return 'none';
  if (relayedTo.has(session)) return 'own';
  return relayedTo.size === 1 ? 'sibling' : 'siblings';
}
