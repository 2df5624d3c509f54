// A stream that another server opened: STARTTLS, then SASL EXTERNAL or a method of a module (dialback).
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

/** Slightly more than the base64 of the longest domain. */
const MAX_AUTHZID_CHARS = 1_500;
const MAX_SASL_ATTEMPTS = 3;

export interface IncomingContext extends PeerContext {
  readonly tls: ServerTls;
  readonly daneLookup: DaneLookup;
}

export interface IncomingEvents {
  /** The peer has proved to `local` that it is `remote`. */
  onAuthenticated(stream: S2SStream, remote: string, local: string): void;
  /** The peer has been told the result, so stanzas may flow. */
  onReady(stream: S2SStream, remote: string, local: string): void;
  /** The stream has ended. Called once. */
  onEnd(): void;
}

export class Incoming implements StreamHandler {
  /** Exists once the header of the peer has named one of our hosts. */
  stream: S2SStream | undefined;
  readonly #context: IncomingContext;
  readonly #xmlStream: XmlStream;
  readonly #events: IncomingEvents;
  /** The domain that the header claims, without proof. */
  #claimed: string | undefined;
  #saslAttempts = 0;
  /** The domain that SASL has authenticated, until the header of the new stream (RFC 6120 §6.4.6). */
  #accepted: string | undefined;

  constructor(connection: Connection, context: IncomingContext, events: IncomingEvents) {
    this.#context = context;
    this.#events = events;
    const { clock, faults } = context;
    this.#xmlStream = new XmlStream(connection, {
      role: 'receiver',
      namespace: NS.SERVER,
      handler: this,
      clock,
      faults,
      rate: strangerRate(readRate(context, 's2s')),
    });
  }

  /** Ends the stream because the server stops or an administrator asks for it. */
  close(error?: Error): void {
    this.#xmlStream.close(error, 'local');
  }

  onHeader(header: StreamHeader): void {
    const stream = this.#streamFor(header);
    this.#claimed = claimedDomain(header);
    stream.streamId = newId();
    const refusal = this.#claimed === undefined ? undefined : refusalOf(stream.host, this.#claimed);
    if (refusal) throw new StreamError('policy-violation', refusal.text);
    const { log } = stream;
    log.debug('s2s stream opened by peer', { from: this.#claimed, address: stream.remoteAddress });
    const from = isForAll(header) ? undefined : stream.local;
    this.#xmlStream.open({ from, to: header.from, id: stream.streamId, dialback: true });
    const greet = () => this.#greet(stream, isVersion1(header));
    if (this.#claimed === undefined || this.#accepted !== undefined) greet();
    else stream.examine(this.#claimed, greet);
  }

  onElement(element: Element): void {
    const stream = this.stream!;
    switch (element.getNS()) {
      case NS.TLS:
        return this.#startTls(stream, element);
      case NS.SASL:
        return this.#sasl(stream, element);
      default:
        return stream.receive(element);
    }
  }

  onClose(error: Error | undefined, cause: StreamCloseCause): void {
    try {
      this.stream?.ended(error, cause);
    } finally {
      this.#events.onEnd();
    }
  }

  onDrain(): void {
    this.stream?.output.drained();
  }

  onFarewell(): void {
    this.stream?.farewell();
  }

  #greet(stream: S2SStream, hasFeatures: boolean): void {
    if (hasFeatures) this.#xmlStream.sendFeatures(this.#features(stream));
    const accepted = this.#accepted;
    this.#accepted = undefined;
    if (accepted !== undefined) this.#events.onReady(stream, accepted, stream.local);
  }

  /** The address in the header stays the same over restarts (RFC 6120 §4.7.2). */
  #streamFor(header: StreamHeader): S2SStream {
    const host = this.#hostFor(header);
    if (this.stream && this.stream.host !== host) throw new StreamError('host-unknown');
    this.stream ??= this.#newStream(host);
    return this.stream;
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

  #newStream(host: LocalHost): S2SStream {
    const stream = new S2SStream(this.#xmlStream, 'in', host, this.#context, this.#context.daneLookup);
    stream.onAuthenticated = (remote, local) => {
      this.#events.onAuthenticated(stream, remote, local);
      if (this.#accepted === remote && local === stream.local) return;
      // The module that has authenticated the peer tells it in this tick. Our stanzas follow (XEP-0288 §2.2).
      const tell = () => {
        if (stream.isOpen) this.#events.onReady(stream, remote, local);
      };
      queueMicrotask(() => this.#context.faults.contain('connection', tell, { remote }));
    };
    return stream;
  }

  #features(stream: S2SStream): Element {
    const features = xml('stream:features');
    const { requiresEncryption } = stream.policy;
    if (!stream.secure && (this.#context.tls.available || requiresEncryption)) {
      features.append(xml('starttls', NS.TLS, requiresEncryption ? xml('required') : undefined));
      if (requiresEncryption) return features;
    }
    const isKnown = stream.authenticatedAt !== undefined;
    if (!isKnown && this.#claimed !== undefined && stream.proves(this.#claimed)) {
      features.append(xml('mechanisms', NS.SASL, xml('mechanism', {}, 'EXTERNAL')));
    }
    // After dialback there are no new features, so the limits after authentication are announced here (XEP-0478 §4).
    const maxBytes = DEFAULT_LIMITS.stanzaBytes;
    const idleMs = idleTimeOf(stream.host);
    stream.host.hooks.notify('stream-features', { session: stream, features, maxBytes, idleMs });
    return features;
  }

  #startTls(stream: S2SStream, element: Element): void {
    const isPossible = this.#context.tls.available && !stream.secure && stream.authenticatedAt === undefined;
    if (element.name !== 'starttls' || !isPossible) {
      this.#xmlStream.send(xml('failure', NS.TLS)); // RFC 6120 §5.4.2.2
      this.#xmlStream.close();
      return;
    }
    stream.secured();
    this.#xmlStream.send(xml('proceed', NS.TLS));
    this.#xmlStream
      .startTls({ side: 'server', tls: this.#context.tls, domain: stream.local })
      .catch((error: Error) =>
        this.#log(stream).info('s2s encryption failed', { from: this.#claimed, error: error.message }),
      );
  }

  /** XEP-0178 §3: the certificate is the proof. The authorization identity only selects one of its names. */
  #sasl(stream: S2SStream, element: Element): void {
    if (stream.authenticatedAt !== undefined)
      throw new StreamError('policy-violation', 'Already authenticated');
    if (element.name !== 'auth') throw new StreamError('unsupported-stanza-type');
    try {
      const remote = this.#externalIdentity(stream, element);
      this.#accepted = remote;
      stream.authenticateByCertificate(remote);
      this.#xmlStream.send(xml('success', NS.SASL));
      this.#xmlStream.restart();
    } catch (error) {
      this.#accepted = undefined;
      const failure = toSaslError(error);
      this.#log(stream).info('s2s authentication failed', { from: this.#claimed, why: failure.message });
      this.#xmlStream.send(failure.toElement());
      if (++this.#saslAttempts >= MAX_SASL_ATTEMPTS)
        throw new StreamError('policy-violation', 'Too many attempts');
    }
  }

  #log({ log, remoteAddress }: S2SStream): Logger {
    return this.#context.strangers?.of(log, remoteAddress) ?? log;
  }

  #externalIdentity(stream: S2SStream, element: Element): string {
    if (element.attrs.mechanism !== 'EXTERNAL') throw new SaslError('invalid-mechanism');
    if (!stream.secure) throw new SaslError('encryption-required');
    const text = element.text();
    if (text.length > MAX_AUTHZID_CHARS) throw new SaslError('malformed-request');
    const authzid =
      text === '' || text === '=' ? this.#claimed : Buffer.from(text, 'base64').toString('utf8');
    const domain = tryDomain(authzid);
    if (domain === undefined) throw new SaslError('invalid-authzid');
    // XEP-0178 §3: the identity must be that of the header, if the header has one.
    if (this.#claimed !== undefined && domain !== this.#claimed) throw new SaslError('invalid-authzid');
    if (!stream.proves(domain)) throw new SaslError('not-authorized');
    return domain;
  }
}

/**
 * COMPAT(jabberd2 ≤ 2.7 without TLS): before XMPP 1.0 the header of a stream for dialback had no `to` (RFC 3920 §8.3). Each
 * dialback key names its host. The stream belongs to the first of our hosts then.
 */
function isForAll(header: StreamHeader): boolean {
  return header.to === undefined && header.dialback && !isVersion1(header);
}

function claimedDomain(header: StreamHeader): string | undefined {
  if (header.from === undefined) return undefined;
  const domain = tryDomain(header.from);
  if (domain === undefined)
    throw new StreamError('improper-addressing', "The 'from' of the stream header is not a domain");
  return domain;
}

function toSaslError(error: unknown): SaslError {
  if (error instanceof SaslError) return error;
  if (error instanceof StanzaError) return new SaslError('not-authorized', error.text);
  throw error;
}
