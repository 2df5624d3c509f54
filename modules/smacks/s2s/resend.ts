// Resends the stanzas that another server had not acknowledged when the stream ended (docs/adr/0017).

import {
  errorReply,
  type FlatElement,
  Jid,
  type Module,
  NS,
  type Stanza,
  StanzaError,
  wallTime,
} from 'enjamb/api';
import { LazyElement } from 'enjamb/api/stream';
import { delayBy } from 'enjamb/xep';
import { tooHigh } from '../elements.ts';
import { newOutbound } from '../outbound.ts';
import type { ImplicitAcks } from './implicit_acks.ts';
import type { Ledger, LedgerEnd, Returned, SentStanza } from './ledger.ts';

export class Resend {
  readonly #module: Module;
  readonly #implicit: ImplicitAcks;
  /** Requests that may have been carried out. */
  readonly #doubtful = new WeakSet<Stanza>();

  constructor(module: Module, implicit: ImplicitAcks) {
    this.#module = module;
    this.#implicit = implicit;
  }

  /** Returns the stanzas to be resent to `remote`, oldest first. Later calls return none. */
  take(ledger: Ledger, remote: string): readonly Stanza[] {
    if (!ledger.end) return [];
    const stanzas: Stanza[] = [];
    for (const entry of this.#collected(ledger, ledger.end).returned ?? []) {
      if (entry.remote !== remote || !entry.stanza) continue;
      stanzas.push(entry.stanza);
      entry.stanza = undefined;
    }
    return stanzas;
  }

  /**
   * Takes the peer's count of handled stanzas of an ended stream.
   * @throws StreamError if the count is higher than the number of sent stanzas
   */
  settle(ledger: Ledger, h: number): void {
    if (!ledger.end) return;
    const { returned = [], uncounted = 0 } = this.#collected(ledger, ledger.end);
    const { acknowledged } = ledger.outbound;
    const count = (h - acknowledged) >>> 0;
    const counted = returned.length - uncounted;
    if (count > counted) throw tooHigh(h, (acknowledged + counted) >>> 0);
    ledger.end = { ...ledger.end, acknowledged: count === 0 ? 0 : uncounted + count };
    for (const { doubtful } of returned) {
      const stanza = doubtful?.deref();
      if (stanza) this.#doubtful.delete(stanza);
    }
  }

  /** Returns the number of stanzas for `remote` that the peer has acknowledged. */
  acknowledged(ledger: Ledger | undefined, remote: string): number {
    const { returned = [], acknowledged = 0 } = ledger?.end ?? {};
    return returned.slice(0, acknowledged).filter((entry) => entry.remote === remote).length;
  }

  /**
   * Refuses a request that would be sent again although it may have been carried out. Only its sender knows whether it may
   * be made twice.
   */
  refuses(stanza: Stanza): boolean {
    if (!this.#doubtful.delete(stanza)) return false;
    const error = new StanzaError('remote-server-timeout', {
      text: 'The connection broke before this was acknowledged; it may have been carried out',
    });
    const reply = errorReply(stanza, error);
    if (reply) this.#module.send(reply);
    return true;
  }

  #collected(ledger: Ledger, end: LedgerEnd): LedgerEnd {
    if (end.returned) return end;
    const sent = [...ledger.uncounted, ...ledger.outbound.queue];
    const isKnown = isCounted(ledger, end);
    const returned = sent.map((entry): Returned => {
      const stanza = this.#restored(entry);
      const remote = remoteOf(entry.stanza, ledger);
      if (isKnown || !isSet(stanza)) return { remote, stanza };
      this.#doubtful.add(stanza);
      return { remote, stanza, doubtful: new WeakRef(stanza) };
    });
    ledger.end = { ...end, returned, uncounted: ledger.uncounted.length };
    ledger.uncounted = [];
    ledger.outbound = newOutbound(ledger.outbound.acknowledged);
    return ledger.end;
  }

  /** The stanza as it is sent again. The core knows it by identity if it was sent again before. */
  #restored({ stanza, again, at }: SentStanza): Stanza {
    if (again) return again;
    const restored = new LazyElement(delayed(stanza, at, this.#module));
    this.#implicit.inherit(restored, stanza);
    return restored;
  }
}

/** A stream error right behind the last acknowledgement: the peer has handled nothing after that. */
function isCounted({ mode, hasLastWord }: Ledger, { cause }: LedgerEnd): boolean {
  return mode === 'acks' && hasLastWord && cause === 'stream-error';
}

function isSet({ name, attrs }: Stanza): boolean {
  return name === 'iq' && attrs.type === 'set';
}

function remoteOf({ attrs }: FlatElement, { remote, stream }: Ledger): string {
  if (stream.remotes.size <= 1) return remote;
  return Jid.tryParse(attrs.to)?.domain ?? remote;
}

/**
 * XEP-0203: when a message to a person was sent first. In rooms a delay is the mark of history: members would not be
 * told of a message that has it (XEP-0045 §7.2.15).
 */
function delayed(flat: FlatElement, at: number, { clock, host }: Module): FlatElement {
  const { type } = flat.attrs;
  if (flat.name !== 'message' || type === 'groupchat' || type === 'error') return flat;
  const stanza = new LazyElement(flat);
  if (flat.content.includes(NS.DELAY) && stanza.getChildren('delay', NS.DELAY).length > 0) return flat;
  const content = flat.content + delayBy(host.domain, wallTime(clock, at)).toString();
  return { ...flat, content, contentBytes: flat.contentBytes + content.length - flat.content.length };
}
