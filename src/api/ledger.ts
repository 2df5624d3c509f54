// What a module that counts the stanzas of links with other servers offers to the core (item `s2s-ledger`).

import type { Stanza } from '../xml/element.ts';
import type { S2SStream } from './session.ts';

/**
 * Counts the stanzas on the streams of one host until the peer has acknowledged them (XEP-0198 §4), and knows what to send
 * again over the next stream. Only the first one that is provided counts. A method that throws costs no more than the
 * stream (docs/adr/0028): one that counts (`sent`, `handled`) ends it, since its counts may be wrong; all others have said
 * nothing.
 */
export interface StanzaLedger {
  /**
   * Our stanzas to `remote` are about to take `stream`. After `'wait'` they do once `ready` is called, within 10 s, or the
   * stream is closed. `previous`: the stream that has ended, and whose unacknowledged stanzas are about to be sent again.
   * `acknowledged`: how many of these the peer turned out to have, counted from the oldest (XEP-0198 §5).
   */
  open(
    stream: S2SStream,
    remote: string,
    previous: S2SStream | undefined,
    ready: (acknowledged: number) => void,
  ): 'wait' | undefined;
  /**
   * A stanza is about to be written, in this form. `'refused'`: it is not, and its sender knows.
   * @throws StanzaError with which the stanza returns to its sender
   */
  sent(stream: S2SStream, stanza: Stanza): 'refused' | undefined;
  /** A stanza has arrived. `'handled'`: it is neither routed nor counted, since the peer will send it again. */
  received(stream: S2SStream, stanza: Stanza): 'handled' | undefined;
  /** The received stanza has been handled, in this tick, but for `work`, which never rejects. */
  handled(stream: S2SStream, stanza: Stanza, work: Promise<unknown> | undefined): void;
  /** We are about to close our side of the stream: the last moment to write on it. */
  closing(stream: S2SStream): void;
  /**
   * The stanzas to `remote` that the peer has not acknowledged, oldest first, as they are to be sent again. Called once for
   * each stream that has carried our stanzas, after its end. `undefined`: the stream was not counted.
   */
  unacknowledged(stream: S2SStream, remote: string): readonly Stanza[] | undefined;
  /**
   * Whether one of these may be sent again, or returned to its sender; not when the peer has answered it. Asked each time
   * it is about to happen.
   */
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
