// The session of an authenticated component: receives its stanzas, and sends those to its domain.

import type { HostOrigin } from '../api/session.ts';
import type { LocalHost } from '../core/host.ts';
import { checkStanza, isStanza } from '../core/stanza-rules.ts';
import { SlowReader } from '../session/slow-reader.ts';
import { StanzaWork } from '../session/stanza-work.ts';
import type { StreamCloseCause, StreamHandler, XmlStream } from '../stream/stream.ts';
import type { Timer } from '../util/clock.ts';
import { newId } from '../util/ids.ts';
import type { Logger } from '../util/logger.ts';
import { pingRequest } from '../xep/ping.ts';
import type { Element, Stanza } from '../xml/element.ts';
import { IqTimeoutError, StanzaError, StreamError } from '../xml/errors.ts';
import { Jid } from '../xml/jid.ts';
import { CLIENT_LIMITS } from '../xml/limits.ts';
import { NS } from '../xml/namespaces.ts';
import type { ComponentContext } from './context.ts';

/** If more bytes wait for the component, further stanzas return to their senders. */
const MAX_QUEUED_BYTES = 4 * 1024 * 1024;
/** If more bytes wait, the component must read some of them within a limited time. */
const STUCK_BYTES = 256 * 1024;
const STUCK_MS = 60_000;
/** Stanzas of a component whose work is under way; while there are more it is not read. */
const MAX_PENDING_WORK = 256;
/** A component is sent a ping after this time without data from it. */
const SILENCE_MS = 60_000;
const PING_MS = 30_000;

const ASKER = { name: 'component' };

export class ComponentSession implements StreamHandler {
  readonly id = newId().slice(0, 8);
  readonly host: LocalHost;
  readonly log: Logger;
  /** Milliseconds since 1970. */
  readonly since: number;
  stanzasIn = 0;
  stanzasOut = 0;
  readonly #stream: XmlStream;
  readonly #context: ComponentContext;
  readonly #onEnd: (error: Error | undefined, cause: StreamCloseCause) => void;
  readonly #ended = new AbortController();
  /** The component has answered a ping once, so a missing answer means that the connection is dead. */
  #answersPings = false;
  #watch: Timer | undefined;
  readonly #slowReader: SlowReader;
  /** Its stanzas are those of the host, and their work pauses its stream. */
  readonly #origin: HostOrigin;

  /** Takes over the stream. `onEnd` is called once, when the stream ends. */
  constructor(
    stream: XmlStream,
    host: LocalHost,
    context: ComponentContext,
    onEnd: (error: Error | undefined, cause: StreamCloseCause) => void,
  ) {
    this.#stream = stream;
    this.host = host;
    this.#context = context;
    this.#onEnd = onEnd;
    this.log = host.log.child({ component: this.id });
    this.since = context.clock.now();
    this.#slowReader = new SlowReader(stream, context.clock, { markBytes: STUCK_BYTES, limitMs: STUCK_MS });
    const work = new StanzaWork(MAX_PENDING_WORK, stream);
    this.#origin = { ...host.origin, hold: (promise) => work.hold(promise) };
    stream.handler = this;
    stream.negotiated();
    stream.raiseLimits(CLIENT_LIMITS);
    this.#watchSilence(SILENCE_MS);
  }

  get remoteAddress(): string {
    return this.#stream.remoteAddress;
  }

  /** Bytes that the component has not read yet. */
  get queuedBytes(): number {
    return this.#stream.queuedBytes;
  }

  /** Sends a stanza to the component; returns false if too many bytes wait for it. */
  send(stanza: Stanza): boolean {
    if (this.queuedBytes > MAX_QUEUED_BYTES || !this.#stream.send(stanza)) return false;
    this.stanzasOut++;
    this.#slowReader.written();
    return true;
  }

  /** Closes the stream with an error. */
  close(error: Error): void {
    this.#stream.close(error, 'local');
  }

  /**
   * Pings the component (XEP-0199) and resolves with whether any data arrives in time. It counts as alive while we
   * ourselves are not reading from it.
   */
  async isAlive(limitMs: number): Promise<boolean> {
    const askedAt = this.#context.clock.elapsed();
    const answered = await this.#ping(limitMs);
    if (this.#ended.signal.aborted) return false;
    return answered || this.#stream.isPaused || this.#stream.lastReceivedAt > askedAt;
  }

  onHeader(): void {}

  onElement(element: Element): void {
    // COMPAT(libraries that use `jabber:client`): treated as the namespace of the stream.
    if (element.attrs.xmlns === NS.CLIENT) element.attrs = element.with({ xmlns: undefined }).attrs;
    if (!isStanza(element))
      throw new StreamError('unsupported-stanza-type', `<${element.name}/> is unknown here`);
    this.#take(element);
  }

  onDrain(): void {
    this.#slowReader.drained();
  }

  onClose(error: Error | undefined, cause: StreamCloseCause): void {
    this.#watch?.cancel();
    this.#slowReader.stop();
    this.#ended.abort(new DOMException('The component has disconnected', 'AbortError'));
    this.log.info('component disconnected', { cause, ...(error ? { why: error.message } : {}) });
    this.#onEnd(error, cause);
  }

  /** XEP-0114 §3: the sender must be in the component's domain; localpart and resource are the component's choice. */
  #take(stanza: Stanza): void {
    // COMPAT(old components): `from` is required, but only the service itself can be meant.
    const from = stanza.attrs.from ?? this.host.domain;
    const sender = Jid.tryParse(from);
    this.stanzasIn++;
    // Drops the stanza and keeps the stream: a gateway may have one user with a malformed name.
    if (!sender) return this.log.warn('stanza of a component from a malformed address dropped', { from });
    if (sender.domain !== this.host.domain)
      throw new StreamError('invalid-from', `A stanza must be from the domain ${this.host.domain}`);
    const { router } = this.#context;
    const prepared = `${sender}`; // RFC 7622 §3: peers compare addresses as text.
    const addressed = stanza.attrs.from === prepared ? stanza : stanza.with({ from: prepared });
    const problem = checkStanza(addressed);
    if (problem) router.bounce(addressed, problem);
    else router.route(addressed, this.#origin);
  }

  /** A connection can die without notice (RFC 6120 §4.6). Closes one that answered a ping before but not now. */
  #watchSilence(delayMs: number): void {
    this.#watch = this.#context.clock.after(delayMs, () => {
      const restMs = this.#stream.lastReceivedAt + SILENCE_MS - this.#context.clock.elapsed();
      if (restMs > 0) this.#watchSilence(restMs);
      else this.#context.router.work.add(this.#checkSilence(), 'component');
    });
  }

  async #checkSilence(): Promise<void> {
    const isAlive = await this.isAlive(PING_MS);
    if (this.#ended.signal.aborted) return;
    if (isAlive || !this.#answersPings) this.#watchSilence(SILENCE_MS);
    else this.#stream.close(new StreamError('connection-timeout', 'A ping was not answered'), 'timeout');
  }

  async #ping(limitMs: number): Promise<boolean> {
    const { router } = this.#context;
    const from = [...router.hosts.values()].find(({ kind }) => kind === 'local') ?? this.host;
    const ping = pingRequest({ from: from.domain, to: this.host.domain });
    const send = (iq: Stanza): unknown => this.#stream.send(iq);
    try {
      await router.pendingIqs.request(ASKER, ping, { timeoutMs: limitMs }, send, this.#ended.signal);
    } catch (error) {
      if (error instanceof IqTimeoutError) return false;
      if (!(error instanceof StanzaError)) return true; // The ping was cancelled, which proves nothing.
      // An error answer proves that the component is alive (XEP-0199 §4.3).
    }
    this.#answersPings = true;
    return true;
  }
}
