// Questions that modules ask: iq requests of ours, and what becomes of them.

import type { Stanza } from '../xml/element.ts';
import type { Jid } from '../xml/jid.ts';
import type { Origin, S2SStream } from './session.ts';

export interface IqQuestion {
  /** Default: 30 s. */
  readonly timeoutMs?: number;
  /** For how long after that an answer is still delivered, marked `late`. Default: 0. */
  readonly lateMs?: number;
  /** Whether the sender may answer. Default: only the address that was asked, in any spelling (RFC 7622 §3). */
  readonly accepts?: (from: Jid, answer: Stanza) => boolean;
  /** The stream that the question takes. It does not queue there: when the stream is closed, it is not sent. */
  readonly over?: S2SStream;
  /**
   * The question serves the link itself: it and its answer do not count as use of a stream. It is not sent again when a
   * stream has broken on which it had left.
   */
  readonly overhead?: boolean;
  /** Limits the questions that are asked on behalf of one object and not answered yet. */
  readonly quota?: { readonly of: object; readonly max: number };
  /** Called in the tick of the answer, perhaps before `askIq` returns; never after the module has unloaded. */
  readonly onAnswer: (answer: IqAnswer) => void;
}

/** Told of the answer to a request of a client; `'handled'` keeps the answer from the client. */
export type FollowIq = (answer: IqAnswer) => 'handled' | undefined | void;

export type IqAnswer =
  | {
      readonly kind: 'answer';
      /** A result or an error. */
      readonly stanza: Stanza;
      readonly origin: AnswerOrigin;
      /** Our own side could not deliver the question (see `isLocalBounce`). */
      readonly local: boolean;
      /** A `timeout` was told before. */
      readonly late: boolean;
    }
  | { readonly kind: 'timeout' };

/** Where an answer came from: facts, not the session. */
export interface AnswerOrigin {
  readonly kind: Origin['kind'];
  /** Of the session; `undefined` for a host. */
  readonly id: string | undefined;
  /** Of the sender. */
  readonly domain: string;
  /** When the stream of another server was authenticated, in ms of `clock.elapsed`. */
  readonly authenticatedAt: number | undefined;
}

export interface AskedIq {
  /** The id of the request, which cannot be guessed. */
  readonly id: string;
  /** Whether it has left over a link, or reached a service of ours. */
  readonly left: boolean;
  /** Stops waiting. A later answer is dropped. */
  cancel(): void;
}
