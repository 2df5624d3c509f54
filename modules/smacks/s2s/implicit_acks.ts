// Stanzas of other servers that prove the arrival of ours by the same id: the result or error of an iq, the reflection of a
// message to a room, and the client's own presence after a join (RFC 6120 §8.1.3; XEP-0045 §7.2.2, §7.4).

import { type Element, type FlatElement, Jid, type S2SStream, type Stanza } from 'enjamb/api';
import { isSelfPresence } from 'enjamb/xep';
import { acknowledgeUpTo, type Ledger } from './ledger.ts';
import type { Ledgers } from './ledgers.ts';

/** Unacknowledged stanzas that are compared with a received one: the answer is for one of the oldest. */
const MAX_COMPARED = 32;

export class ImplicitAcks {
  readonly #ledgers: Ledgers;
  readonly #answered = new WeakSet<FlatElement | Stanza>();

  constructor(ledgers: Ledgers) {
    this.#ledgers = ledgers;
  }

  /** Whether an unacknowledged stanza has been answered. */
  has(stanza: Stanza): boolean {
    return this.#answered.has(stanza);
  }

  /** Call this before `copy` is sent in place of `stanza`. */
  inherit(copy: Stanza, stanza: FlatElement): void {
    if (this.#answered.has(stanza)) this.#answered.add(copy);
  }

  /** Call this for each stanza from another server, on any stream. */
  received({ remotes }: S2SStream, stanza: Stanza): void {
    if (stanza.attrs.id === undefined || !mayAnswer(stanza)) return;
    for (const remote of remotes) {
      const ledger = this.#ledgers.carrier(remote);
      if (ledger) this.#compare(ledger, stanza);
    }
  }

  #compare(ledger: Ledger, answer: Stanza): void {
    const { queue, acknowledged } = ledger.outbound;
    const length = Math.min(queue.length, MAX_COMPARED);
    for (let index = 0; index < length; index++) {
      const { stanza, again } = queue[index]!;
      if (stanza.attrs.id !== answer.attrs.id || !isAnswer(answer, stanza)) continue;
      this.#answered.add(stanza);
      if (again) this.#answered.add(again);
      // Stanzas are handled in order (RFC 6120 §10.1), as with pings. A peer that counts knows better what it has handled.
      if (ledger.mode === 'pings') acknowledgeUpTo(ledger, (acknowledged + index + 1) >>> 0);
      return;
    }
  }
}

/** Whether a stanza may prove the arrival of another one; most cannot. */
function mayAnswer({ name, attrs: { type } }: Stanza): boolean {
  if (type === 'error') return true;
  return name === 'presence' || type === (name === 'iq' ? 'result' : 'groupchat');
}

function isAnswer(answer: Element, { name, attrs }: FlatElement): boolean {
  const { type, from, to } = answer.attrs;
  if (answer.name !== name || to !== attrs.from) return false;
  if (name === 'iq') return from === attrs.to && (type === 'result' || type === 'error');
  if (Jid.tryParse(from)?.bare !== Jid.tryParse(attrs.to)?.bare) return false;
  if (type === 'error') return true;
  return name === 'message' ? type === 'groupchat' && attrs.type === type : isSelfPresence(answer);
}
