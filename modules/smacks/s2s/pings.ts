// Acknowledgement by peers without stream management. They handle stanzas in order (RFC 6120 §10.1). So any answer to a ping
// (XEP-0199), even an error, acknowledges every stanza before the ping.
//
//     nothing unacknowledged ──sent──▶ waiting ──0.1 s since the last, or 5 sent──▶ asked ──any answer──▶ (waiting, or nothing)
//                                                                         └──silence──▶ dead, if it ever answered

import { detach, type Element, type Module, newId, type S2SStream, StreamError } from 'enjamb/api';
import { isPing, pingRequest } from 'enjamb/xep';
import { sentCount } from '../outbound.ts';
import { acknowledgeUpTo, type Ledger, type SentStanza, stopTimers } from './ledger.ts';
import type { Ledgers } from './ledgers.ts';

/**
 * Between two pings, unless `MANY` stanzas are unacknowledged. What was sent after the last ping may arrive twice if the link
 * breaks: about one stanza of 25 in a second, for ten pings (docs/adr/0017).
 */
const INTERVAL_MS = 100;
const MANY = 5;
const ANSWER_MS = 30_000;
/** Pause before the next ping to a peer that has never answered. */
const RETRY_MS = 60_000;
/** The time for which stanzas to such a peer are kept. By then TCP has reported a failure to deliver them. */
const KEEP_MS = 60_000;
/**
 * Unacknowledged answers alone cause a ping only when there are this many. Otherwise two servers that acknowledge by pings
 * would ping for each other's answers for ever.
 */
const MAX_ANSWERS = 100;
/** Longer ids of pings of other modules and components are not remembered. */
const MAX_ID_CHARS = 256;

export class Pings {
  readonly #module: Module;
  readonly #ledgers: Ledgers;

  constructor(module: Module, ledgers: Ledgers) {
    this.#module = module;
    this.#ledgers = ledgers;
    module.onUnload(() => {
      for (const ledger of ledgers.open) ledger.ping = undefined; // Its timer ends with the module.
    });
  }

  /** Whether a stanza is a ping, which needs no acknowledgement. Pings of other modules count like ours. */
  takes(ledger: Ledger, stanza: Element): boolean {
    if (ledger.mode !== 'pings' || !isServerPing(stanza, ledger)) return false;
    const { id = '' } = stanza.attrs;
    if (ledger.ping === undefined && id.length <= MAX_ID_CHARS) this.#await(ledger, detach(id));
    return true;
  }

  /** Call this before something is written in this tick. */
  sent(ledger: Ledger): void {
    const { queue } = ledger.outbound;
    const isMany = queue.length >= MANY;
    if (ledger.mode !== 'pings' || ledger.ping !== undefined || ledger.isRequesting) return;
    if (ledger.pingTimer && !(isMany && ledger.answersPings)) return;
    if (queue.length < MAX_ANSWERS && queue.every(isAnswer)) return;
    const delayMs = isMany ? 0 : ledger.pingedAt + INTERVAL_MS - this.#module.clock.elapsed();
    if (delayMs > 0) return this.#later(ledger, delayMs);
    ledger.pingTimer?.cancel();
    ledger.pingTimer = undefined;
    ledger.isRequesting = true;
    queueMicrotask(() => {
      ledger.isRequesting = false;
      this.#ping(ledger); // After all stanzas of this tick.
    });
  }

  /** Call this for each answer from the peer, on any stream. */
  received(stream: S2SStream, { name, attrs: { id, type, from } }: Element): void {
    if (name !== 'iq' || id === undefined || (type !== 'result' && type !== 'error')) return;
    for (const remote of stream.remotes) {
      const ledger = this.#ledgers.carrier(remote);
      if (ledger?.ping?.id === id && from === ledger.remote) this.#answered(ledger, ledger.ping.sent);
    }
  }

  #answered(ledger: Ledger, sent: number): void {
    stopTimers(ledger);
    ledger.answersPings = true;
    acknowledgeUpTo(ledger, sent);
    this.sent(ledger);
  }

  /** Sends a ping. `takes` is called when the stream takes it; a busy one does later. */
  #ping(ledger: Ledger): void {
    const { mode, end, ping, outbound, stream, remote } = ledger;
    if (mode !== 'pings' || end || ping !== undefined || outbound.queue.length === 0) return;
    const isSent = stream.send(pingRequest({ id: newId(), from: stream.local, to: remote }));
    if (!isSent && stream.isOpen) this.#later(ledger, INTERVAL_MS);
  }

  /** Records a ping that leaves after all earlier stanzas. */
  #await(ledger: Ledger, id: string): void {
    ledger.pingedAt = this.#module.clock.elapsed();
    const timer = this.#module.after(ANSWER_MS, () => this.#silent(ledger));
    ledger.ping = { id, sent: sentCount(ledger.outbound), timer };
  }

  /** A server that has never answered may be one that never does: old stanzas count as delivered then. */
  #silent(ledger: Ledger): void {
    stopTimers(ledger);
    if (ledger.answersPings) {
      ledger.stream.close(new StreamError('connection-timeout', 'No sign that stanzas arrive'), 'timeout');
      return;
    }
    const keptFrom = this.#module.clock.elapsed() - KEEP_MS;
    const { outbound } = ledger;
    const old = outbound.queue.filter(({ at }) => at < keptFrom).length;
    acknowledgeUpTo(ledger, (outbound.acknowledged + old) >>> 0);
    this.#later(ledger, RETRY_MS);
  }

  #later(ledger: Ledger, delayMs: number): void {
    ledger.pingTimer = this.#module.after(delayMs, () => {
      ledger.pingTimer = undefined;
      this.#ping(ledger);
    });
  }
}

/** From our domain to theirs (XEP-0199 §4.3). */
function isServerPing(stanza: Element, { stream, remote }: Ledger): boolean {
  const { to, from } = stanza.attrs;
  return to === remote && from === stream.local && isPing(stanza);
}

function isAnswer({ stanza: { name, attrs } }: SentStanza): boolean {
  return name === 'iq' && (attrs.type === 'result' || attrs.type === 'error');
}
