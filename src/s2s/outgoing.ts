// A stream that we open to another server: dial, TLS and authentication.
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
  /** The stream is as secure as it will be. `authenticate()` may follow. */
  onPrepared(stream: S2SStream): void;
  /** The peer has accepted or proved a pair of domains: that of the call, or another one on a bidirectional stream. */
  onAuthenticated(stream: S2SStream, remote: string, local: string): void;
  /** The pair of the call was authenticated. */
  onOpen(stream: S2SStream): void;
  /** The stream has ended, at any phase. Called once. */
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
  stream: S2SStream | undefined;
  readonly #context: OutgoingContext;
  readonly #host: LocalHost;
  readonly #remote: string;
  /** Gives back the place among the calls under way. */
  readonly #release: () => void;
  readonly #events: OutgoingEvents;
  readonly #abort = new AbortController();
  #connection: Connection | undefined;
  #xmlStream: XmlStream | undefined;
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
    return this.#phase !== 'ended' && !this.#isGivenUp && this.#xmlStream?.isOpen !== false;
  }

  /** Whether this server has ended it without an error of the remote. */
  get isGivenUp(): boolean {
    return this.#isGivenUp;
  }

  /** Whether the remote has sent nothing yet. */
  get isSilent(): boolean {
    return this.#phase === 'dialling' || (this.#phase === 'negotiating' && this.stream?.streamId === '');
  }

  /** Authenticates us on the prepared stream. */
  authenticate(): void {
    const stream = this.stream!;
    const mechanisms = this.#features?.getChild('mechanisms', NS.SASL)?.getChildren('mechanism') ?? [];
    if (stream.secure && mechanisms.some((mechanism) => mechanism.text() === 'EXTERNAL')) {
      this.#phase = 'external';
      const identity = Buffer.from(this.#host.domain).toString('base64'); // XEP-0178 §3: always included
      this.#xmlStream!.send(xml('auth', { xmlns: NS.SASL, mechanism: 'EXTERNAL' }, identity));
      return;
    }
    this.#authenticateOtherwise(stream);
  }

  /** Ends the stream for a reason of this server: it is unused, the server stops, or an administrator asks for it. */
  close(error?: Error): void {
    this.#isGivenUp = true;
    this.#abort.abort();
    if (this.#xmlStream) this.#xmlStream.close(error, 'local');
    else this.#end(error);
  }

  onHeader(header: StreamHeader): void {
    const stream = this.stream!;
    stream.streamId = header.id ?? '';
    if (this.#phase === 'accepted') return;
    if (header.id === undefined) throw new StreamError('bad-format', 'The stream header has no id');
    if (!isVersion1(header)) this.#prepared(stream); // Before XMPP 1.0 there were no features, but dialback.
  }

  onElement(element: Element): void {
    const stream = this.stream!;
    if (element.is('features', NS.STREAM)) return this.#onFeatures(stream, element);
    if (element.getNS() === NS.TLS) return this.#onTls(element);
    if (element.getNS() === NS.SASL) return this.#onSasl(stream, element);
    stream.receive(element);
  }

  onClose(error: Error | undefined, cause: StreamCloseCause): void {
    const reason =
      this.#failure ??
      error ??
      (this.#phase === 'open' || this.#isGivenUp
        ? undefined
        : new LinkError(`${this.#remote} closed the stream`));
    try {
      this.stream?.ended(reason, cause);
    } finally {
      this.#end(reason);
    }
  }

  onDrain(): void {
    this.stream?.output.drained();
  }

  onFarewell(): void {
    this.stream?.farewell();
  }

  async #dial(): Promise<void> {
    try {
      const { signal } = this.#abort;
      this.#connected(await this.#context.dial(this.#remote, signal, this.#host.domain));
    } catch (error) {
      this.#connection?.destroy();
      // Network failures are NetErrors. Anything else is a bug.
      if (!(error instanceof NetError))
        this.#context.faults.report('lookup', error, { remote: this.#remote });
      this.#end(error instanceof Error ? error : new LinkError(String(error)));
    }
  }

  #connected(connection: Connection): void {
    if (!this.isUsable) return connection.destroy();
    this.#connection = connection;
    const { clock, faults } = this.#context;
    const xmlStream = new XmlStream(connection, {
      role: 'initiator',
      namespace: NS.SERVER,
      handler: this,
      clock,
      faults,
      timeouts: { negotiationMs: NEGOTIATION_MS },
      rate: strangerRate(readRate(this.#context, 's2s')),
    });
    this.#xmlStream = xmlStream;
    this.#phase = 'negotiating';
    const stream = new S2SStream(xmlStream, 'out', this.#host, this.#context);
    stream.onAuthenticated = (remote, local) => {
      this.#events.onAuthenticated(stream, remote, local);
      if (remote === this.#remote && local === stream.local) this.#opened(stream);
    };
    this.stream = stream;
    stream.log.debug('s2s connected', { remote: this.#remote, address: stream.remoteAddress });
    this.#header();
  }

  #header(): void {
    this.#xmlStream!.open({ from: this.#host.domain, to: this.#remote, dialback: true });
  }

  #onFeatures(stream: S2SStream, features: Element): void {
    stream.peerFeatures = features;
    this.#host.hooks.notify('s2s-features', { session: stream, remote: this.#remote, features });
    if (this.#phase === 'accepted') return stream.authenticateByCertificate(this.#remote);
    if (this.#phase !== 'negotiating') return; // Nothing more is negotiated on an open stream.
    this.#features = features;
    if (!stream.secure && features.getChild('starttls', NS.TLS)) {
      this.#xmlStream!.send(xml('starttls', NS.TLS));
      return;
    }
    this.#prepared(stream);
  }

  #onTls(element: Element): void {
    if (this.#phase !== 'negotiating' || element.name !== 'proceed') {
      return this.#fail(`${this.#remote} refused to encrypt the connection`);
    }
    const context = this.#context.certificates.clientContextFor(this.#host.domain);
    const { faults } = this.#context;
    const upgrade = { servername: this.#remote, context, handshakeTimeoutMs: HANDSHAKE_MS, faults };
    const secured = this.#xmlStream!.startTls({ side: 'client', ...upgrade }).then(
      () => this.#header(),
      (error: Error) => this.#fail(error.message),
    );
    faults.watch('connection', secured, { remote: this.#remote });
  }

  /** Checks the policy of the host, since the stream will not become more secure. */
  #prepared(stream: S2SStream): void {
    const tls = this.#xmlStream!.tls;
    if (stream.policy.requiresEncryption && !stream.secure) {
      return this.#fail(`${this.#remote} does not encrypt, and s2s_require_encryption is on`);
    }
    // RFC 7673 §3.4: with TLSA records, TLS is required.
    const named = this.#connection!.dane?.records ?? [];
    if (named.length > 0 && !stream.secure) {
      return this.#fail(`${this.#remote} does not encrypt, although its TLSA records name a certificate`);
    }
    if (stream.policy.requiresCertificate(this.#remote) && !stream.proves(this.#remote)) {
      return this.#fail(`${certificateProblem(tls, this.#remote)}, and s2s_secure_auth is on`);
    }
    this.#phase = 'prepared';
    this.#events.onPrepared(stream);
  }

  #onSasl(stream: S2SStream, element: Element): void {
    const isAnswer = element.name === 'success' || element.name === 'failure';
    if (this.#phase !== 'external' || !isAnswer) throw new StreamError('unsupported-stanza-type');
    if (element.name === 'success') {
      this.#phase = 'accepted';
      this.#xmlStream!.restart();
      this.#header();
      return;
    }
    stream.log.info('certificate not accepted by peer', {
      remote: this.#remote,
      why: element.elements()[0]?.name,
    });
    this.#authenticateOtherwise(stream);
  }

  #authenticateOtherwise(stream: S2SStream): void {
    this.#phase = 'authenticating';
    if (this.#host.hooks.ask('s2s-authenticate', { session: stream, remote: this.#remote }) === 'handled')
      return;
    this.#fail(`${this.#remote} does not accept our certificate, and dialback is off`);
  }

  #opened(stream: S2SStream): void {
    this.#phase = 'open';
    this.#release();
    this.#events.onOpen(stream);
  }

  /** Ends the stream. `onEnd` gets `reason` instead of the stream error. */
  #fail(reason: string): void {
    this.#failure ??= new LinkError(reason);
    this.#xmlStream?.close(new StreamError('policy-violation'));
  }

  #end(error: Error | undefined): void {
    if (this.#phase === 'ended') return;
    if (this.#phase !== 'open') this.#release();
    this.#phase = 'ended';
    this.#events.onEnd(error);
  }
}
