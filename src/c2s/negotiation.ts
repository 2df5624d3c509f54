// The negotiation with a client, from the first byte to a bound resource: STARTTLS, SASL, binding (RFC 6120 §4.3).

import type { Answer } from '../api/events.ts';
import type { C2SSession as Contract } from '../api/session.ts';
import { HOST_OPTIONS } from '../config/core-options.ts';
import { unwrap } from '../core/hooks.ts';
import type { LocalHost } from '../core/host.ts';
import type { ClientStream, StreamCloseCause, StreamHandler } from '../stream/client-stream.ts';
import { isVersion1, type StreamHeader } from '../stream/header.ts';
import { newId } from '../util/ids.ts';
import { tryDomain } from '../xml/domain.ts';
import { type Element, xml } from '../xml/element.ts';
import { StreamError } from '../xml/errors.ts';
import { Jid } from '../xml/jid.ts';
import { BindStep } from './bind.ts';
import { C2S_DEFAULTS, type C2SContext, type C2SOptions, defaultDomain } from './context.ts';
import { EarlyElements } from './early.ts';
import { LoginStep } from './login.ts';
import { acceptIn, type Phase } from './phases.ts';
import { C2SSession } from './session.ts';
import { StarttlsStep } from './starttls.ts';
import type { Step, StepOwner } from './step.ts';

const POLICY = { c2s_require_encryption: HOST_OPTIONS.c2s_require_encryption };

export class Negotiation implements StreamHandler, StepOwner {
  readonly context: C2SContext;
  readonly options: C2SOptions;
  readonly stream: ClientStream;
  readonly session: C2SSession;
  user: string | undefined;
  readonly #login: LoginStep;
  readonly #steps: readonly Step[];
  readonly #early: EarlyElements;
  /** The `from` of our header to a client that names no host of ours. */
  readonly #defaultFrom: string | undefined;

  /** Takes over a stream on which nothing was received yet. */
  constructor(stream: ClientStream, context: C2SContext) {
    this.context = context;
    this.options = { ...C2S_DEFAULTS, ...context.options };
    this.stream = stream;
    this.#defaultFrom = defaultDomain(context);
    stream.handler = this;
    this.session = new C2SSession(this.stream, context, this.options);
    this.#login = new LoginStep(this);
    this.#steps = [new StarttlsStep(this), this.#login, new BindStep(this)];
    this.#early = new EarlyElements(this);
    context.negotiating?.add(this.session);
  }

  onHeader(header: StreamHeader): void {
    const host = this.#hostOf(header.to);
    const from = host?.domain ?? this.#defaultFrom;
    // Preparing an address may be slow, so it is not done for a header that is refused anyway.
    const to = host === undefined ? undefined : Jid.tryParse(header.from)?.toString();
    this.stream.open({ from, to, id: newId() });
    this.#checkHeader(header, host);
    this.session.host = host;
    this.announce();
  }

  announce(): void {
    this.session.phase = this.#nextPhase();
    this.stream.sendFeatures(this.#features());
  }

  onElement(element: Element): void {
    const { phase } = this.session;
    // A login that waits for the client comes before STARTTLS: TLS in its middle would restart the stream.
    const step = this.#login.isWaiting
      ? this.#login
      : this.#steps.find((candidate) => candidate.owns(element));
    switch (acceptIn(phase, element, step?.name)) {
      case 'request':
        this.#early.request(element);
        return;
      case 'nonza':
        if (phase === 'binding') this.#handleUnbound(element);
        else this.#early.nonza(element);
        return;
      default:
        step?.take(element);
    }
  }

  onClose(error: Error | undefined, cause: StreamCloseCause): void {
    this.context.negotiating?.delete(this.session);
    const why = error === undefined ? {} : { why: error.message };
    this.session.log.info('client gone before it was bound', { cause, phase: this.session.phase, ...why });
    this.session.phase = 'closed';
    for (const step of this.#steps) step.close?.();
  }

  /** RFC 6120 §4.7.2; the domain is a host with users. */
  #hostOf(to: string | undefined): LocalHost | undefined {
    const domain = tryDomain(to);
    const host = domain === undefined ? undefined : this.context.router.hosts.get(domain);
    return host?.kind === 'local' ? host : undefined;
  }

  #checkHeader(header: StreamHeader, host: LocalHost | undefined): asserts host is LocalHost {
    if (header.to === undefined)
      throw new StreamError('improper-addressing', "The stream header has no 'to'");
    if (!host) throw new StreamError('host-unknown');
    if (!isVersion1(header))
      throw new StreamError('unsupported-version', 'This server supports XMPP 1.0 only');
    if (this.user === undefined) return;
    if (host !== this.session.host)
      throw new StreamError('host-unknown', 'The session belongs to another host');
    // Only another account is refused (§4.7.1). Perl's XML::Stream names its machine; stanzas are stamped anyway.
    const from = Jid.tryParse(header.from);
    const isAccount = from?.local !== undefined && from.domain === host.domain;
    const isOwn = !isAccount || from.local === this.user;
    if (!isOwn) throw new StreamError('invalid-from', 'The session belongs to another account');
  }

  #nextPhase(): Phase {
    if (this.user !== undefined) return 'binding';
    const mustSecure = this.session.host.config.get(POLICY).c2s_require_encryption && !this.stream.secure;
    return mustSecure ? 'securing' : 'authenticating';
  }

  #features(): Element {
    const { session, stream } = this;
    const features = xml('stream:features');
    for (const step of this.#steps) features.append(...step.features());
    const { stanzaBytes: maxBytes } = stream.limits;
    if (session.phase !== 'securing')
      session.host.hooks.notify('stream-features', { session, features, maxBytes });
    return features;
  }

  #handleUnbound(element: Element): void {
    const answer = this.#answerOf(element);
    if (answer === undefined) {
      throw new StreamError('unsupported-stanza-type', `<${element.name}/> is unknown here`);
    }
    if ('reply' in answer) this.stream.send(answer.reply);
    else this.#resume(answer.resume);
  }

  #answerOf(element: Element): Answer<'c2s-unbound-nonza'> | undefined {
    try {
      return this.session.host.hooks.fire('c2s-unbound-nonza', { session: this.session, element });
    } catch (thrown) {
      throw unwrap(thrown, '').error;
    }
  }

  /** XEP-0198 §5: another session takes over the stream. The session of this negotiation ends without an address. */
  #resume(former: Contract): void {
    const session = resumable(former, this.session);
    const stream = this.session.release();
    if (stream) session.attach(stream);
  }
}

/**
 * Checks that the session in a module's answer can take over the stream of `fresh`, and returns it.
 * @throws StreamError 'not-authorized' if the account was disabled; Error if the session has ended or is another account's
 */
function resumable(session: Contract, fresh: C2SSession): C2SSession {
  if (!fresh.host.users.isEnabled(fresh.jid.local ?? ''))
    throw new StreamError('not-authorized', 'The account is disabled');
  const isAlive = session instanceof C2SSession && (session.phase === 'bound' || session.phase === 'asleep');
  if (isAlive && session.jid.bare === fresh.jid.bare) return session;
  throw new Error(`Session ${session.id} cannot be resumed by ${fresh.jid}`);
}
