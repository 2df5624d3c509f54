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
     * An element is about to be committed to a client. `'held'`: the module drops it, or gives it to `session.commit` later;
     * the sender is told that it was sent.
     */
    'c2s-out': Event<OutgoingElement, 'held'>;
    /**
     * An element is about to be written, in its final form and place. `'kept'`: the module keeps it until the client has it,
     * so it counts as sent even if the stream fails. `'queued'`: the same, and it is not written now. In both cases the
     * module calls `onTaken`. `'full'`: the queue has no room now; only for an element with `onTaken`.
     */
    'c2s-commit': Event<Readonly<OutgoingElement>, 'kept' | 'queued' | 'full'>;
    /** A stanza of the client has been handled, in this tick, but for `work`. */
    'c2s-handle': Event<{
      readonly session: C2SSession;
      readonly stanza: Stanza;
      /** Resolves once everything has settled that `waitUntil` was called with; `undefined` when there is nothing. */
      readonly work: Promise<unknown> | undefined;
    }>;
    /**
     * An authenticated client sends an element before it has bound a resource that is neither a request to bind nor a
     * stanza. The answer is the reply, or the session of the same account that goes on with this stream (XEP-0198 §5).
     */
    'c2s-unbound-nonza': Event<
      { readonly session: C2SSession; readonly element: Element },
      { readonly reply: Element } | { readonly resume: C2SSession }
    >;
    /** A client that has not authenticated sends an element of authenticated clients. The answer is sent to it. */
    'c2s-early-nonza': Event<{ readonly element: Element }, Element>;
    /**
     * A client that has not authenticated sends a request that is not part of the negotiation. The answer is the whole reply.
     * A StanzaError with which a handler fails becomes the error reply. The stream is not read until then; it takes 10 requests.
     */
    'c2s-early-iq': Event<{ readonly session: C2SSession; readonly iq: Stanza }, Promise<Element>>;
    /** The stream has ended. `'sleep'`: the module can resume the session; without an answer the session ends. */
    'c2s-disconnect': Event<{ readonly session: C2SSession; readonly error: Error | undefined }, 'sleep'>;
    /** The session goes on with another stream, on which nothing has been written yet. The handler calls `session.ready()`. */
    'c2s-attach': Event<{ readonly session: C2SSession }>;
    /** The client has resumed its session and has been sent what it missed. */
    'c2s-resume': Event<{ readonly session: C2SSession }>;
  }

  interface Items {
    /** A syntax in which clients authenticate; a stream offers those that are there when it announces its features. */
    'sasl-profile': SaslProfile;
    /** A source of mechanisms by which clients authenticate. */
    'sasl-mechanism': SaslMechanisms;
    /** What a module saves of each client session. */
    'session-part': SessionPart;
    /** What counts the stanzas of links with other servers. The first provider does. */
    's2s-ledger': StanzaLedger;
  }

  interface C2SSession {
    /** Reads no further from the client while too much of its work is under way. Called by the router. */
    hold(work: Promise<unknown>): void;
    /** As `send`, but past `c2s-commit` only: for a module that has held the element in `c2s-out`. */
    commit(element: Element, onTaken?: () => void): boolean;
    /**
     * Called by the module that resumed the session, once the client has been sent what it missed: fires `c2s-resume`.
     * Idempotent.
     */
    ready(): void;
    /**
     * Writes to the stream past both events: elements that are no stanzas, and text that was committed before. Returns
     * false when there is no stream, or when the stream has closed.
     */
    write(element: Element | string): boolean;
    /**
     * Gives up a stream that seems dead; the session may be resumed on another one. False, and nothing happens, while
     * it is us who do not read, so that the client's silence proves nothing.
     */
    disconnect(error: StreamError): boolean;
  }

  interface S2SStream {
    /** Budget for the stanzas that peers have not acknowledged, in bytes; shared by all streams and hosts. */
    readonly unacknowledged: SharedBudget;
    /** What counts as one peer for limits on strangers: an IPv4 address, or the /48 network of an IPv6 site. */
    readonly remoteSite: string;
    /** The id of the stream, chosen by the side that was called (RFC 6120 §4.7.3). */
    readonly streamId: string;
    /** What the peer has announced last on a stream that we have opened; `undefined` before, and on its own streams. */
    readonly peerFeatures: Element | undefined;
    /** Reads no further from the peer while too much of the work of its stanzas is under way. Called by the router. */
    hold(work: Promise<unknown>): void;
    /** Counts the received stanza as overhead, unless it has been counted. Called by the router. */
    countOverhead(stanza: Stanza): void;
    /** Sends one element past `s2s-out`: no stanza. False when the stream takes nothing any more. */
    write(element: Element): boolean;
    /** Sends a space, so that the connection is not taken for dead (RFC 6120 §4.6.1). */
    keepAlive(): void;
    /** Lets stanzas flow both ways between the domains that are authenticated on this stream (XEP-0288). Idempotent. */
    makeBidirectional(): void;
    /** Whether the peer's certificate is valid and made for `domain` (RFC 6120 §13.7.2), or the DNS vouches for it (DANE). */
    proves(domain: string): boolean;
    /**
     * Checks the peer's certificate against TLSA records (RFC 7673), then calls `then`. Calls it immediately if the policy of
     * `local` (default: the stream's own domain) does not need that, or `proves` is true already. The stream is not read
     * until then, for a few seconds at most. `then` is not called if the stream ends meanwhile.
     */
    examine(domain: string, then: () => void, local?: string): void;
    /** Why the policy of our domain `local` forbids `remote` on this stream, however well `remote` is authenticated. */
    refuses(remote: string, local: string): StanzaError | undefined;
    /**
     * Allows stanzas between `remote` and our domain `local`; the caller has verified `remote`. A `local` other than the
     * stream's own domain can only receive on this stream (XEP-0220 §2.2.1).
     * @throws StanzaError what `refuses` gives; 'resource-constraint' when the stream speaks for too many already.
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

/** What one module saves of a client session, so that another process can go on with it. */
export interface SessionPart {
  /** Unique among the parts of a host. */
  readonly name: string;
  /** `undefined` if there is nothing to save. */
  save(session: C2SSession): Json | undefined;
  /**
   * Takes up what was saved. The session is asleep and not yet in `host.sessions`; nothing is sent, and no event is fired.
   * @throws TypeError for data that cannot be used; the session then ends.
   */
  load(session: C2SSession, saved: Json): void;
}

export interface NonzaMatch {
  readonly on: readonly ('c2s' | 's2s')[];
  readonly name: string;
  readonly xmlns: string;
}
export type NonzaHandler = (element: Element, session: C2SSession | S2SStream) => void;

/** Where clients on other transports than TCP enter. */
export interface ClientDoor {
  /** Makes a stream of a transport on which nothing was received yet, with this server's limits for clients. */
  clientStream(transport: Transport, framing: Framing): ClientStream;
  /** Takes over a client's stream, on which nothing was received yet: the client logs in, and has a session. */
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
   * Returns the stream on which this host speaks to another server, made when there is none. It is as secure as it will be,
   * but perhaps not authenticated yet.
   * @throws Error when the server cannot be reached
   */
  connectRemote(remote: string): Promise<S2SStream>;
}

/** Gives a module access to streams. */
export function streams(module: Module): Streams {
  return module as Module & Streams; // One object serves both doors: the types keep them apart.
}
