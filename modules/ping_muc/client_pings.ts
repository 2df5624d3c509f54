// Self-pings of the clients themselves (XEP-0410). They pass as they are; what their answers say is evidence like ours.

import { type C2SSession, NS, type StanzaEvent } from 'enjamb/api';
import { answerOf } from './answer.ts';
import type { Context, Join } from './context.ts';
import type { Notices } from './notice.ts';
import { type Relays, relayOf, type Waiting } from './relay.ts';
import { judgePing } from './verdict.ts';
import type { Watches } from './watches.ts';

interface ClientPing extends Waiting {
  readonly join: Join;
  readonly epoch: number;
  readonly nick: string;
  readonly occupant: string;
  readonly sentAt: number;
}

const MAX_AGE_MS = 10 * 60_000;
const MAX_PINGS = 10_000;

export interface ClientPingParts {
  readonly context: Context;
  readonly relays: Relays;
  readonly notices: Notices;
  readonly watches: Watches;
}

export class ClientPings {
  readonly #parts: ClientPingParts;
  /** By session and id, in the order of asking. */
  readonly #pings = new Map<string, ClientPing>();

  constructor(parts: ClientPingParts) {
    this.#parts = parts;
  }

  /** A client asks somebody something. */
  sent({ stanza, to, origin: session }: Readonly<StanzaEvent<C2SSession>>): void {
    const join = session.state.mucJoins?.get(to.bare);
    if (join?.state !== 'joined' || join.nick !== to.resource || !isPing(stanza)) return;
    const sentAt = this.#parts.context.now();
    this.#expire(sentAt);
    const { epoch, nick } = join;
    const ping: ClientPing = { join, epoch, nick, occupant: `${to}`, sentAt, relayedTo: undefined };
    this.#pings.set(`${session.jid} ${stanza.attrs.id}`, ping);
    this.#parts.relays.open(ping.occupant, session.jid.bare, ping);
  }

  /** A client gets an answer from somebody. */
  answered(event: Readonly<StanzaEvent>): void {
    const { stanza, from, to } = event;
    if (this.#pings.size === 0 || stanza.attrs.type === 'get' || stanza.attrs.type === 'set') return;
    const key = `${to} ${stanza.attrs.id}`;
    const ping = this.#pings.get(key);
    if (ping?.occupant !== `${from}`) return;
    this.#forget(key, ping);
    const { join } = ping;
    if (join.state !== 'joined' || join.epoch !== ping.epoch || join.nick !== ping.nick) return;
    this.#learn(ping, event);
  }

  #learn(ping: ClientPing, event: Readonly<StanzaEvent>): void {
    const { join } = ping;
    const { context, notices, watches } = this.#parts;
    const inquiry = { pings: 1, seen: [], room: undefined, irc: undefined, mayProbe: false };
    const verdict = judgePing(answerOf(event, join.room.jid), relayOf(ping, join.session), inquiry);
    const outcome = 'conclude' in verdict ? verdict.conclude : undefined;
    if (outcome !== 'joined' && outcome !== 'lost') return;
    if (outcome === 'joined') context.joins.prove(join);
    else notices.tellLater(join);
    watches.get(join.room.domain.name)?.drop(join);
  }

  #expire(now: number): void {
    for (const [key, ping] of this.#pings) {
      if (ping.sentAt > now - MAX_AGE_MS && this.#pings.size < MAX_PINGS) return;
      this.#forget(key, ping);
    }
  }

  #forget(key: string, ping: ClientPing): void {
    this.#pings.delete(key);
    this.#parts.relays.close(ping.occupant, ping.join.session.jid.bare, ping);
  }
}

function isPing({ attrs, children }: StanzaEvent['stanza']): boolean {
  return (
    attrs.type === 'get' && children.some((child) => typeof child !== 'string' && child.is('ping', NS.PING))
  );
}
