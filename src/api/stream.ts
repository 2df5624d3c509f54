// `import { … } from 'enjamb/api/stream'`: for modules that take part in streams. In-tree: it may change in any release, and
// the changelog says so. test/api/stream.txt shows what each name promises.

import type { Transport } from '../net/transport.ts';
import type { ClientStream } from '../stream/client-stream.ts';
import type { Framing } from '../stream/framing.ts';
import type { Clock } from '../util/clock.ts';
import type { SharedBudget } from '../util/shared-budget.ts';
import type { Element, Stanza } from '../xml/element.ts';
import type { StanzaError, StreamError } from '../xml/errors.ts';
import type { Event } from './events.ts';
import type { StanzaLedger } from './ledger.ts';
import type { SaslMechanisms, SaslProfile } from './login.ts';
import type { Module } from './module.ts';
import type { C2SSession, S2SStream } from './session.ts';

export type { Transport, TransportHandler } from '../net/transport.ts';
export type { ClientStream, StreamCloseCause, StreamHandler } from '../stream/client-stream.ts';
export { documentParser, type Framing, type OpenOptions, type StreamParser } from '../stream/framing.ts';
export { SaslError } from '../xml/errors.ts';
export { flatBytes } from '../xml/flat.ts';
export { LazyElement } from '../xml/lazy.ts';
export { DEFAULT_LIMITS, type ParserLimits } from '../xml/limits.ts';
export type { ParserHandler } from '../xml/parser.ts';
export type { LedgerSummary, StanzaLedger } from './ledger.ts';
export type {
  ChannelBindings,
  Login,
  LoginStart,
  SaslConnection,
  SaslMechanism,
  SaslMechanisms,
  SaslOffer,
  SaslProfile,
  SaslProfileOffer,
  SaslRequest,
  SaslStep,
} from './login.ts';

// What follows is visible to modules that import this door, and to the server itself.

declare module 'enjamb/api' {
  interface Events {
    /**
     * An element is about to be committed to a client. `'held'`: the module drops it, or passes it to `session.commit` later;
     * `session.send` returns true in both cases.
     */
    'c2s-out': Event<OutgoingElement, 'held'>;
    /**
     * An element is about to be written, in its final form and order. `'kept'`: the module keeps it until the client
     * acknowledges it, so it counts as sent even if the stream breaks. `'queued'`: the same, but it is not written now. In both
     * cases the module calls `onTaken`. `'full'`: the queue has no space; only for an element with `onTaken`.
     */
    'c2s-commit': Event<Readonly<OutgoingElement>, 'kept' | 'queued' | 'full'>;
    /** A stanza of the client was handled in this tick; `work` may still be pending. */
    'c2s-handle': Event<{
      readonly session: C2SSession;
      readonly stanza: Stanza;
      /** Resolves once all promises passed to `waitUntil` have settled; `undefined` if there are none. */
      readonly work: Promise<unknown> | undefined;
    }>;
    /**
     * An authenticated client without a resource has sent an element that is neither a stanza nor a request to bind. The
     * answer is a reply, or the session of the same account that takes over this stream (XEP-0198 §5).
     */
    'c2s-unbound-nonza': Event<
      { readonly session: C2SSession; readonly element: Element },
      { readonly reply: Element } | { readonly resume: C2SSession }
    >;
    /** A client that has not authenticated has sent an element that only authenticated clients may send. Answer: the reply. */
    'c2s-early-nonza': Event<{ readonly element: Element }, Element>;
    /**
     * A client that has not authenticated has sent a request that is not part of the negotiation. The answer is the whole
     * reply; a StanzaError of a handler becomes the error reply. Reading pauses until the reply is sent. A stream may send 10
     * such requests.
     */
    'c2s-early-iq': Event<{ readonly session: C2SSession; readonly iq: Stanza }, Promise<Element>>;
    /** The stream broke. `'sleep'`: the module keeps the session for resumption; without an answer the session ends. */
    'c2s-disconnect': Event<{ readonly session: C2SSession; readonly error: Error | undefined }, 'sleep'>;
    /** The session has a new stream, on which nothing was written yet. The handler that replays calls `session.ready()`. */
    'c2s-attach': Event<{ readonly session: C2SSession }>;
    /** The client has resumed its session, and the stanzas that it missed were sent. */
    'c2s-resume': Event<{ readonly session: C2SSession }>;
  }

  interface Items {
    /** A syntax in which clients authenticate. */
    'sasl-profile': SaslProfile;
    /** A source of mechanisms by which clients authenticate. */
    'sasl-mechanism': SaslMechanisms;
    /** A module's part of each saved client session. */
    'session-part': SessionPart;
    /** Counts the stanzas of links with other servers. The core uses the first one provided. */
    's2s-ledger': StanzaLedger;
  }

  interface C2SSession {
    /** Pauses reading from the client while too much work of its stanzas is pending. Called by the router. */
    hold(work: Promise<unknown>): void;
    /** As `send`, but without `c2s-out`: for a module that has held the element in that event. */
    commit(element: Element, onTaken?: () => void): boolean;
    /** Call this after replaying the stanzas that the client missed. Fires `c2s-resume`. Idempotent. */
    ready(): void;
    /**
     * Writes to the stream without firing `c2s-out` or `c2s-commit`: for elements that are not stanzas, and for text that was
     * committed before. Returns false if there is no open stream.
     */
    write(element: Element | string): boolean;
    /**
     * Closes a stream that seems dead; the client may resume the session on another one. Does nothing and returns false while
     * our side has paused reading, since the client's silence proves nothing then.
     */
    disconnect(error: StreamError): boolean;
  }

  interface S2SStream {
    /** Budget for the stanzas that peers have not acknowledged, in bytes; shared by all streams and hosts. */
    readonly unacknowledged: SharedBudget;
    /** What counts as one peer for limits on strangers: an IPv4 address, or the /48 network of an IPv6 site. */
    readonly remoteSite: string;
    /** The id of the stream, chosen by the side that was called (RFC 6120 §4.7.3); empty before its header. */
    readonly streamId: string;
    /** The features that the peer announced last; `undefined` before, and on streams that the peer opened. */
    readonly peerFeatures: Element | undefined;
    /** Pauses reading from the peer while too much work of its stanzas is pending. Called by the router. */
    hold(work: Promise<unknown>): void;
    /** Counts the received stanza as overhead, unless it has been counted. Called by the router. */
    countOverhead(stanza: Stanza): void;
    /** Sends an element that is not a stanza, without firing `s2s-out`. Returns false if the stream has closed. */
    write(element: Element): boolean;
    /** Sends a space, so that the peer does not consider the connection dead (RFC 6120 §4.6.1). */
    keepAlive(): void;
    /** Lets stanzas flow both ways between the domains that are authenticated on this stream (XEP-0288). Idempotent. */
    makeBidirectional(): void;
    /** Whether the peer's certificate is valid for `domain` (RFC 6120 §13.7.2), or its TLSA records match (DANE, RFC 7673). */
    proves(domain: string): boolean;
    /**
     * Looks up TLSA records (RFC 7673) for the peer's certificate if they could change the decision: the policy of `local`
     * (default: the stream's own domain) requires a certificate, and `proves` is false. Then calls `then`; immediately if no
     * look-up is needed. Reading pauses meanwhile, for 5 s at most. `then` is not called if the stream ends first.
     */
    examine(domain: string, then: () => void, local?: string): void;
    /** The error if the policy of our domain `local` forbids `remote` on this stream, even when `remote` is authenticated. */
    refuses(remote: string, local: string): StanzaError | undefined;
    /**
     * Allows stanzas between `remote` and our domain `local`; the caller has verified `remote`. A `local` other than the
     * stream's own domain can only receive on this stream (XEP-0220 §2.2.1).
     * @throws StanzaError that of `refuses`; 'resource-constraint' if the stream has too many pairs of domains
     */
    authenticate(remote: string, local: string): void;
  }
}

/** An element on its way to a client. */
export interface OutgoingElement {
  readonly session: C2SSession;
  /** Replaced (never edited in place) by handlers of `c2s-out`. */
  element: Element;
  /** Passed on to `session.commit` by a module that holds the element. See `C2SSession.send`. */
  readonly onTaken: (() => void) | undefined;
}

/** Data that survives a conversion to JSON text and back. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** The part of a client session that one module saves, so that another process can continue the session. */
export interface SessionPart {
  /** Unique among the parts of a host. */
  readonly name: string;
  /** `undefined` if there is nothing to save. */
  save(session: C2SSession): Json | undefined;
  /**
   * Restores the saved data. The session is asleep and not yet in `host.sessions`; send nothing, and fire no event.
   * @throws TypeError if the data is unusable; then the session is not restored
   */
  load(session: C2SSession, saved: Json): void;
}

export interface NonzaMatch {
  readonly on: readonly ('c2s' | 's2s')[];
  readonly name: string;
  readonly xmlns: string;
}
export type NonzaHandler = (element: Element, session: C2SSession | S2SStream) => void;

/** The entry for clients on transports other than TCP. */
export interface ClientDoor {
  /** Makes a stream on a transport, with this server's limits for clients. Nothing was received on the transport yet. */
  clientStream(transport: Transport, framing: Framing): ClientStream;
  /** Takes over a client's stream, on which nothing was received yet, and lets the client log in. */
  acceptClient(stream: ClientStream): void;
}

/** What a module may do with streams. What it registers is undone when the module unloads. */
export interface Streams extends ClientDoor {
  /** The server's clock: its timers outlive the module, as streams and sleeping sessions do. */
  readonly serverClock: Clock;
  /**
   * Registers the one handler for a top-level element that is no stanza (XEP-0360), on bound streams.
   * @throws ModuleError when another module handles it already
   */
  handleNonza(match: NonzaMatch, handler: NonzaHandler): void;
  /**
   * Resolves with the stream that this host has opened to another server; opens one if there is none. TLS is negotiated;
   * authentication may still be pending.
   * @throws Error when the server cannot be reached
   */
  connectRemote(remote: string): Promise<S2SStream>;
}

/** Gives a module access to streams. */
export function streams(module: Module): Streams {
  return module as Module & Streams; // One object serves both doors: the types keep them apart.
}
