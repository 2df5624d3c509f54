// The interfaces of modules that take part in logins (RFC 6120 §6). A profile is the XML syntax of the SASL exchange; a
// mechanism proves the account. The server (c2s/login.ts) controls the exchange, its limits and its deadline.

import type { SaslConnection, SaslMechanism, SaslOffer } from '../sasl/mechanism.ts';
import type { Element } from '../xml/element.ts';
import type { SaslError } from '../xml/errors.ts';
import type { C2SSession } from './session.ts';

export type {
  ChannelBindings,
  SaslConnection,
  SaslMechanism,
  SaslOffer,
  SaslStep,
} from '../sasl/mechanism.ts';

/** The meaning of an element that a client sends. */
export type SaslRequest =
  | {
      readonly do: 'start';
      readonly mechanism: string;
      /** The initial response; absent when the client sent none, which differs from an empty one. */
      readonly data?: Buffer;
      /** Also allows mechanisms that the list does not name (`listed: false`). */
      readonly unlisted?: boolean;
    }
  | { readonly do: 'answer'; readonly data: Buffer }
  | { readonly do: 'abort' };

/** The item `sasl-profile`: one syntax of the SASL exchange. A stream uses those that existed when it sent its features. */
export interface SaslProfile {
  /** Namespace of all its elements; unique among the profiles of the host. */
  readonly xmlns: string;
  /** Names of the elements by which clients start, answer and abort an attempt. */
  readonly elements: readonly string[];
  /** The element in the stream features; `undefined`: none. */
  feature(offer: SaslProfileOffer): Element | undefined;
  /** Reads one of these elements. @throws SaslError when it cannot be read; the attempt is then over */
  read(element: Element): SaslRequest;
  /** `data` is empty when the mechanism has nothing to say. */
  challenge(data: Buffer): Element;
  failure(error: SaslError): Element;
  /**
   * Concludes a login. The stream is not read until it settles, unless the profile calls `login.next`. Before that, the
   * profile calls exactly one of `restart`, `proceed` and `fail`.
   * @throws SaslError which refuses the login
   */
  proved(login: Login, start: Element): Promise<void>;
}

export interface SaslProfileOffer extends SaslOffer {
  readonly session: C2SSession;
}

/** The beginning of a login, for the mechanism. */
export interface LoginStart {
  /** The stream's session; it has no resource yet. */
  readonly session: C2SSession;
  /** What the stream has offered. */
  readonly offer: SaslOffer;
}

/** A login whose account is proved, for the profile to conclude. */
export interface Login extends LoginStart {
  /** The prepared localpart. */
  readonly user: string;
  readonly mechanism: string;
  /** Additional data with success (RFC 6120 §6.4.6); absent is not the same as empty. */
  readonly data?: Buffer;
  /**
   * Reads exactly one more element of the profile, with one of these names. Any other element ends the stream with
   * `policy-violation`.
   * @throws SaslError 'temporary-auth-failure' when none comes within 30 s; Error when the stream ends.
   */
  next(names: readonly string[]): Promise<Element>;
  /** Refuses the login; another attempt may follow. */
  fail(error: SaslError): void;
  /** Sends `success`, then expects a new stream header (RFC 6120 §6.4.6). */
  restart(success: Element): void;
  /** Sends `success`, then the features of an authenticated stream, without a new header (XEP-0388 §2.6). */
  proceed(success: Element): void;
}

/** The item `sasl-mechanism`: a source of mechanisms. */
export interface SaslMechanisms {
  /** False: not in the list that profiles announce; for a profile that announces them itself (XEP-0484). */
  readonly listed: boolean;
  /** Names for a connection, best first. */
  names(connection: SaslConnection): string[];
  /** Begins an attempt. @throws SaslError 'invalid-mechanism' for a name that is not offered. */
  create(name: string, login: LoginStart): SaslMechanism;
}
