// A stream that we open to another server, from the dial to the moment when stanzas may flow.
//
//   dialling → header → STARTTLS → header → prepared ──authenticate()──▶ EXTERNAL ──success──▶ header → open
//                                              └──────── or refused ────▶ dialback (a module) ──────────▶ open

import type { LocalHost } from '../core/host.ts';
import type { CertificateStore } from '../net/certificates.ts';
import type { Connection } from '../net/connection.ts';
import { NetError } from '../net/errors.ts';
import { readRate } from '../session/read-rate.ts';
import { isVersion1, type StreamHeader } from '../stream/header.ts';
import { strangerRate } from '../stream/read-limit.ts';
import { type StreamCloseCause, type StreamHandler, XmlStream } from '../stream/stream.ts';
import { type Element, xml } from '../xml/element.ts';
import { StreamError } from '../xml/errors.ts';
import { NS } from '../xml/namespaces.ts';
import type { Dial } from './dial.ts';
import { certificateProblem, type PeerContext } from './policy.ts';
import { S2SStream } from './stream.ts';

export interface OutgoingContext extends PeerContext {
  readonly certificates: CertificateStore;
  readonly dial: Dial;
}

export interface OutgoingEvents {
  /** Secured as far as it will be; `authenticate()` may follow. */
  onPrepared(session: S2SStream): void;
  /** The peer has accepted or proved a pair of domains: that of the call, or another one on a bidirectional stream. */
  onAuthenticated(session: S2SStream, remote: string, local: string): void;
  /** The pair of the call was authenticated. */
  onOpen(session: S2SStream): void;
  /** The one end, at whatever point. */
  onEnd(error: Error | undefined): void;
}

/** Why a stream could not be established. */
export class LinkError extends Error {
  override readonly name = 'LinkError';
}

type Phase =
  | 'dialling'
  | 'negotiating'
  | 'prepared'
  | 'external'
  | 'accepted'
  | 'authenticating'
  | 'open'
  | 'ended';

const NEGOTIATION_MS = 30_000;
/** Shorter than the negotiation, so that the error names the handshake. */
const HANDSHAKE_MS = 10_000;

export class Outgoing implements StreamHandler {
  session: S2SStream | undefined;
  readonly #context: OutgoingContext;
  readonly #host: LocalHost;
  readonly #remote: string;
  /** Gives back the place among the calls under way. */
  readonly #release: () => void;
  readonly #events: OutgoingEvents;
  readonly #abort = new AbortController();
  #connection: Connection | undefined;
  #stream: XmlStream | undefined;
  #phase: Phase = 'dialling';
  #features: Element | undefined;
  #isGivenUp = false;
  #failure: Error | undefined;

  constructor(
    host: LocalHost,
    remote: string,
    context: OutgoingContext,
    release: () => void,
    events: OutgoingEvents,
  ) {
    this.#release = release;
    this.#host = host;
    this.#remote = remote;
    this.#context = context;
    this.#events = events;
    context.faults.watch('connection', this.#dial(), { remote });
  }

  /** Whether the stream is open or may still open. */
  get isUsable(): boolean {
    return this.#phase !== 'ended' && !this.#isGivenUp && this.#stream?.isOpen !== false;
  }

  /** Whether this server ended it for a reason of its own. */
  get isGivenUp(): boolean {
    return this.#isGivenUp;
  }

  /** Whether the remote has sent nothing yet. */
  get isSilent(): boolean {
    return this.#phase === 'dialling' || (this.#phase === 'negotiating' && this.session?.streamId === '');
  }

  /** Authenticates us on the prepared stream. */
  authenticate(): void {
    const session = this.session!;
    const mechanisms = this.#features?.getChild('mechanisms', NS.SASL)?.getChildren('mechanism') ?? [];
    if (session.secure && mechanisms.some((mechanism) => mechanism.text() === 'EXTERNAL')) {
      this.#phase = 'external';
      const identity = Buffer.from(this.#host.domain).toString('base64'); // XEP-0178 §3: always say it
      this.#stream!.send(xml('auth', { xmlns: NS.SASL, mechanism: 'EXTERNAL' }, identity));
      return;
    }
    this.#authenticateOtherwise(session);
  }

  /** Ends the stream for a reason of this server: it is unused, the server stops, or an administrator asks for it. */
  close(error?: Error): void {
    this.#isGivenUp = true;
    this.#abort.abort();
    if (this.#stream) this.#stream.close(error, 'local');
    else this.#end(error);
  }

  onHeader(header: StreamHeader): void {
    const session = this.session!;
    session.streamId = header.id ?? '';
    if (this.#phase === 'accepted') return;
    if (header.id === undefined) throw new StreamError('bad-format', 'The stream header has no id');
    if (!isVersion1(header)) this.#prepared(session); // Before XMPP 1.0 there were no features, but dialback.
  }

  onElement(element: Element): void {
    const session = this.session!;
    if (element.is('features', NS.STREAM)) return this.#onFeatures(session, element);
    if (element.getNS() === NS.TLS) return this.#onTls(element);
    if (element.getNS() === NS.SASL) return this.#onSasl(session, element);
    session.receive(element);
  }

  onClose(error: Error | undefined, cause: StreamCloseCause): void {
    const reason =
      this.#failure ??
      error ??
      (this.#phase === 'open' || this.#isGivenUp
        ? undefined
        : new LinkError(`${this.#remote} closed the stream`));
    try {
      this.session?.ended(reason, cause);
    } finally {
      this.#end(reason);
    }
  }

  onFarewell(): void {
    this.session?.farewell();
  }

  async #dial(): Promise<void> {
    try {
      const { signal } = this.#abort;
      this.#connected(await this.#context.dial(this.#remote, signal, this.#host.domain));
    } catch (error) {
      this.#connection?.destroy();
      // Network failures are NetErrors. Anything else is a bug of ours.
      if (!(error instanceof NetError))
        this.#context.faults.report('lookup', error, { remote: this.#remote });
      this.#end(error instanceof Error ? error : new LinkError(String(error)));
    }
  }

  #connected(connection: Connection): void {
    if (!this.isUsable) return connection.destroy();
    this.#connection = connection;
    const { clock, faults } = this.#context;
    const stream = new XmlStream(connection, {
      role: 'initiator',
      namespace: NS.SERVER,
      handler: this,
      clock,
      faults,
      timeouts: { negotiationMs: NEGOTIATION_MS },
      rate: strangerRate(readRate(this.#context, 's2s')),
    });
    this.#stream = stream;
    this.#phase = 'negotiating';
    const session = new S2SStream(stream, 'out', this.#host, this.#context);
    session.onAuthenticated = (remote, local) => {
      this.#events.onAuthenticated(session, remote, local);
      if (remote === this.#remote && local === session.local) this.#opened(session);
    };
    this.session = session;
    session.log.debug('s2s connected', { remote: this.#remote, address: session.remoteAddress });
    this.#header();
  }

  #header(): void {
    this.#stream!.open({ from: this.#host.domain, to: this.#remote, dialback: true });
  }

  #onFeatures(session: S2SStream, features: Element): void {
    session.peerFeatures = features;
    this.#host.hooks.notify('s2s-features', { session, remote: this.#remote, features });
    if (this.#phase === 'accepted') return session.authenticateByCertificate(this.#remote);
    if (this.#phase !== 'negotiating') return; // Nothing else is negotiated on an open stream.
    this.#features = features;
    if (!session.secure && features.getChild('starttls', NS.TLS)) {
      this.#stream!.send(xml('starttls', NS.TLS));
      return;
    }
    this.#prepared(session);
  }

  #onTls(element: Element): void {
    if (this.#phase !== 'negotiating' || element.name !== 'proceed') {
      return this.#fail(`${this.#remote} refused to encrypt the connection`);
    }
    const context = this.#context.certificates.clientContextFor(this.#host.domain);
    const { faults } = this.#context;
    const upgrade = { servername: this.#remote, context, handshakeTimeoutMs: HANDSHAKE_MS, faults };
    const secured = this.#stream!.startTls({ side: 'client', ...upgrade }).then(
      () => this.#header(),
      (error: Error) => this.#fail(error.message),
    );
    faults.watch('connection', secured, { remote: this.#remote });
  }

  /** Checks the policy of the host: the stream will not become more secure. */
  #prepared(session: S2SStream): void {
    const tls = this.#stream!.tls;
    if (session.policy.requiresEncryption && !session.secure) {
      return this.#fail(`${this.#remote} does not encrypt, and s2s_require_encryption is on`);
    }
    // RFC 7673 §3.4: where the DNS names a certificate, one has to be shown.
    const named = this.#connection!.dane?.records ?? [];
    if (named.length > 0 && !session.secure) {
      return this.#fail(`${this.#remote} does not encrypt, although its TLSA records name a certificate`);
    }
    if (session.policy.requiresCertificate(this.#remote) && !session.proves(this.#remote)) {
      return this.#fail(`${certificateProblem(tls, this.#remote)}, and s2s_secure_auth is on`);
    }
    this.#phase = 'prepared';
    this.#events.onPrepared(session);
  }

  #onSasl(session: S2SStream, element: Element): void {
    const isAnswer = element.name === 'success' || element.name === 'failure';
    if (this.#phase !== 'external' || !isAnswer) throw new StreamError('unsupported-stanza-type');
    if (element.name === 'success') {
      this.#phase = 'accepted';
      this.#stream!.restart();
      this.#header();
      return;
    }
    session.log.info('certificate not accepted by peer', {
      remote: this.#remote,
      why: element.elements()[0]?.name,
    });
    this.#authenticateOtherwise(session);
  }

  #authenticateOtherwise(session: S2SStream): void {
    this.#phase = 'authenticating';
    if (this.#host.hooks.ask('s2s-authenticate', { session, remote: this.#remote }) === 'handled') return;
    this.#fail(`${this.#remote} does not accept our certificate, and dialback is off`);
  }

  #opened(session: S2SStream): void {
    this.#phase = 'open';
    this.#release();
    this.#events.onOpen(session);
  }

  /** Ends the stream; `onEnd` gets the reason instead of the stream error. */
  #fail(reason: string): void {
    this.#failure ??= new LinkError(reason);
    this.#stream?.close(new StreamError('policy-violation'));
  }

  #end(error: Error | undefined): void {
    if (this.#phase === 'ended') return;
    if (this.#phase !== 'open') this.#release();
    this.#phase = 'ended';
    this.#events.onEnd(error);
  }
}
