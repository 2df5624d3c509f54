// A stream that another server opened: STARTTLS, then SASL EXTERNAL or whatever a module offers (dialback).
// RFC 6120 §4.3, §5, §6; XEP-0178 for EXTERNAL between servers.

import type { LocalHost } from '../core/host.ts';
import type { Connection } from '../net/connection.ts';
import type { ServerTls } from '../net/tls.ts';
import { readRate } from '../session/read-rate.ts';
import { isVersion1, type StreamHeader } from '../stream/header.ts';
import { strangerRate } from '../stream/read-limit.ts';
import { type StreamCloseCause, type StreamHandler, XmlStream } from '../stream/stream.ts';
import { newId } from '../util/ids.ts';
import type { Logger } from '../util/logger.ts';
import { tryDomain } from '../xml/domain.ts';
import { type Element, xml } from '../xml/element.ts';
import { SaslError, StanzaError, StreamError } from '../xml/errors.ts';
import { DEFAULT_LIMITS } from '../xml/limits.ts';
import { NS } from '../xml/namespaces.ts';
import type { DaneLookup } from './dane-lookup.ts';
import { idleTimeOf } from './idle.ts';
import { type PeerContext, refusalOf } from './policy.ts';
import { S2SStream } from './stream.ts';

/** The base64 of the longest domain, and a little. */
const MAX_AUTHZID_CHARS = 1_500;
const MAX_SASL_ATTEMPTS = 3;

export interface IncomingContext extends PeerContext {
  readonly tls: ServerTls;
  readonly daneLookup: DaneLookup;
}

export interface IncomingEvents {
  /** The peer has proved to be `remote` for `local`. */
  onAuthenticated(session: S2SStream, remote: string, local: string): void;
  /** The peer has been told that it is `remote` for `local`: stanzas flow. */
  onReady(session: S2SStream, remote: string, local: string): void;
  /** The one end. */
  onEnd(): void;
}

export class Incoming implements StreamHandler {
  /** Known once the peer has said whom it wants. */
  session: S2SStream | undefined;
  readonly #context: IncomingContext;
  readonly #stream: XmlStream;
  readonly #events: IncomingEvents;
  /** Whom the peer claims to be in its header; proves nothing. */
  #claimed: string | undefined;
  #saslAttempts = 0;
  /** Whom SASL has authenticated, until the new stream begins on which stanzas flow (RFC 6120 §6.4.6). */
  #accepted: string | undefined;

  constructor(connection: Connection, context: IncomingContext, events: IncomingEvents) {
    this.#context = context;
    this.#events = events;
    const { clock, faults } = context;
    this.#stream = new XmlStream(connection, {
      role: 'receiver',
      namespace: NS.SERVER,
      handler: this,
      clock,
      faults,
      rate: strangerRate(readRate(context, 's2s')),
    });
  }

  /** Ends the stream for a reason of our own: the server stops, or an administrator wants it. */
  close(error?: Error): void {
    this.#stream.close(error, 'local');
  }

  onHeader(header: StreamHeader): void {
    const session = this.#sessionFor(header);
    this.#claimed = claimedDomain(header);
    session.streamId = newId();
    const refusal = this.#claimed === undefined ? undefined : refusalOf(session.host, this.#claimed);
    if (refusal) throw new StreamError('policy-violation', refusal.text);
    const { log } = session;
    log.debug('s2s stream opened by peer', { from: this.#claimed, address: session.remoteAddress });
    const from = isForAll(header) ? undefined : session.local;
    this.#stream.open({ from, to: header.from, id: session.streamId, dialback: true });
    const greet = () => this.#greet(session, isVersion1(header));
    if (this.#claimed === undefined || this.#accepted !== undefined) greet();
    else session.examine(this.#claimed, greet);
  }

  onElement(element: Element): void {
    const session = this.session!;
    switch (element.getNS()) {
      case NS.TLS:
        return this.#startTls(session, element);
      case NS.SASL:
        return this.#sasl(session, element);
      default:
        return session.receive(element);
    }
  }

  onClose(error: Error | undefined, cause: StreamCloseCause): void {
    try {
      this.session?.ended(error, cause);
    } finally {
      this.#events.onEnd();
    }
  }

  onFarewell(): void {
    this.session?.farewell();
  }

  #greet(session: S2SStream, hasFeatures: boolean): void {
    if (hasFeatures) this.#stream.sendFeatures(this.#features(session));
    const accepted = this.#accepted;
    this.#accepted = undefined;
    if (accepted !== undefined) this.#events.onReady(session, accepted, session.local);
  }

  /** The address in the header stays the same over restarts (RFC 6120 §4.7.2). */
  #sessionFor(header: StreamHeader): S2SStream {
    const host = this.#hostFor(header);
    if (this.session && this.session.host !== host) throw new StreamError('host-unknown');
    this.session ??= this.#newSession(host);
    return this.session;
  }

  #hostFor(header: StreamHeader): LocalHost {
    const { hosts } = this.#context.router;
    const to = tryDomain(header.to);
    if (to === undefined && !isForAll(header))
      throw new StreamError('improper-addressing', "The stream header must name the domain in 'to'");
    const host = to === undefined ? [...hosts.values()][0] : hosts.get(to);
    if (!host) throw new StreamError('host-unknown');
    return host;
  }

  #newSession(host: LocalHost): S2SStream {
    const session = new S2SStream(this.#stream, 'in', host, this.#context, this.#context.daneLookup);
    session.onAuthenticated = (remote, local) => {
      this.#events.onAuthenticated(session, remote, local);
      if (this.#accepted === remote && local === session.local) return;
      // Whoever has authenticated the peer tells it in this tick; our stanzas come after that (XEP-0288 §2.2).
      const tell = () => {
        if (session.isOpen) this.#events.onReady(session, remote, local);
      };
      queueMicrotask(() => this.#context.faults.contain('connection', tell, { remote }));
    };
    return session;
  }

  #features(session: S2SStream): Element {
    const features = xml('stream:features');
    const { requiresEncryption } = session.policy;
    if (!session.secure && (this.#context.tls.available || requiresEncryption)) {
      features.append(xml('starttls', NS.TLS, requiresEncryption ? xml('required') : undefined));
      if (requiresEncryption) return features;
    }
    const isKnown = session.authenticatedAt !== undefined;
    if (!isKnown && this.#claimed !== undefined && session.proves(this.#claimed)) {
      features.append(xml('mechanisms', NS.SASL, xml('mechanism', {}, 'EXTERNAL')));
    }
    // With dialback nothing is announced after authentication, and before it nothing large comes (XEP-0478 §4).
    const maxBytes = DEFAULT_LIMITS.stanzaBytes;
    const idleMs = idleTimeOf(session.host);
    session.host.hooks.notify('stream-features', { session, features, maxBytes, idleMs });
    return features;
  }

  #startTls(session: S2SStream, element: Element): void {
    const isPossible =
      this.#context.tls.available && !session.secure && session.authenticatedAt === undefined;
    if (element.name !== 'starttls' || !isPossible) {
      this.#stream.send(xml('failure', NS.TLS)); // RFC 6120 §5.4.2.2
      this.#stream.close();
      return;
    }
    session.secured();
    this.#stream.send(xml('proceed', NS.TLS));
    this.#stream
      .startTls({ side: 'server', tls: this.#context.tls, domain: session.local })
      .catch((error: Error) =>
        this.#log(session).info('s2s encryption failed', { from: this.#claimed, error: error.message }),
      );
  }

  /** XEP-0178 §3: the certificate of the handshake is the proof, the authorization identity only says which name. */
  #sasl(session: S2SStream, element: Element): void {
    if (session.authenticatedAt !== undefined)
      throw new StreamError('policy-violation', 'Already authenticated');
    if (element.name !== 'auth') throw new StreamError('unsupported-stanza-type');
    try {
      const remote = this.#externalIdentity(session, element);
      this.#accepted = remote;
      session.authenticateByCertificate(remote);
      this.#stream.send(xml('success', NS.SASL));
      this.#stream.restart();
    } catch (error) {
      this.#accepted = undefined;
      const failure = toSaslError(error);
      this.#log(session).info('s2s authentication failed', { from: this.#claimed, why: failure.message });
      this.#stream.send(failure.toElement());
      if (++this.#saslAttempts >= MAX_SASL_ATTEMPTS)
        throw new StreamError('policy-violation', 'Too many attempts');
    }
  }

  #log({ log, remoteAddress }: S2SStream): Logger {
    return this.#context.strangers?.of(log, remoteAddress) ?? log;
  }

  #externalIdentity(session: S2SStream, element: Element): string {
    if (element.attrs.mechanism !== 'EXTERNAL') throw new SaslError('invalid-mechanism');
    if (!session.secure) throw new SaslError('encryption-required');
    const text = element.text();
    if (text.length > MAX_AUTHZID_CHARS) throw new SaslError('malformed-request');
    const authzid =
      text === '' || text === '=' ? this.#claimed : Buffer.from(text, 'base64').toString('utf8');
    const domain = tryDomain(authzid);
    if (domain === undefined) throw new SaslError('invalid-authzid');
    // Section 3: the identity must be the one of the header where there is one.
    if (this.#claimed !== undefined && domain !== this.#claimed) throw new SaslError('invalid-authzid');
    if (!session.proves(domain)) throw new SaslError('not-authorized');
    return domain;
  }
}

/**
 * COMPAT(jabberd2 ≤ 2.7 without TLS): before XMPP 1.0 the header of a stream for dialback had no `to` (RFC 3920 §8.3). Each
 * dialback key names its host. The session belongs to the first of our hosts then.
 */
function isForAll(header: StreamHeader): boolean {
  return header.to === undefined && header.dialback && !isVersion1(header);
}

function claimedDomain(header: StreamHeader): string | undefined {
  if (header.from === undefined) return undefined;
  const domain = tryDomain(header.from);
  if (domain === undefined)
    throw new StreamError('improper-addressing', "The sender's address is not a domain");
  return domain;
}

function toSaslError(error: unknown): SaslError {
  if (error instanceof SaslError) return error;
  if (error instanceof StanzaError) return new SaslError('not-authorized', error.text);
  throw error;
}
