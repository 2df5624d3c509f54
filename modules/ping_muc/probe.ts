// Questions under way: each has an id that nobody can guess, a time after which it counts as unanswered, and ten
// minutes more in which a late answer still counts. Nothing is ever pushed out by something newer.

import { type Element, NS, newId, type StanzaEvent, type Timer, xml } from 'enjamb/api';
import { isSelfPresence } from 'enjamb/xep';
import { answerOf } from './answer.ts';
import type { Context, Join } from './context.ts';
import { type Relays, relayOf, type Waiting } from './relay.ts';
import { isIn } from './suspects.ts';
import type { Answer, Question, Relay } from './verdict.ts';

/** `undefined`: the client has moved on, the answer is void. */
export type Listener = (answer: Answer | undefined, relay: Relay) => void;

/** Plain data but for its listener: survives a reload, so that no answer to it ever reaches the client. */
export interface Probe extends Waiting {
  readonly id: string;
  readonly join: Join;
  readonly epoch: number;
  /** The join's nick when this was asked. */
  readonly nick: string;
  /** The client was waiting to be let in. */
  readonly isEntering: boolean;
  readonly question: Question;
  readonly to: string;
  readonly sentAt: number;
  /** Absent once it has been told of the answer, or that there is none. */
  listener: Listener | undefined;
  timer: Timer | undefined;
}

const LATE_MS = 10 * 60_000;

export interface ProbeParts {
  readonly context: Context;
  readonly relays: Relays;
  /** By id, in the order of asking. */
  readonly probes: Map<string, Probe>;
  /** An answer to a ping that was given up already. */
  late(join: Join, answer: Answer, relay: Relay): void;
}

export class Probes {
  readonly #parts: ProbeParts;
  readonly #context: Context;
  readonly #probes: Map<string, Probe>;
  /** Presence probes, whose answer need not repeat the id. */
  readonly #presence = new Map<Join, Probe>();
  /** Questions that wait for a link with another server. */
  readonly #waiting = new Set<Probe>();

  constructor(parts: ProbeParts) {
    this.#parts = parts;
    this.#context = parts.context;
    this.#probes = parts.probes;
  }

  /** Whether any presence may be an answer to us. */
  get awaitsPresence(): boolean {
    return this.#presence.size > 0;
  }

  /** Asks, with the session's address. The listener is called once, never before this returns. */
  ask(join: Join, question: Question, nick: string, listener: Listener): void {
    const { now, after, settings, measures } = this.#context;
    const to = addressee(join, question, nick);
    const probe: Probe = {
      id: newId(),
      join,
      epoch: join.epoch,
      nick: join.nick,
      isEntering: join.state === 'joining',
      question,
      to,
      sentAt: now(),
      listener,
      timer: after(settings.timeout, () => this.#timeout(probe)),
      relayedTo: undefined,
    };
    this.#probes.set(probe.id, probe);
    measures.questions.of(question).add();
    if (question === 'ping') this.#parts.relays.open(to, join.session.jid.bare, probe);
    if (question === 'presence') this.#presence.set(join, probe);
    if (!this.#context.isLocal(join.room.domain.name)) this.#waiting.add(probe);
    this.#context.send(stanzaOf(probe), { overhead: true });
  }

  /** A stanza with this id is on its way over a link; it may be a question of ours. */
  left(id: string | undefined): void {
    const probe = id === undefined ? undefined : this.#probes.get(id);
    if (probe) this.#waiting.delete(probe);
  }

  /** Whether a question to this domain still waits for a link, also when its answer is no longer waited for. */
  isWaiting(domain: string): boolean {
    return [...this.#waiting].some(({ join }) => join.room.domain.name === domain);
  }

  /** An iq for one of our clients: an answer to us is not the client's. */
  acceptIq(event: StanzaEvent): 'handled' | undefined {
    const { id, type } = event.stanza.attrs;
    if (id === undefined || type === 'get' || type === 'set') return undefined;
    const probe = this.#probes.get(id);
    return probe && this.#accept(probe, event);
  }

  /** A presence for one of our clients: the answer to a presence probe is not the client's. */
  acceptPresence(event: StanzaEvent, join: Join | undefined): 'handled' | undefined {
    const { id, type } = event.stanza.attrs;
    if (type === 'error') {
      const probe = id === undefined ? undefined : this.#probes.get(id);
      return probe && this.#accept(probe, event);
    }
    const probe = join && this.#presence.get(join);
    if (!probe || type !== undefined || !isSelfPresence(event.stanza)) return undefined;
    return this.#accept(probe, event);
  }

  /** Forgets what could not even be late any more. */
  sweep(): void {
    const oldest = this.#context.now() - LATE_MS;
    for (const probe of this.#probes.values()) {
      if (probe.sentAt > oldest) return;
      this.#forget(probe);
    }
  }

  /** This instance ends: nobody listens any more, and answers go nowhere. */
  close(): void {
    for (const probe of this.#probes.values()) this.#done(probe);
  }

  #accept(probe: Probe, event: StanzaEvent): 'handled' {
    const { measures, log } = this.#context;
    if (!isFromAsked(probe, event)) {
      measures.ignored.of('spoofed').add();
      log.debug('answer from a stranger ignored', { from: `${event.from}`, asked: probe.to });
      return 'handled';
    }
    event.markOverhead();
    const answer = answerOf(event, probe.join.room.jid);
    const relay = relayOf(probe, probe.join.session);
    const listener = this.#done(probe);
    this.#forget(probe);
    if (isVoid(probe)) {
      measures.ignored.of('void').add();
      this.#tell(listener, undefined, relay);
    } else if (listener) this.#tell(listener, answer, relay);
    else if (probe.question === 'ping') {
      measures.late.add();
      this.#parts.late(probe.join, answer, relay);
    }
    return 'handled';
  }

  #forget(probe: Probe): void {
    this.#probes.delete(probe.id);
    this.#waiting.delete(probe);
  }

  #timeout(probe: Probe): void {
    this.#done(probe)?.(isVoid(probe) ? undefined : { kind: 'timeout' }, relayOf(probe, probe.join.session));
  }

  /** Nobody waits for this answer any more; gives who did. */
  #done(probe: Probe): Listener | undefined {
    const { listener } = probe;
    probe.timer?.cancel();
    probe.timer = undefined;
    probe.listener = undefined;
    if (this.#presence.get(probe.join) === probe) this.#presence.delete(probe.join);
    if (probe.question === 'ping') this.#parts.relays.close(probe.to, probe.join.session.jid.bare, probe);
    return listener;
  }

  /** An answer can come while the question is still being sent, when our own side refuses it. */
  #tell(listener: Listener | undefined, answer: Answer | undefined, relay: Relay): void {
    if (listener) this.#context.after(0, () => listener(answer, relay));
  }
}

/** Whether the client has been let in, has joined anew, left, ended or got another nick since. */
function isVoid({ join, epoch, nick, isEntering }: Probe): boolean {
  if (join.epoch !== epoch || join.nick !== nick) return true;
  return isEntering ? join.state !== 'joining' : !isIn(join);
}

/**
 * A result has to come from the very address that was asked; errors may come from the room or the service around it.
 * That the stream may speak for the domain has been checked by the core.
 */
function isFromAsked({ to: asked, join, question }: Probe, { stanza, from, to }: StanzaEvent): boolean {
  if (`${to}` !== `${join.session.jid}`) return false;
  if (question === 'presence' && stanza.attrs.type !== 'error') return from.bare === join.room.jid;
  if (`${from}` === asked) return true;
  return (
    stanza.attrs.type === 'error' && (`${from}` === join.room.jid || `${from}` === join.room.domain.name)
  );
}

function addressee({ room }: Join, question: Question, nick: string): string {
  if (question === 'room') return room.jid;
  return question === 'service' ? room.domain.name : `${room.jid}/${nick}`;
}

function stanzaOf({ id, join, question, to }: Probe): Element {
  const from = `${join.session.jid}`;
  if (question === 'presence') return xml('presence', { type: 'probe', id, from, to });
  const payload = question === 'ping' ? xml('ping', NS.PING) : xml('query', NS.DISCO_INFO);
  return xml('iq', { type: 'get', id, from, to }, payload);
}
