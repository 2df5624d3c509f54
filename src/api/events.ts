// Every event by name, with what its handlers receive and may answer.

import type { Element, Stanza } from '../xml/element.ts';
import type { Jid } from '../xml/jid.ts';
import type { C2SSession, Origin, S2SCloseCause, S2SStream } from './session.ts';

/**
 * Declares one event: the payload of its handlers, and their answer. Answer `never`: the event is a notification. Answer
 * `undefined`: handlers may throw to refuse, or change the payload.
 */
export interface Event<Payload, Answer = never> {
  readonly payload: Payload;
  readonly answer: Answer;
}

/** Notes of handlers for later handlers of the same stanza. The module that owns a note declares it. */
export interface StanzaNotes {
  /** A session or a link has taken the message. Set by `message`, and by the core for a link. */
  taken?: true;
  /** This server made the error, because it refused a stanza or could not deliver it. Set by the core. */
  isBounce?: true;
}

export interface StanzaEvent<O extends Origin = Origin> {
  /** Replaced (never edited in place) by handlers of the `rewrite` stage. */
  stanza: Stanza;
  /** The sender, parsed and prepared (RFC 7622 §3). */
  readonly from: Jid;
  /** The recipient, as `from`; the sender's own bare JID where the stanza has no `to` (RFC 6120 §10.3). */
  readonly to: Jid;
  readonly origin: O;
  /** Kept until this server has delivered the stanza. */
  readonly notes: StanzaNotes;
  /** Counts the stanza as handled (shutdown, tests, backpressure) only once `work` has settled. */
  waitUntil(work: Promise<unknown>): void;
  /** Counts the stanza as overhead of the stream from another server on which it came. Idempotent. */
  markOverhead(): void;
}

interface SessionEnd {
  readonly session: C2SSession;
  readonly error: Error | undefined;
  /** The session that has taken over the address of this one; `resource-bind` follows (RFC 6120 §7.7.2.2). */
  readonly successor: C2SSession | undefined;
}

type LinkClose = {
  readonly remote: string;
  readonly error: Error | undefined;
  readonly wasUsed: boolean;
} & (
  | { readonly stream: S2SStream; readonly cause: S2SCloseCause }
  | { readonly stream?: undefined; readonly cause: 'service' }
);

export type Kind = 'message' | 'presence' | 'iq';
export type Target = 'full' | 'bare' | 'host' | 'self';
/** Sent by a client of this host, before routing. */
type Outbound = { [K in `pre-${Kind}/${Target}`]: Event<StanzaEvent<C2SSession>, 'handled'> };
/** Addressed to this host or someone on it, from anywhere. */
type Inbound = { [K in `${Kind}/${Target}`]: Event<StanzaEvent, 'handled'> };

/** Every event by name. Modules add theirs: `declare module 'enjamb/api' { interface Events { … } }`. */
export interface Events extends Outbound, Inbound {
  /** A stanza leaves for another server; fired on the sender's host. */
  'route/remote': Event<StanzaEvent, 'handled'>;
  /** An element is about to be written to an authenticated stream. */
  's2s-out': Event<{ readonly session: S2SStream; element: Element }, 'handled'>;
  /** A client has bound a resource (RFC 6120 §7). */
  'resource-bind': Event<{ readonly session: C2SSession }>;
  /** The session is ending; its `state` is still complete. `resource-unbind` follows. */
  'resource-ending': Event<SessionEnd>;
  /** The session has ended for good. It is no longer in `host.sessions`, but may still be named as an origin. */
  'resource-unbind': Event<SessionEnd>;
  /** A stream with another server has ended, authenticated (`link-close` too) or not. */
  's2s-end': Event<{ readonly session: S2SStream }>;
  /** An outgoing stream is ready, and SASL EXTERNAL is not possible: a module begins to authenticate us. */
  's2s-authenticate': Event<{ readonly session: S2SStream; readonly remote: string }, 'handled'>;
  /**
   * Stanzas may flow between this host and `remote`. With `stream`: the peer has proved to be `remote`, or has accepted the
   * domain of this host. Fired on the host of each pair of domains that the stream authenticates (XEP-0220 §2.2.1); only
   * stanzas of the stream's own host (`stream.local`) leave on it. Without `stream`: `remote` is a service of this server,
   * such as an external component, that has started or connected again. Fired on every host with users.
   */
  'link-open': Event<{ readonly remote: string; readonly stream?: S2SStream | undefined }>;
  /** The peer of a stream that we opened has announced features: before TLS, after it, or after SASL. We act on them next. */
  's2s-features': Event<{
    readonly session: S2SStream;
    readonly remote: string;
    readonly features: Element;
  }>;
  /**
   * A stanza that the peer has not acknowledged is about to be queued for the next stream, sent on it, or returned to its
   * sender; fired before each of these steps. `'needless'`: the peer has shown that it has the stanza, which is dropped.
   */
  'link-resend': Event<{ readonly remote: string; readonly stanza: Stanza }, 'needless'>;
  /** Asks whether this host needs the link with `remote`, for instance before the link is closed as idle. */
  'link-needed': Event<{ readonly remote: string }, 'needed'>;
  /** The counterpart of `link-open`: the stream or service has ended. `wasUsed`: stanzas other than overhead have passed. */
  'link-close': Event<LinkClose>;
  /** An attempt to open a stream failed. `permanent`: the domain does not exist, so another attempt soon is useless. */
  'link-fail': Event<{ readonly remote: string; readonly permanent: boolean; readonly error: Error }>;
  /** `features` is about to be announced to a client or a server: append to it. */
  'stream-features': Event<{
    readonly session: C2SSession | S2SStream | undefined;
    readonly features: Element;
    /** Size limit of a first-level element that the peer sends now. */
    readonly maxBytes: number;
    /** The silence of the peer, in ms, after which the stream is closed; `undefined`: no limit. */
    readonly idleMs?: number | undefined;
  }>;
  /** An account was created. `user`: its localpart. */
  'user-create': Event<{ readonly user: string }>;
  /** An account was deleted. Modules tell its contacts; the storage deletes its data afterwards. */
  'user-delete': Event<{ readonly user: string }>;
  /** Every module of the host has loaded, no listener is open yet. */
  'host-start': Event<{ readonly domain: string }>;
  /** The host is about to stop; its sessions are still there. */
  'host-stop': Event<{ readonly domain: string }>;
}

export type EventName = keyof Events & string;
export type Payload<N extends EventName> = Events[N]['payload'];
export type Answer<N extends EventName> = Events[N]['answer'];

/** Events that may be answered, refused or changed, those of stanzas among them. All others are notifications. */
export type AnsweredEvent = { [N in EventName]: [Answer<N>] extends [never] ? never : N }[EventName];
export type Notification = Exclude<EventName, AnsweredEvent>;

/** Stages run in this order; within one, handlers run in the order of their modules. Notifications have no stages. */
export type Stage = 'guard' | 'rewrite' | 'observe' | 'deliver';

/** Synchronous. The first answer ends the event. (`void` alone would let an async function through.) */
export type Handler<N extends EventName> = (event: Payload<N>) => Answer<N> | undefined | void;
export type Observer<N extends EventName> = (event: Readonly<Payload<N>>) => undefined | void;
