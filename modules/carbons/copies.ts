// Which clients are sent a copy, and its form (§7, §8).
//
// A copy is sent to the session, not routed: it cannot be refused, and no module takes it for a message to the account.

import {
  type C2SSession,
  type Jid,
  type Module,
  NS,
  type Stanza,
  type StanzaEvent,
  type StanzaNotes,
  share,
  xml,
} from 'enjamb/api';
import { stanzaIdBy } from 'enjamb/xep';
import { hasOccupantMark, isEligible, isExcluded } from './eligible.ts';
import type { SentIds } from './sent_ids.ts';

export class Copies {
  readonly #module: Module;
  readonly #sentIds: SentIds;

  constructor(module: Module, sentIds: SentIds) {
    this.#module = module;
    this.#sentIds = sentIds;
  }

  /**
   * §7: copies a message to an account. `reached`: the clients that were sent the message itself. A message from the account
   * to itself is copied here too, as sent: only now it is known which clients have it.
   */
  received(event: StanzaEvent, reached: readonly C2SSession[]): void {
    const { stanza, from, to } = event;
    const all = this.#sessionsOf(to);
    if (all.length <= reached.length) return;
    const others = all.filter((session) => !reached.includes(session) && !session.jid.equals(from));
    const takers = this.#takersOfReceived(others.filter(wantsCopies), event);
    if (takers.length === 0) return;
    const isSent = from.bare === to.bare && stanza.attrs.type !== 'error';
    // A message that reached no client is stored; an error may be lost.
    this.#send(wrap(isSent ? 'sent' : 'received', to.bare, stanza), takers, reached[0] && stanza);
  }

  /** §8: copies a message of a client, whether or not that client wants copies. */
  sent({ stanza, origin, from, to, notes }: StanzaEvent): void {
    const all = this.#sessionsOf(from);
    if (all.length < 2 || !isEligible(stanza)) return;
    this.#sentIds.add(from.local ?? '', to.bare, stanza.attrs.id);
    if (origin.kind !== 'c2s' || from.bare === to.bare) return;
    const others = all.filter((session) => session !== origin && wantsCopies(session));
    const isPrivate = this.#isOccupant(to, stanza, origin);
    const takers = isPrivate ? this.#withSameNick(others, origin, to.bare) : others;
    if (takers.length === 0) return;
    const marked = isPrivate ? withOccupantMark(share(stanza)) : share(stanza);
    this.#send(wrap('sent', from.bare, withOwnId(marked, from.bare, notes)), takers, undefined);
  }

  #sessionsOf({ local }: Jid): readonly C2SSession[] {
    return this.#module.host.sessions.of(local ?? '');
  }

  /**
   * §6.1: all that want copies; none of a private message, since the room sends it to each client in the room; those with the
   * same nick of the error for a private message.
   */
  #takersOfReceived(
    clients: readonly C2SSession[],
    { stanza, from, to }: StanzaEvent,
  ): readonly C2SSession[] {
    if (clients.length === 0) return clients;
    const client = this.#module.host.sessions.get(to);
    const isPrivate = to.resource !== undefined && this.#isOccupant(from, stanza, client);
    if (stanza.attrs.type !== 'error') return isPrivate || !isEligible(stanza) ? [] : clients;
    const isEligibleError =
      !isExcluded(stanza) && this.#sentIds.has(to.local ?? '', from.bare, stanza.attrs.id);
    if (!isEligibleError) return [];
    return isPrivate ? this.#withSameNick(clients, client, from.bare) : clients;
  }

  /** Whether the other side of a client's message is an occupant of a room. */
  #isOccupant(peer: Jid, message: Stanza, client: C2SSession | undefined): boolean {
    if (peer.resource === undefined) return false;
    return hasOccupantMark(message) || this.#nick(client, peer.bare) !== undefined;
  }

  /**
   * The clients that share the nick of `client` in a room: only they are sent the replies (§6.1). All clients, if no module
   * tracks rooms.
   */
  #withSameNick(
    clients: readonly C2SSession[],
    client: C2SSession | undefined,
    room: string,
  ): readonly C2SSession[] {
    if (!this.#module.find('track_muc_joins')) return clients;
    const nick = this.#nick(client, room);
    return nick === undefined ? [] : clients.filter((other) => this.#nick(other, room) === nick);
  }

  /** `undefined` if the client is not in the room, as far as known. */
  #nick(client: C2SSession | undefined, room: string): string | undefined {
    const join = client && this.#module.find('track_muc_joins')?.get(client, room);
    return join?.state === 'joined' || join?.state === 'renaming' ? join.nick : undefined;
  }

  /** `original`: the message, if a client that was sent it may still lose it. */
  #send(copy: Stanza, takers: readonly C2SSession[], original: Stanza | undefined): void {
    this.#module.find('smacks')?.forwarding(copy, original);
    for (const session of takers) session.send(copy.with({ to: `${session.jid}` }));
  }
}

function wantsCopies({ state }: C2SSession): boolean {
  return state.carbons === true;
}

/** The copy, without the address of a client. Its content is serialised once. */
function wrap(direction: 'received' | 'sent', account: string, message: Stanza): Stanza {
  // XEP-0297 §3: inside of other elements, the message must declare its namespace.
  const forwarded = xml('forwarded', NS.FORWARD, message.with({ xmlns: NS.CLIENT }));
  const { type } = message.attrs;
  return share(xml('message', { type, from: account }, xml(direction, NS.CARBONS, forwarded)));
}

/** §6.1: the mark by which clients recognise a private message. */
function withOccupantMark(message: Stanza): Stanza {
  return hasOccupantMark(message) ? message : message.plus(xml('x', NS.MUC_USER));
}

/** The id that an archive gives the sender's copy (XEP-0313): it is not in the message, which is for somebody else. */
function withOwnId(message: Stanza, account: string, notes: StanzaNotes): Stanza {
  const id = notes.archive?.sent?.id;
  return id === undefined ? message : message.plus(stanzaIdBy(account, id));
}
