// The origins of stanzas: sessions of clients, streams with other servers, and our hosts.

import type { Logger } from '../util/logger.ts';
import type { Element, ElementLike, Stanza } from '../xml/element.ts';
import type { SaslCondition } from '../xml/errors.ts';
import type { Jid } from '../xml/jid.ts';

/** Data of modules on a client session. The module that owns a member declares it. */
// biome-ignore lint/suspicious/noEmptyInterface: each module merges its own into it
export interface C2SState {}
/** Data of modules on a stream with another server. */
// biome-ignore lint/suspicious/noEmptyInterface: each module merges its own into it
export interface S2SState {}

interface Session {
  /** Unique in this process; the log uses it. */
  readonly id: string;
  readonly log: Logger;
  /** Whether the stream is encrypted. */
  readonly secure: boolean;
  /** The peer's address as text, for the log and the administrator. */
  readonly remoteAddress: string;
  /** Sends one element to the peer. Returns false if the stream has closed, or another server reads too slowly for a stanza. */
  send(element: Element): boolean;
  /** Ends the session. A StreamError is sent to the peer first. Idempotent. */
  close(error?: Error): void;
}

/** A client's session. Outlives its stream while XEP-0198 resumption is possible. */
export interface C2SSession extends Session {
  readonly kind: 'c2s';
  readonly jid: Jid;
  readonly host: Host;
  /** True while a stream is attached. */
  readonly connected: boolean;
  readonly state: C2SState;
  /** Milliseconds since 1970. */
  readonly boundAt: number;
  /** Stanzas received from the client, and sent to it, since the resource was bound; includes those that modules handle. */
  readonly stanzasIn: number;
  readonly stanzasOut: number;
  /** Output that the client has not read yet; 0 while no stream is attached. Text counts by its length. */
  readonly queuedBytes: number;
  /**
   * Sends one element to the client: fires `c2s-out`, then `c2s-commit`. Returns false if the session has ended or its queue
   * is full. Returns true also for an element that a module holds or queues.
   *
   * `onTaken` is called once: when the client has acknowledged the element (XEP-0198 §4), or, if no module counts stanzas,
   * when it is written. It is not called if the session ends first; so a module that passes it keeps a copy of the element.
   */
  send(element: ElementLike, onTaken?: () => void): boolean;
  /**
   * Counts bytes for the rate of the account (`limits`), as if the client had sent them: for work that a small request
   * causes. Above the rate the client is not read for a while. The stanzas that a stanza causes in its tick are counted
   * already.
   */
  charge(bytes: number): void;
  /** Ends the session after sending a StreamError to the client. `successor`: the session that takes over its address. */
  close(error?: Error, successor?: C2SSession): void;
}

/** One authenticated (or still authenticating) stream with another server, whichever side opened it. */
export interface S2SStream extends Session {
  readonly kind: 's2s';
  /** Direction in which stanzas flow; `both` on a bidirectional stream (XEP-0288). */
  readonly direction: 'in' | 'out' | 'both';
  /** Whether we have opened it. */
  readonly isOurs: boolean;
  /** Our domain. */
  readonly local: string;
  /** The domains that the peer has proved to speak for, or that have accepted ours (`local`). */
  readonly remotes: ReadonlySet<string>;
  /** When the first domain was authenticated, in ms of `clock.elapsed`; `undefined` before. */
  readonly authenticatedAt: number | undefined;
  /** When bytes last arrived from the peer, in ms of `clock.elapsed`; the present time while our side pauses reading. */
  readonly lastReceivedAt: number;
  /** The peer has closed its stream in order. If we had closed ours before, it has read all that we sent. */
  readonly peerClosed: boolean;
  /** Stanzas received and sent since the stream opened. */
  readonly stanzasIn: number;
  readonly stanzasOut: number;
  /**
   * How many of these serve the link itself: pings between the two domains and their answers, and what modules have marked
   * (`IqQuestion.overhead`, `SendOptions.overhead`, `StanzaEvent.markOverhead`).
   */
  readonly overhead: { readonly in: number; readonly out: number };
  /** False once either side has closed the stream. */
  readonly isOpen: boolean;
  /** Whether other stanzas than overhead have passed. */
  readonly wasUsed: boolean;
  readonly state: S2SState;
  /** Ends the session as `Session.close` does; `cause` is what `link-close` gives as the cause then. */
  close(error?: Error, cause?: S2SCloseCause): void;
}

/** The server itself, speaking for one host. */
export interface HostOrigin {
  readonly kind: 'host';
  readonly domain: string;
  /** For an external component: pauses reading from it while too much work of its stanzas is pending. Called by the router. */
  readonly hold?: (work: Promise<unknown>) => void;
}

/** The source of a stanza in the router. */
export type Origin = C2SSession | S2SStream | HostOrigin;

/** Why an authenticated stream with another server ended. */
export type S2SCloseCause =
  /** The peer closed its stream in order, and we followed. */
  | 'clean'
  /** The peer, or we, ended it with a stream error. */
  | 'stream-error'
  /** The connection broke without a closing tag. */
  | 'reset'
  /** The peer had been silent for too long, or did not confirm in time. */
  | 'timeout'
  /** We hung up for lack of traffic. */
  | 'idle'
  /** We are shutting down, or an administrator closed it. */
  | 'local';

/** One of our domains. */
export interface Host {
  readonly domain: string;
  readonly kind: 'local' | 'component';
  /** Bound client sessions. */
  readonly sessions: Sessions;
  /** The accounts of a local host. Synchronous: routing depends on it. */
  readonly users: {
    has(user: string): boolean;
    /** The asynchronous form of `has`, for drivers that do not keep all accounts in memory. */
    exists(user: string): Promise<boolean>;
    /** False for an account that does not exist or is disabled. */
    isEnabled(user: string): boolean;
    /** Disabling an account ends its sessions, and its streams that are logging in. @throws AccountError 'not-found' */
    setEnabled(user: string, enabled: boolean): Promise<void>;
    /**
     * Checks a password outside of a stream, with the checks and limits of SASL PLAIN (RFC 4616). `user` is the name as
     * typed. `address` is the IP address that a failure counts against.
     */
    verify(user: string, password: string, address: string): Promise<'ok' | SaslCondition>;
  };
  /**
   * Loads the table rows of an owner (a user, a room) of this host into memory. `true`: they are in memory until the end of
   * this tick, or longer while the owner has a session or pending work of a stanza. Otherwise resolves once they are loaded.
   * Not needed for the sender and the recipient of the present stanza; await it before reading tables of other owners.
   * @throws StorageError
   */
  ready(owner: string): true | Promise<void>;
}

export interface Sessions extends Iterable<C2SSession> {
  readonly size: number;
  get(full: Jid | string): C2SSession | undefined;
  /** The bound sessions of one account; a stable array, replaced when it changes. */
  of(user: string): readonly C2SSession[];
}

export type { Element, Logger, Stanza };
