// Confirmation by peers that do not know stream management: stanzas are handled in the order in which they came
// (RFC 6120 §10.1), so that the answer to a ping (XEP-0199), whatever it says, confirms everything before the ping.
//
//     nothing to confirm ──sent──▶ waiting ──0.1 s since the last, or 5 sent──▶ asked ──any answer──▶ (waiting, or none)
//                                                                    └──silence──▶ taken for dead, if it ever answered

import {
  detach,
  type Element,
  type Module,
  NS,
  newId,
  type S2SStream,
  StreamError,
  type Timer,
  xml,
} from 'enjamb/api';
import { sentCount } from './outbound.ts';
import { confirmUpTo, type Link, type SentStanza, stopTimers } from './s2s_link.ts';

/**
 * Between two pings, unless so many stanzas are waiting. What was sent after the last one may come twice if the link
 * breaks: about one stanza of 25 in a second, for ten pings (docs/adr/0017).
 */
const INTERVAL_MS = 100;
const MANY = 5;
const ANSWER_MS = 30_000;
/** A peer that has never answered is asked again after that. */
const RETRY_MS = 60_000;
/** Its stanzas are not kept for longer: what TCP has not brought there by then, it reports. */
const KEEP_MS = 60_000;
/**
 * Answers are confirmed along with what is not one, or once there are so many. Two servers that confirm by pings would
 * have to confirm each other's answers for ever otherwise.
 */
const MAX_ANSWERS = 100;
/** Ids of pings of components, whose answers serve as well as those to our own. */
const MAX_ID_CHARS = 256;

interface Ping {
  readonly link: Link;
  /** How many stanzas had been sent before. */
  readonly sent: number;
  readonly timer: Timer;
  /** Nobody else has sent it. */
  readonly isOurs: boolean;
}

export class Pings {
  readonly #module: Module;
  readonly #pending = new Map<string, Ping>();
  /** The one that is being sent. */
  #leaving: Element | undefined;

  constructor(module: Module) {
    this.#module = module;
    module.onUnload(() => {
      for (const { link, timer } of this.#pending.values()) {
        timer.cancel();
        link.ping = undefined;
      }
    });
  }

  /** Whether a stanza is a ping, which nobody needs to confirm. Another module's serves as well as ours. */
  takes(link: Link, stanza: Element): boolean {
    if (stanza === this.#leaving) return true;
    if (link.mode !== 'pings' || !isPing(stanza, link)) return false;
    const { id = '' } = stanza.attrs;
    if (link.ping === undefined && id.length <= MAX_ID_CHARS) this.#await(link, detach(id), false);
    return true;
  }

  /** Something is about to be written in this tick. */
  sent(link: Link): void {
    const { queue } = link.outbound;
    const isMany = queue.length >= MANY;
    if (link.mode !== 'pings' || link.ping !== undefined || link.isRequesting) return;
    if (link.pingTimer && !(isMany && link.answersPings)) return;
    if (queue.length < MAX_ANSWERS && queue.every(isAnswer)) return;
    const delayMs = isMany ? 0 : link.pingedAt + INTERVAL_MS - this.#module.clock.elapsed();
    if (delayMs > 0) return this.#later(link, delayMs);
    link.pingTimer?.cancel();
    link.pingTimer = undefined;
    link.isRequesting = true;
    queueMicrotask(() => {
      link.isRequesting = false;
      this.#ping(link); // Behind what is being sent in this tick.
    });
  }

  /** Takes note of what comes from other servers; answers to our pings are for nobody else. */
  received(session: S2SStream, element: Element): 'handled' | undefined {
    if (this.#pending.size === 0 || element.name !== 'iq') return undefined;
    const { id = '', type, from } = element.attrs;
    const ping = this.#pending.get(id);
    if (!ping || (type !== 'result' && type !== 'error')) return undefined;
    const { link } = ping;
    if (from !== link.remote || !session.remotes.has(link.remote)) return undefined;
    this.stop(link);
    link.answersPings = true;
    confirmUpTo(link, ping.sent);
    this.sent(link);
    return ping.isOurs ? 'handled' : undefined;
  }

  /** No answer is waited for any more, and nothing is asked. */
  stop(link: Link): void {
    stopTimers(link);
    if (link.ping === undefined) return;
    this.#pending.get(link.ping)?.timer.cancel();
    this.#pending.delete(link.ping);
    link.ping = undefined;
  }

  #ping(link: Link): void {
    const { session, remote } = link;
    if (link.mode !== 'pings' || link.end || link.ping !== undefined || link.outbound.queue.length === 0)
      return;
    const id = newId();
    const from = session.local;
    const ping = xml('iq', { type: 'get', id, from, to: remote }, xml('ping', NS.PING));
    this.#leaving = ping;
    const isSent = session.send(ping);
    this.#leaving = undefined;
    if (!isSent || link.end) return;
    this.#await(link, id, true);
  }

  /** A ping leaves, behind everything else. */
  #await(link: Link, id: string, isOurs: boolean): void {
    link.ping = id;
    link.pingedAt = this.#module.clock.elapsed();
    const timer = this.#module.after(ANSWER_MS, () => this.#silent(link));
    this.#pending.set(id, { link, sent: sentCount(link.outbound), timer, isOurs });
  }

  /** Who never answers may be a server that never does: it is trusted as every server was before. */
  #silent(link: Link): void {
    this.stop(link);
    if (link.answersPings) {
      link.session.close(new StreamError('connection-timeout', 'No sign that stanzas arrive'), 'timeout');
      return;
    }
    const keptFrom = this.#module.clock.elapsed() - KEEP_MS;
    const { outbound } = link;
    const old = outbound.queue.filter(({ at }) => at < keptFrom).length;
    confirmUpTo(link, (outbound.acknowledged + old) >>> 0);
    this.#later(link, RETRY_MS);
  }

  #later(link: Link, delayMs: number): void {
    link.pingTimer = this.#module.after(delayMs, () => {
      link.pingTimer = undefined;
      this.#ping(link);
    });
  }
}

/** From our domain to theirs (XEP-0199 §4.3). */
function isPing({ name, attrs, children }: Element, { session, remote }: Link): boolean {
  const [child] = children;
  const isBetweenServers = attrs.to === remote && attrs.from === session.local;
  if (name !== 'iq' || attrs.type !== 'get' || !isBetweenServers) return false;
  return typeof child === 'object' && child.is('ping', NS.PING);
}

function isAnswer({ stanza: { name, attrs } }: SentStanza): boolean {
  return name === 'iq' && (attrs.type === 'result' || attrs.type === 'error');
}
