// Self-pings of clients (XEP-0410). They are routed unchanged, and their answers are evidence like the answers to ours.
// Several clients misread item-not-found of a room that does not exist: they assume that they are in, under another
// nick. With `normalise_self_ping_errors` they get another error when the loss is certain.

import {
  type C2SSession,
  detach,
  type Element,
  errorReply,
  type IqAnswer,
  NS,
  type Stanza,
  StanzaError,
  type StanzaEvent,
  xml,
} from 'enjamb/api';
import type { Context, Join } from './context.ts';
import type { Notices } from './notices.ts';
import type { Outages } from './outages.ts';
import { answerOf, type Questions } from './questions.ts';
import { type Relays, relayOf, type Waiting } from './relay.ts';
import { type Answer, judgePing, newEvidence, saysGone } from './verdict.ts';

interface ClientPing extends Waiting {
  readonly join: Join;
  readonly epoch: number;
  readonly nick: string;
  readonly id: string;
  /** The prepared occupant JID. */
  readonly occupant: string;
}

export interface ClientPingParts {
  readonly context: Context;
  readonly relays: Relays;
  readonly questions: Questions;
  readonly notices: Notices;
  readonly outages: Outages;
}

export class ClientPings {
  readonly #parts: ClientPingParts;

  constructor(parts: ClientPingParts) {
    this.#parts = parts;
  }

  /** Tracks a client's request if it is a self-ping (XEP-0410). */
  sent(event: Readonly<StanzaEvent<C2SSession>>): void {
    const { stanza, to, origin: session } = event;
    const join = session.state.mucJoins?.get(to.bare);
    if (join?.state !== 'joined' || join.nick !== to.resource || !isPing(stanza)) return;
    const { context, relays } = this.#parts;
    const { epoch, nick } = join;
    const { bare } = session.jid;
    const id = detach(stanza.attrs.id ?? '');
    const ping: ClientPing = { join, epoch, nick, id, occupant: `${to}`, relayedTo: undefined };
    const isFollowed = context.module.followIq(event, (answer) => {
      relays.close(ping.occupant, bare, ping);
      return answer.kind === 'answer' ? this.#answered(ping, answer) : undefined;
    });
    if (isFollowed) relays.open(ping.occupant, bare, ping);
  }

  #answered(ping: ClientPing, { stanza, local }: IqAnswer & { kind: 'answer' }): 'handled' | undefined {
    if (!isValid(ping)) return undefined;
    const { normaliseErrors } = this.#parts.context.settings;
    const answer = answerOf(stanza, ping.join.room.jid, local);
    const isMisread = answer.kind === 'error' && answer.condition === 'item-not-found' && !answer.byRoom;
    if (!normaliseErrors || !isMisread) {
      this.#learn(ping, answer);
      return undefined;
    }
    this.#normalise(ping, stanza, answer);
    return 'handled';
  }

  #learn(ping: ClientPing, answer: Answer): void {
    const { join } = ping;
    const { context, notices, outages } = this.#parts;
    const remote = join.room.domain.name;
    const verdict = judgePing(answer, relayOf(ping, join.session), newEvidence(1));
    if (!('conclude' in verdict)) {
      outages.of(remote).confirm(join); // The client may misread the answer.
      return;
    }
    if (verdict.conclude !== 'joined' && verdict.conclude !== 'lost') return;
    if (verdict.conclude === 'joined') context.proofs.answered(join);
    else notices.tellLater(join);
    outages.get(remote)?.drop(join);
  }

  /** Asks whether the room exists, and then answers the client. */
  #normalise(ping: ClientPing, stanza: Stanza, answer: Answer): void {
    const { join } = ping;
    const { notices, questions } = this.#parts;
    questions.ask(join, 'room', join.nick, (reply) => {
      const isGone = reply !== undefined && saysRoomIsGone(reply.answer);
      join.session.send(isGone ? notInRoom(ping) : stanza);
      if (!isValid(ping)) return;
      if (!isGone) return this.#learn(ping, answer);
      notices.tellLater(join);
      notices.tellRoom(join);
    });
  }
}

function saysRoomIsGone(answer: Answer): boolean {
  if (answer.kind !== 'error' || answer.local) return false;
  return answer.type !== 'wait' && saysGone(answer.condition);
}

/** Whether the client has not joined, left or changed its nick since. */
function isValid({ join, epoch, nick }: ClientPing): boolean {
  return join.state === 'joined' && join.epoch === epoch && join.nick === nick;
}

/** XEP-0410 §3.3: the client is not in the room. */
function notInRoom({ id, occupant, join }: ClientPing): Element {
  const ping = xml('iq', { type: 'get', id, from: `${join.session.jid}`, to: occupant });
  return errorReply(ping, new StanzaError('not-acceptable', { type: 'cancel' }))!;
}

function isPing({ attrs, children }: Stanza): boolean {
  return (
    attrs.type === 'get' && children.some((child) => typeof child !== 'string' && child.is('ping', NS.PING))
  );
}
