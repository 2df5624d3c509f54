// A client's way from its first byte to a bound resource: STARTTLS, SASL, binding (RFC 6120 §4.3).

import type { Answer } from '../api/events.ts';
import type { C2SSession as Contract } from '../api/session.ts';
import { HOST_OPTIONS } from '../config/core-options.ts';
import { unwrap } from '../core/hooks.ts';
import type { LocalHost } from '../core/host.ts';
import type { Connection } from '../net/connection.ts';
import { mechanismsFor } from '../sasl/mechanisms.ts';
import { isVersion1, type StreamHeader } from '../stream/header.ts';
import { strangerRate } from '../stream/read-limit.ts';
import { type StreamCloseCause, type StreamHandler, XmlStream } from '../stream/stream.ts';
import { newId } from '../util/ids.ts';
import { tryDomain } from '../xml/domain.ts';
import { type Element, type Stanza, xml } from '../xml/element.ts';
import { errorReply, type SaslCondition, SaslError, StanzaError, StreamError } from '../xml/errors.ts';
import { Jid } from '../xml/jid.ts';
import { CLIENT_LIMITS } from '../xml/limits.ts';
import { NS } from '../xml/namespaces.ts';
import { Attempts } from './attempts.ts';
import { bindFeature, bindResult, chooseAddress } from './bind.ts';
import { channelBindingFeature, channelBindings } from './channel-binding.ts';
import { C2S_DEFAULTS, type C2SContext, type C2SOptions, readRate } from './context.ts';
import { acceptIn } from './phases.ts';
import { mechanismsFeature, type SaslAnswer, SaslExchange, toSaslError } from './sasl.ts';
import { C2SSession } from './session.ts';
import { secure, starttlsFeature } from './starttls.ts';

const POLICY = {
  c2s_require_encryption: HOST_OPTIONS.c2s_require_encryption,
  allow_unencrypted_plain_auth: HOST_OPTIONS.allow_unencrypted_plain_auth,
};

/** Refusals that come after a while: who guesses, or has guessed too much, is not to be quick at it. */
const WAITS: ReadonlySet<SaslCondition> = new Set([
  'not-authorized',
  'account-disabled',
  'temporary-auth-failure',
]);

export class Negotiation implements StreamHandler {
  readonly #context: C2SContext;
  readonly #options: C2SOptions;
  readonly #stream: XmlStream;
  readonly #session: C2SSession;
  /** Who speaks to a client that has not named a host of ours. */
  readonly #defaultFrom: string | undefined;
  #user: string | undefined;
  #sasl: SaslExchange | undefined;
  #attempts: Attempts | undefined;
  #failedAttempts = 0;

  constructor(connection: Connection, context: C2SContext) {
    this.#context = context;
    this.#options = { ...C2S_DEFAULTS, ...context.options };
    const hosts = [...context.router.hosts.values()];
    this.#defaultFrom = hosts.find(({ kind }) => kind === 'local')?.domain;
    this.#stream = new XmlStream(connection, {
      role: 'receiver',
      namespace: NS.CLIENT,
      handler: this,
      clock: context.clock,
      faults: context.faults,
      timeouts: this.#options.timeouts,
      rate: strangerRate(readRate(context)),
      ...(this.#defaultFrom === undefined ? {} : { from: this.#defaultFrom }),
    });
    this.#session = new C2SSession(this.#stream, context, this.#options);
    context.negotiating?.add(this.#session);
  }

  onHeader(header: StreamHeader): void {
    const host = this.#hostOf(header.to);
    const from = host?.domain ?? this.#defaultFrom;
    // Preparing an address may be slow, so it is not done for a header that is refused anyway.
    const to = host === undefined ? undefined : Jid.tryParse(header.from)?.toString();
    this.#stream.open({ from, to, id: newId() });
    this.#checkHeader(header, host);
    this.#session.host = host;
    this.#session.phase = this.#nextPhase(host);
    this.#stream.sendFeatures(this.#features(host));
  }

  onElement(element: Element): void {
    const { host, phase } = this.#session;
    switch (acceptIn(phase, element)) {
      case 'starttls':
        this.#secure(host);
        return;
      case 'sasl':
        this.#authenticate(element, host);
        return;
      case 'bind':
        this.#bind(element, host);
        return;
      case 'nonza':
        if (phase === 'binding') this.#handleUnbound(element, host);
        else this.#refuseEarly(element, host);
    }
  }

  onClose(error: Error | undefined, cause: StreamCloseCause): void {
    this.#context.negotiating?.delete(this.#session);
    const why = error === undefined ? {} : { why: error.message };
    this.#session.log.info('client gone before it was bound', { cause, phase: this.#session.phase, ...why });
    this.#session.phase = 'closed';
  }

  /** RFC 6120 §4.7.2; the domain is a host with users. */
  #hostOf(to: string | undefined): LocalHost | undefined {
    const domain = tryDomain(to);
    const host = domain === undefined ? undefined : this.#context.router.hosts.get(domain);
    return host?.kind === 'local' ? host : undefined;
  }

  #checkHeader(header: StreamHeader, host: LocalHost | undefined): asserts host is LocalHost {
    if (header.to === undefined)
      throw new StreamError('improper-addressing', "The stream header has no 'to'");
    if (!host) throw new StreamError('host-unknown');
    if (!isVersion1(header))
      throw new StreamError('unsupported-version', 'This server supports XMPP 1.0 only');
    if (this.#user === undefined) return;
    if (host !== this.#session.host)
      throw new StreamError('host-unknown', 'The session belongs to another host');
    // Only another account is refused (§4.7.1). Perl's XML::Stream names its machine; stanzas are stamped anyway.
    const from = Jid.tryParse(header.from);
    const isAccount = from?.local !== undefined && from.domain === host.domain;
    const isOwn = !isAccount || from.local === this.#user;
    if (!isOwn) throw new StreamError('invalid-from', 'The session belongs to another account');
  }

  #nextPhase(host: LocalHost): 'securing' | 'authenticating' | 'binding' {
    if (this.#user !== undefined) return 'binding';
    const mustSecure = host.config.get(POLICY).c2s_require_encryption && !this.#stream.secure;
    return mustSecure ? 'securing' : 'authenticating';
  }

  #features(host: LocalHost): Element {
    const { phase } = this.#session;
    const features = xml('stream:features');
    const canSecure = !this.#stream.secure && this.#context.tls?.available === true && phase !== 'binding';
    if (canSecure) features.append(starttlsFeature(phase === 'securing'));
    if (phase === 'securing' && !canSecure) this.#session.log.warn('no certificate: clients cannot log in');
    if (phase === 'authenticating') features.append(...this.#authFeatures(host));
    if (phase === 'binding') {
      // RFC 3921 §3 wanted a session to be asked for; old clients still do unless told that they need not.
      features.append(bindFeature(), xml('session', NS.SESSION, xml('optional')));
    }
    const { stanzaBytes: maxBytes } = this.#stream.limits;
    if (phase !== 'securing')
      host.hooks.notify('stream-features', { session: this.#session, features, maxBytes });
    return features;
  }

  #authFeatures(host: LocalHost): (Element | undefined)[] {
    const { loginLimits, passwordWork } = this.#context;
    const bindings = channelBindings(this.#stream.connection.tls);
    const attempts = new Attempts(loginLimits, host.domain, this.#stream.remoteAddress);
    const mechanisms = mechanismsFor({
      credentials: host.accounts,
      domain: host.domain,
      plain: this.#stream.secure || host.config.get(POLICY).allow_unencrypted_plain_auth,
      channelBinding: bindings,
      admit: (user) => attempts.admit(user),
      passwordWork,
    });
    this.#attempts = attempts;
    this.#sasl = new SaslExchange(mechanisms);
    return [mechanismsFeature(mechanisms.names), channelBindingFeature(bindings)];
  }

  #secure(host: LocalHost): void {
    const { tls } = this.#context;
    this.#session.phase = 'opening';
    secure(this.#stream, tls?.available ? tls : undefined, host.domain).catch((error: Error) => {
      this.#session.log.info('TLS handshake failed', { why: error.message });
    });
  }

  /** RFC 6120 §6.4: while an answer is being worked out, nothing else of this client is looked at. */
  #authenticate(element: Element, host: LocalHost): void {
    if (this.#failedAttempts >= this.#options.maxAuthAttempts) {
      throw new StreamError('policy-violation', 'Too many failed attempts'); // §6.4.5
    }
    const exchange = this.#sasl;
    if (element.name === 'auth') this.#attempts?.begin();
    this.#stream.suspend();
    const answer = exchange?.take(element) ?? Promise.reject(new SaslError('encryption-required'));
    answer
      .then(
        (next) => this.#answer(next, host),
        (error: unknown) => this.#refuse(error),
      )
      .catch((error: unknown) => {
        this.#context.faults.report('stream', error, { c2s: this.#session.id });
        this.#stream.close(new StreamError('internal-server-error'));
      });
  }

  #answer({ reply, user }: SaslAnswer, host: LocalHost): void {
    if (!this.#stream.isOpen) return;
    this.#stream.send(reply);
    if (user === undefined) {
      this.#stream.resume();
      return;
    }
    this.#attempts?.succeeded();
    const mechanism = this.#sasl?.mechanism;
    this.#user = user;
    this.#session.authenticated(Jid.of(user, host.domain));
    this.#session.phase = 'opening';
    this.#session.log.info('authenticated', { user, mechanism, secure: this.#stream.secure });
    this.#stream.raiseLimits(CLIENT_LIMITS);
    this.#stream.restart();
  }

  #refuse(error: unknown): void {
    const refusal = toSaslError(error);
    this.#attempts?.refused(refusal, this.#sasl?.mechanism, this.#session.log);
    this.#failedAttempts++;
    if (!WAITS.has(refusal.condition)) this.#tellRefusal(refusal);
    else this.#context.clock.after(this.#options.authFailureDelayMs, () => this.#tellRefusal(refusal));
  }

  #tellRefusal(refusal: SaslError): void {
    this.#stream.send(refusal.toElement());
    this.#stream.resume();
  }

  #bind(iq: Stanza, host: LocalHost): void {
    try {
      const jid = chooseAddress(iq, this.#user ?? '', host, this.#options.maxSessions);
      this.#context.negotiating?.delete(this.#session);
      this.#session.bind(jid, () => this.#stream.send(bindResult(iq, jid)));
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error;
      const reply = errorReply(iq, error);
      if (reply) this.#stream.send(reply);
    }
  }

  #handleUnbound(element: Element, host: LocalHost): void {
    const answer = this.#answerOf(element, host);
    if (answer === undefined) {
      throw new StreamError('unsupported-stanza-type', `<${element.name}/> is unknown here`);
    }
    if ('reply' in answer) this.#stream.send(answer.reply);
    else this.#resume(answer.resume);
  }

  /** RFC 6120 §4.9.3.12, unless a module has milder words. */
  #refuseEarly(element: Element, host: LocalHost): void {
    const reply = host.hooks.fire('c2s-early-nonza', { element });
    if (reply === undefined) throw new StreamError('not-authorized');
    this.#stream.send(reply);
  }

  #answerOf(element: Element, host: LocalHost): Answer<'c2s-unbound-nonza'> | undefined {
    try {
      return host.hooks.fire('c2s-unbound-nonza', { session: this.#session, element });
    } catch (thrown) {
      throw unwrap(thrown, '').error;
    }
  }

  /** XEP-0198 §5: another session takes over the stream; this one is over before it had an address. */
  #resume(former: Contract): void {
    const session = resumable(former, this.#session);
    const stream = this.#session.release();
    if (stream) session.attach(stream);
  }
}

/** Our own session behind what a module answered. @throws Error for one that cannot go on with this stream. */
function resumable(session: Contract, fresh: C2SSession): C2SSession {
  const isAlive = session instanceof C2SSession && (session.phase === 'bound' || session.phase === 'asleep');
  if (isAlive && session.jid.bare === fresh.jid.bare) return session;
  throw new Error(`Session ${session.id} cannot be resumed by ${fresh.jid}`);
}
