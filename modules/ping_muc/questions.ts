// Questions to rooms and services from the address of a client, and their answers. An answer up to ten minutes after
// the timeout still counts.

import {
  type AskedIq,
  type Element,
  type ErrorType,
  type IqAnswer,
  type Jid,
  NS,
  type Stanza,
  xml,
} from 'enjamb/api';
import type { Context, Join } from './context.ts';
import { isIn } from './in_doubt.ts';
import type { PresenceProbes } from './presence_probes.ts';
import { type Relays, relayOf, type Waiting } from './relay.ts';
import type { Answer, Question, Relay, RoomFacts } from './verdict.ts';

const LATE_MS = 10 * 60_000;

export interface Reply {
  readonly answer: Answer;
  readonly relay: Relay;
  /** Whether a `timeout` was reported before. */
  readonly late: boolean;
  /** The answer as it was received. */
  readonly stanza: Stanza | undefined;
}

/**
 * Called once, and once more if a ping is answered late; never before `ask` returns. `undefined`: the join has
 * changed, so the answer is void.
 */
export type OnReply = (reply: Reply | undefined) => void;

interface Asked extends Waiting {
  readonly join: Join;
  readonly epoch: number;
  /** The join's nick when the question was asked. */
  readonly nick: string;
  /** Whether the client was entering. */
  readonly isEntering: boolean;
  readonly question: Question;
  readonly to: string;
}

/** In ms of `clock.elapsed`. */
interface Last {
  readonly request: AskedIq;
  readonly at: number;
  /** When it left, if it has waited for the link. */
  leftAt: number;
}

export class Questions {
  readonly #context: Context;
  readonly #relays: Relays;
  readonly #presence: PresenceProbes;
  /** The last question to each remote, until it is answered. Questions are sent in their order. */
  readonly #last = new Map<string, Last>();

  constructor(context: Context, relays: Relays, presence: PresenceProbes) {
    this.#context = context;
    this.#relays = relays;
    this.#presence = presence;
  }

  /** Sends a question from the client's full JID. `nick`: of the occupant to ask about. */
  ask(join: Join, question: Question, nick: string, onReply: OnReply): void {
    const { metrics } = this.#context;
    const isEntering = join.state === 'joining';
    const to = addressee(join, question, nick);
    const asked: Asked = {
      join,
      epoch: join.epoch,
      nick: join.nick,
      isEntering,
      question,
      to,
      relayedTo: undefined,
    };
    metrics.questions.of(question).add();
    if (question === 'presence') this.#probe(asked, onReply);
    else this.#request(asked, onReply);
  }

  /** The link is up: a question that waits for it leaves now. */
  linkUp(remote: string): void {
    const last = this.#last.get(remote);
    if (last && !last.request.left) last.leftAt = this.#context.now();
  }

  /** How long to wait for a question to this remote, in ms. Infinity while it waits for the link. */
  waitMs(remote: string): number {
    const { now, settings } = this.#context;
    const last = this.#last.get(remote);
    if (last === undefined || last.at <= now() - LATE_MS) return 0;
    if (!last.request.left) return Number.POSITIVE_INFINITY;
    return Math.max(0, last.leftAt + settings.timeout - now());
  }

  #request(asked: Asked, onReply: OnReply): void {
    const { module, settings } = this.#context;
    const { join, question, to } = asked;
    const { bare } = join.session.jid;
    const remote = join.room.domain.name;
    if (question === 'ping') this.#relays.open(to, bare, asked);
    let request: AskedIq | undefined;
    let isAnswered = false;
    const onAnswer = (answer: IqAnswer) => {
      isAnswered ||= answer.kind === 'answer';
      if (isAnswered && this.#last.get(remote)?.request === request) this.#last.delete(remote);
      if (question === 'ping') this.#relays.close(to, bare, asked);
      if (answer.kind === 'timeout') onReply(this.#replyTo(asked, { kind: 'timeout' }));
      else this.#answered(asked, answer, onReply);
    };
    const payload = question === 'ping' ? xml('ping', NS.PING) : xml('query', NS.DISCO_INFO);
    const iq = xml('iq', { type: 'get', from: `${join.session.jid}`, to }, payload);
    const accepts = (from: Jid, stanza: Stanza) => `${from}` === to || isFromAround(join, `${from}`, stanza);
    const terms = { timeoutMs: settings.timeout, lateMs: LATE_MS, overhead: true };
    try {
      request = module.askIq(iq, { ...terms, accepts, onAnswer });
    } catch (error) {
      if (question === 'ping') this.#relays.close(to, bare, asked); // Too many requests are pending.
      throw error;
    }
    if (!isAnswered)
      this.#last.set(remote, { request, at: this.#context.now(), leftAt: Number.NEGATIVE_INFINITY });
  }

  #answered(asked: Asked, { stanza, local, late }: IqAnswer & { kind: 'answer' }, onReply: OnReply): void {
    const { metrics } = this.#context;
    const answer = answerOf(stanza, asked.join.room.jid, local);
    const reply = this.#replyTo(asked, answer, late, stanza);
    if (reply === undefined) metrics.ignored.of('void').add();
    if (!late) this.#tell(onReply, reply);
    else if (reply && asked.question === 'ping') {
      metrics.late.add();
      onReply(reply);
    }
  }

  #probe(asked: Asked, onReply: OnReply): void {
    this.#presence.send(asked.join, asked.to, (stanza, local) => {
      const { room } = asked.join;
      const answer: Answer = stanza ? answerOf(stanza, room.jid, local) : { kind: 'timeout' };
      const reply = this.#replyTo(asked, answer, false, stanza);
      if (stanza === undefined) onReply(reply);
      else this.#tell(onReply, reply);
    });
  }

  #replyTo(asked: Asked, answer: Answer, late = false, stanza?: Stanza): Reply | undefined {
    if (isVoid(asked)) return undefined;
    return { answer, relay: relayOf(asked, asked.join.session), late, stanza };
  }

  /** Calls it in a later tick: an error of our own side arrives before `ask` returns. */
  #tell(onReply: OnReply, reply: Reply | undefined): void {
    this.#context.after(0, () => onReply(reply));
  }
}

/** Whether the client has entered, joined again, left, ended or got another nick since the question. */
function isVoid({ join, epoch, nick, isEntering }: Asked): boolean {
  if (join.epoch !== epoch || join.nick !== nick) return true;
  return isEntering ? join.state !== 'joining' : !isIn(join);
}

/** An error, unlike a result, may come from the room or from the service around it. */
function isFromAround({ room }: Join, from: string, { attrs: { type } }: Stanza): boolean {
  return type === 'error' && (from === room.jid || from === room.domain.name);
}

function addressee({ room }: Join, question: Question, nick: string): string {
  if (question === 'room') return room.jid;
  return question === 'service' ? room.domain.name : `${room.jid}/${nick}`;
}

/** @param room the bare JID of the room; distinguishes its errors from those of its service */
export function answerOf(stanza: Stanza, room: string, local: boolean): Answer {
  if (stanza.attrs.type !== 'error') return { kind: 'result', ...factsOf(stanza) };
  const error = stanza.getChild('error');
  return {
    kind: 'error',
    condition: conditionOf(stanza),
    type: typeOf(error?.attrs.type),
    byRoom: error?.attrs.by === room,
    local,
  };
}

/** The condition of an error as received, even if RFC 6120 §8.3.3 does not define it. */
export function conditionOf(stanza: Stanza): string | undefined {
  const conditions: Element[] = stanza.getChild('error')?.elements() ?? [];
  return conditions.find((child) => child.getNS() === NS.STANZAS && child.name !== 'text')?.name;
}

function factsOf(stanza: Stanza): { facts?: RoomFacts } {
  const query = stanza.getChild('query', NS.DISCO_INFO);
  if (query === undefined) return {};
  const features = query.getChildren('feature').map(({ attrs }) => attrs.var);
  const identities = query.getChildren('identity').map(({ attrs }) => attrs);
  // An IRC gateway has an identity of type irc, in the category conference (biboumi) or gateway.
  const irc = identities.some(({ type }) => type === 'irc');
  const gateway = irc || identities.some(({ category }) => category === 'gateway');
  return { facts: { optimised: features.includes(NS.MUC_SELF_PING), irc, gateway } };
}

const TYPES: ReadonlySet<string> = new Set(['auth', 'cancel', 'continue', 'modify', 'wait']);

function typeOf(type: string | undefined): ErrorType | undefined {
  return type !== undefined && TYPES.has(type) ? (type as ErrorType) : undefined;
}
