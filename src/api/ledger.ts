// The interface of the module that counts stanzas on links with other servers (item `s2s-ledger`). The core calls it.

import type { Stanza } from '../xml/element.ts';
import type { S2SStream } from './session.ts';

/**
 * Counts the stanzas on the streams of one host until the peer has acknowledged them (XEP-0198 §4), and knows what to send
 * again on the next stream. If several modules provide one, the first is used. An exception is logged (docs/adr/0028). In a
 * method that counts (`sent`, `handled`) it also ends the stream, since the counts may be wrong. In other methods it has the
 * effect of a call without an answer.
 */
export interface StanzaLedger {
  /**
   * Our stanzas to `remote` are about to take `stream`. After `'wait'` they wait until `ready` is called; if that takes more
   * than 10 s, the stream is closed. `previous`: the ended stream whose unacknowledged stanzas are about to be sent again.
   * `acknowledged`: the number of these, from the oldest, that the peer has after all (XEP-0198 §5).
   */
  open(
    stream: S2SStream,
    remote: string,
    previous: S2SStream | undefined,
    ready: (acknowledged: number) => void,
  ): 'wait' | undefined;
  /**
   * A stanza is about to be written, in this form. `'refused'`: it is not written; the ledger has notified its sender.
   * @throws StanzaError with which the stanza returns to its sender
   */
  sent(stream: S2SStream, stanza: Stanza): 'refused' | undefined;
  /** A stanza has arrived. `'handled'`: it is neither routed nor counted, since the peer will send it again. */
  received(stream: S2SStream, stanza: Stanza): 'handled' | undefined;
  /** The received stanza was handled in this tick. If it has left `work`, it counts once this settles; `work` never rejects. */
  handled(stream: S2SStream, stanza: Stanza, work: Promise<unknown> | undefined): void;
  /** We are about to close our side of the stream: the last moment to write on it. */
  closing(stream: S2SStream): void;
  /**
   * The stanzas to `remote` that the peer has not acknowledged, oldest first, in the form in which they are sent again. Called
   * once for each stream that has carried our stanzas, after its end. `undefined`: the stream was not counted.
   */
  unacknowledged(stream: S2SStream, remote: string): readonly Stanza[] | undefined;
  /** Called before an unacknowledged stanza is sent again or returned. False if the peer has answered it, and so has it. */
  mayResend(stanza: Stanza): boolean;
  describe(stream: S2SStream): LedgerSummary;
}

/** For administrators. */
export interface LedgerSummary {
  /** What was negotiated, such as 'stream management'. */
  readonly features: readonly string[];
  /** The number of stanzas that the peer has not acknowledged. */
  readonly unacknowledged: number;
}
