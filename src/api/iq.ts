// The iq requests that modules send (questions), and their answers.

import type { Stanza } from '../xml/element.ts';
import type { Jid } from '../xml/jid.ts';
import type { Origin, S2SStream } from './session.ts';

export interface IqQuestion {
  /** Default: 30 s. Counts from the question, and anew when it leaves after it has waited for the link. */
  readonly timeoutMs?: number;
  /** Time after the timeout in which an answer is still delivered, marked `late`. Default: 0. */
  readonly lateMs?: number;
  /** Whether the sender may answer. Default: only the address that was asked, in any spelling (RFC 7622 §3). */
  readonly accepts?: (from: Jid, answer: Stanza) => boolean;
  /** Sends the question on this stream only. If the stream is closed, the question is not sent. */
  readonly over?: S2SStream;
  /** The question serves the link itself: it and its answer do not count as use of a stream, and no stream resends it. */
  readonly overhead?: boolean;
  /** Limits the pending questions on behalf of one object, such as an occupant. */
  readonly quota?: { readonly of: object; readonly max: number };
  /** Called in the tick of the answer, perhaps before `askIq` returns; never after the module has unloaded. */
  readonly onAnswer: (answer: IqAnswer) => void;
}

/** Receives the answer to a client's request. `'handled'`: the client does not get the answer. */
export type FollowIq = (answer: IqAnswer) => 'handled' | undefined | void;

export type IqAnswer =
  | {
      readonly kind: 'answer';
      /** A result or an error. */
      readonly stanza: Stanza;
      readonly origin: AnswerOrigin;
      /** Our own side could not deliver the question (see `isLocalBounce`). */
      readonly local: boolean;
      /** `onAnswer` was called with `timeout` before. */
      readonly late: boolean;
    }
  | { readonly kind: 'timeout' };

/** The source of an answer, as plain data: the session may have ended. */
export interface AnswerOrigin {
  readonly kind: Origin['kind'];
  /** The id of the session or stream; `undefined` for a host. */
  readonly id: string | undefined;
  /** The domain of the sender's address. */
  readonly domain: string;
  /** When the stream of another server was authenticated, in ms of `clock.elapsed`. */
  readonly authenticatedAt: number | undefined;
}

export interface AskedIq {
  /** The id of the request, which cannot be guessed. */
  readonly id: string;
  /** Whether the request was written to a stream, or has reached a service of this server. */
  readonly left: boolean;
  /** Stops waiting. A later answer is dropped. */
  cancel(): void;
}
