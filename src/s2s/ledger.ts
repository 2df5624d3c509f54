// Calls the ledger of a host (item `s2s-ledger`) and contains its exceptions. An exception that may have left a count wrong
// ends the stream (docs/adr/0024).

import type { LedgerSummary, StanzaLedger } from '../api/ledger.ts';
import type { S2SStream } from '../api/session.ts';
import type { LocalHost } from '../core/host.ts';
import type { Stanza } from '../xml/element.ts';
import { StanzaError, StreamError } from '../xml/errors.ts';

const NOTHING: LedgerSummary = { features: [], unacknowledged: 0 };

/** Each method is that of `StanzaLedger`; without a ledger it does nothing. */
export class HostLedger implements StanzaLedger {
  readonly #host: LocalHost;

  constructor(host: LocalHost) {
    this.#host = host;
  }

  open(...call: Parameters<StanzaLedger['open']>): 'wait' | undefined {
    return this.#ask('open', undefined, (ledger) => ledger.open(...call));
  }

  /** @throws StanzaError */
  sent(stream: S2SStream, stanza: Stanza): 'refused' | undefined {
    const ledger = this.#ledger;
    if (!ledger) return undefined;
    try {
      return ledger.sent(stream, stanza);
    } catch (error) {
      if (error instanceof StanzaError) throw error;
      this.#miscounted('sent', stream, error);
      throw new StanzaError('internal-server-error');
    }
  }

  received(stream: S2SStream, stanza: Stanza): 'handled' | undefined {
    return this.#ask('received', undefined, (ledger) => ledger.received(stream, stanza));
  }

  handled(stream: S2SStream, stanza: Stanza, work: Promise<unknown> | undefined): void {
    const ledger = this.#ledger;
    if (!ledger) return;
    try {
      ledger.handled(stream, stanza, work);
    } catch (error) {
      this.#miscounted('handled', stream, error);
    }
  }

  closing(stream: S2SStream): void {
    this.#ask('closing', undefined, (ledger) => ledger.closing(stream));
  }

  unacknowledged(stream: S2SStream, remote: string): readonly Stanza[] | undefined {
    return this.#ask('unacknowledged', undefined, (ledger) => ledger.unacknowledged(stream, remote));
  }

  /** True if the ledger fails: a stanza that arrives twice is better than one that is lost. */
  mayResend(stanza: Stanza): boolean {
    return this.#ask('mayResend', true, (ledger) => ledger.mayResend(stanza));
  }

  describe(stream: S2SStream): LedgerSummary {
    return this.#ask('describe', NOTHING, (ledger) => ledger.describe(stream));
  }

  get #ledger(): StanzaLedger | undefined {
    return this.#host.items.first('s2s-ledger');
  }

  #ask<T>(method: keyof StanzaLedger, otherwise: T, ask: (ledger: StanzaLedger) => T): T {
    const ledger = this.#ledger;
    if (!ledger) return otherwise;
    try {
      return ask(ledger);
    } catch (error) {
      this.#report(method, error);
      return otherwise;
    }
  }

  /** Ends the stream: with a wrong count the peer would drop or repeat stanzas. */
  #miscounted(method: keyof StanzaLedger, stream: S2SStream, error: unknown): void {
    this.#report(method, error);
    stream.close(new StreamError('internal-server-error', 'Stanzas could not be counted'));
  }

  #report(method: keyof StanzaLedger, error: unknown): void {
    this.#host.faults.report('handler', error, { ledger: method });
  }
}
