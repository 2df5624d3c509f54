// Self-pings of the clients themselves (XEP-0410). They pass as they are; what their answers say is evidence like ours.
// One answer is misread by several clients: that there is no such room, which they take for "still in, under another
// nick". `normalise_self_ping_errors` puts it into words that all understand, once it is sure.

import {
  type C2SSession,
  type Element,
  errorReply,
  NS,
  StanzaError,
  type StanzaEvent,
  xml,
} from 'enjamb/api';
import { answerOf } from './answer.ts';
import { tellRoom } from './conclude.ts';
import type { Context, Join } from './context.ts';
import type { Notices } from './notice.ts';
import type { Probes } from './probe.ts';
import { type Relays, relayOf, type Waiting } from './relay.ts';
import { type Answer, judgePing, saysGone } from './verdict.ts';
import type { Watches } from './watches.ts';

interface ClientPing extends Waiting {
  readonly join: Join;
  readonly epoch: number;
  readonly nick: string;
  readonly occupant: string;
  readonly id: string;
  readonly sentAt: number;
}

const MAX_AGE_MS = 10 * 60_000;
/** Pings of one session that are remembered. Beyond that its oldest one is treated like any other request. */
const MAX_PINGS = 100;
/** Longer ids are not remembered: no client uses them. */
const MAX_ID_CHARS = 256;

export interface ClientPingParts {
  readonly context: Context;
  readonly relays: Relays;
  readonly probes: Probes;
  readonly notices: Notices;
  readonly watches: Watches;
}

export class ClientPings {
  readonly #parts: ClientPingParts;
  /** By the full JID of the session, then by id, oldest first. */
  readonly #pings = new Map<string, Map<string, ClientPing>>();

  constructor(parts: ClientPingParts) {
    this.#parts = parts;
  }

  /** Remembers a request of a client if it is a self-ping (XEP-0410). */
  sent({ stanza, to, origin: session }: Readonly<StanzaEvent<C2SSession>>): void {
    const join = session.state.mucJoins?.get(to.bare);
    if (join?.state !== 'joined' || join.nick !== to.resource || !isPing(stanza)) return;
    const { id = '' } = stanza.attrs;
    if (id.length > MAX_ID_CHARS) return;
    const { epoch, nick } = join;
    const sentAt = this.#parts.context.now();
    this.#remember({ join, epoch, nick, occupant: `${to}`, id, sentAt, relayedTo: undefined });
  }

  /** Forgets the pings of a session that has ended. */
  left(session: C2SSession): void {
    for (const ping of this.#pings.get(`${session.jid}`)?.values() ?? []) this.#forget(ping);
  }

  #remember(ping: ClientPing): void {
    const { session } = ping.join;
    const own = this.#pings.get(`${session.jid}`) ?? new Map<string, ClientPing>();
    const namesake = own.get(ping.id);
    if (namesake) this.#forget(namesake);
    for (const older of own.values()) {
      if (older.sentAt > ping.sentAt - MAX_AGE_MS && own.size < MAX_PINGS) break;
      this.#forget(older);
    }
    this.#pings.set(`${session.jid}`, own.set(ping.id, ping));
    this.#parts.relays.open(ping.occupant, session.jid.bare, ping);
  }

  /** A client gets an answer from somebody. Takes it away where it has to be put into other words. */
  hold(event: StanzaEvent): 'handled' | undefined {
    if (!this.#parts.context.settings.normaliseErrors) return undefined;
    const ping = this.#answered(event);
    if (ping === undefined || !isValid(ping)) return undefined;
    const answer = answerOf(event, ping.join.room.jid);
    if (answer.kind !== 'error' || answer.condition !== 'item-not-found' || answer.byRoom) return undefined;
    this.#forget(ping);
    this.#normalise(ping, event, answer);
    return 'handled';
  }

  /** A client gets an answer from somebody, as it is. */
  answered(event: Readonly<StanzaEvent>): void {
    const ping = this.#answered(event);
    if (ping === undefined) return;
    this.#forget(ping);
    if (isValid(ping)) this.#learn(ping, answerOf(event, ping.join.room.jid));
  }

  #answered({ stanza, from, to }: Readonly<StanzaEvent>): ClientPing | undefined {
    if (this.#pings.size === 0 || stanza.attrs.type === 'get' || stanza.attrs.type === 'set')
      return undefined;
    const ping = this.#pings.get(`${to}`)?.get(stanza.attrs.id ?? '');
    return ping?.occupant === `${from}` ? ping : undefined;
  }

  #learn(ping: ClientPing, answer: Answer): void {
    const { join } = ping;
    const { context, notices, watches } = this.#parts;
    const inquiry = { pings: 1, seen: [], room: undefined, irc: undefined, mayProbe: false };
    const verdict = judgePing(answer, relayOf(ping, join.session), inquiry);
    if (!('conclude' in verdict)) {
      // The client may misread it; whoever answered so can be asked more.
      watches.of(join.room.domain.name).confirm(join);
      return;
    }
    if (verdict.conclude !== 'joined' && verdict.conclude !== 'lost') return;
    if (verdict.conclude === 'joined') context.joins.prove(join);
    else notices.tellLater(join);
    watches.get(join.room.domain.name)?.drop(join);
  }

  /** Asks whether the room exists; the client gets its answer when that is known. */
  #normalise(ping: ClientPing, { stanza }: StanzaEvent, answer: Answer): void {
    const { join } = ping;
    const { probes, notices, context } = this.#parts;
    probes.ask(join, 'room', join.nick, (word) => {
      const isGone =
        word?.kind === 'error' && !word.local && word.type !== 'wait' && saysGone(word.condition);
      join.session.send(isGone ? refusal(ping) : stanza);
      if (!isValid(ping)) return;
      if (!isGone) this.#learn(ping, answer);
      else {
        notices.tellLater(join);
        tellRoom(join, { context, notices, lost() {} });
      }
    });
  }

  #forget(ping: ClientPing): void {
    const { jid } = ping.join.session;
    const own = this.#pings.get(`${jid}`);
    own?.delete(ping.id);
    if (own?.size === 0) this.#pings.delete(`${jid}`);
    this.#parts.relays.close(ping.occupant, jid.bare, ping);
  }
}

/** Whether the client has not moved on since it asked. */
function isValid({ join, epoch, nick }: ClientPing): boolean {
  return join.state === 'joined' && join.epoch === epoch && join.nick === nick;
}

/** The client is not in the room, in the words of XEP-0410 §3.3. */
function refusal({ id, occupant, join }: ClientPing): Element {
  const ping = xml('iq', { type: 'get', id, from: `${join.session.jid}`, to: occupant });
  return errorReply(ping, new StanzaError('not-acceptable', { type: 'cancel' }))!;
}

function isPing({ attrs, children }: StanzaEvent['stanza']): boolean {
  return (
    attrs.type === 'get' && children.some((child) => typeof child !== 'string' && child.is('ping', NS.PING))
  );
}
