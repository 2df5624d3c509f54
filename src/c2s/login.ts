// Authentication of a client (RFC 6120 §6): one SASL exchange at a time, in the syntax of one of the host's profiles.
//
//   start ──▶ mechanism ──challenge──▶ answer ──▶ …  ──proved──▶ the profile concludes: restart or proceed
//     └──────────┴── refused: the profile's failure, and another attempt may follow

import type { SaslProfile, SaslRequest, SaslStep } from '../api/login.ts';
import { type LoginAttempts, toSaslError } from '../core/logins.ts';
import type { SaslMechanism } from '../sasl/mechanism.ts';
import type { Element } from '../xml/element.ts';
import { type SaslCondition, SaslError, StreamError } from '../xml/errors.ts';
import { channelBindingFeature } from './channel-binding.ts';
import { type OfferedMechanisms, offerMechanisms } from './offer.ts';
import { ProvedLogin } from './proved-login.ts';
import type { Step, StepOwner } from './step.ts';

/** The refusals that are sent after `authFailureDelayMs`, to slow guessing. */
const DELAYED: ReadonlySet<SaslCondition> = new Set([
  'not-authorized',
  'account-disabled',
  'temporary-auth-failure',
]);

type StartRequest = Extract<SaslRequest, { do: 'start' }>;
type Proof = Extract<SaslStep, { done: true }>;

/** An attempt that waits for the client's next message. */
interface Exchange {
  readonly profile: SaslProfile;
  readonly mechanism: SaslMechanism;
  /** The element that began the attempt. */
  readonly start: Element;
  /** Whether the mechanism has received its first message. */
  hasBegun: boolean;
}

export class LoginStep implements Step {
  readonly name = 'sasl';
  readonly #owner: StepOwner;
  /** The profiles that existed when the features were sent, even if TLS must come first: their elements are answered. */
  #profiles: readonly SaslProfile[] = [];
  /** `undefined` while the client must start TLS first. */
  #offered: OfferedMechanisms | undefined;
  #attempts: LoginAttempts | undefined;
  #exchange: Exchange | undefined;
  /** The mechanism of the last attempt, for the log. */
  #mechanism = '';
  #failedAttempts = 0;
  /** Set while a profile concludes a login. */
  #login: ProvedLogin | undefined;

  constructor(owner: StepOwner) {
    this.#owner = owner;
  }

  features(): Element[] {
    const { session, stream } = this.#owner;
    this.#profiles = session.host.items.get('sasl-profile');
    this.#exchange = undefined;
    this.#offered = undefined;
    if (session.phase !== 'authenticating') return [];
    this.#attempts = session.host.logins.attempts(stream.remoteAddress);
    this.#offered = offerMechanisms(session.host, stream);
    const { offer } = this.#offered;
    const features = this.#profiles.map((profile) => profile.feature({ ...offer, session }));
    const isOffered = features.some((feature) => feature !== undefined);
    const binding = isOffered ? channelBindingFeature(offer.bindings) : undefined;
    return [...features, binding].filter((feature) => feature !== undefined);
  }

  /** Whether a profile waits for an element of the client; then every element is passed to it. */
  get isWaiting(): boolean {
    return this.#login?.isWaiting === true;
  }

  owns(element: Element): boolean {
    return this.isWaiting || this.#profileOf(element) !== undefined;
  }

  /** Handles one element of an exchange. Reading pauses until the answer is sent (RFC 6120 §6.4). */
  take(element: Element): void {
    const { context, options, stream, session } = this.#owner;
    if (this.#login?.isWaiting) return this.#login.take(element);
    if (this.#failedAttempts >= options.maxAuthAttempts) {
      throw new StreamError('policy-violation', 'Too many failed attempts'); // §6.4.5
    }
    const profile = this.#profileOf(element)!;
    stream.suspend();
    this.#attempt(profile, element)
      .catch((error: unknown) => this.#refuse(error, profile))
      .catch((error: unknown) => {
        context.faults.report('stream', error, { c2s: session.id });
        stream.close(new StreamError('internal-server-error'));
      });
  }

  close(): void {
    this.#login?.close();
  }

  #profileOf(element: Element): SaslProfile | undefined {
    const xmlns = element.getNS();
    return this.#profiles.find(
      (profile) => profile.xmlns === xmlns && profile.elements.includes(element.name),
    );
  }

  async #attempt(profile: SaslProfile, element: Element): Promise<void> {
    const waiting = this.#exchange;
    this.#exchange = undefined;
    if (this.#offered === undefined) throw new SaslError('encryption-required'); // §6.5.4
    if (waiting === undefined) this.#attempts?.reset();
    const request = profile.read(element);
    if (request.do === 'abort') throw new SaslError('aborted'); // §6.4.4
    const exchange =
      request.do === 'start' ? this.#begin(request, waiting, profile, element) : continued(waiting, profile);
    if (request.data === undefined)
      this.#challenge(exchange, Buffer.alloc(0)); // The client speaks first (§6.4.2).
    else await this.#step(exchange, request.data);
  }

  /** @throws SaslError 'malformed-request', 'invalid-mechanism' */
  #begin(
    request: StartRequest,
    waiting: Exchange | undefined,
    profile: SaslProfile,
    start: Element,
  ): Exchange {
    if (waiting) throw new SaslError('malformed-request', 'Another attempt is under way');
    this.#mechanism = request.mechanism;
    const mechanism = this.#offered!.create(request, this.#owner.session);
    return { profile, mechanism, start, hasBegun: false };
  }

  async #step(exchange: Exchange, data: Buffer): Promise<void> {
    if (!exchange.hasBegun) this.#attempts!.begin(exchange.mechanism, data);
    exchange.hasBegun = true;
    const step = await exchange.mechanism.step(data);
    if (step.done) await this.#conclude(exchange, step);
    else this.#challenge(exchange, step.challenge);
  }

  #challenge(exchange: Exchange, data: Buffer): void {
    const { stream } = this.#owner;
    this.#exchange = exchange;
    stream.send(exchange.profile.challenge(data));
    stream.resume();
  }

  async #conclude({ profile, start }: Exchange, proof: Proof): Promise<void> {
    const { context, stream } = this.#owner;
    const login = new ProvedLogin(this.#owner, {
      ...proof,
      profile,
      offer: this.#offered!.offer,
      mechanism: this.#mechanism,
      attempts: this.#attempts!,
      refuse: (error) => this.#refuse(error, profile),
    });
    this.#login = login;
    try {
      await profile.proved(login, start);
      if (!login.isConcluded && stream.isOpen)
        throw new Error(`The profile ${profile.xmlns} concluded nothing`);
    } catch (error) {
      if (!login.isConcluded) throw error;
      context.faults.report('stream', error);
    } finally {
      this.#login = undefined;
    }
  }

  #refuse(error: unknown, profile: SaslProfile): void {
    const { context, options, session } = this.#owner;
    const refusal = toSaslError(error);
    this.#attempts?.refused(refusal, this.#mechanism, session.log);
    this.#failedAttempts++;
    if (!DELAYED.has(refusal.condition)) this.#tellRefusal(refusal, profile);
    else context.clock.after(options.authFailureDelayMs, () => this.#tellRefusal(refusal, profile));
  }

  #tellRefusal(refusal: SaslError, profile: SaslProfile): void {
    const { stream } = this.#owner;
    stream.send(profile.failure(refusal));
    stream.resume();
  }
}

/** @throws SaslError 'malformed-request' */
function continued(waiting: Exchange | undefined, profile: SaslProfile): Exchange {
  if (waiting?.profile === profile) return waiting;
  throw new SaslError('malformed-request', 'No attempt is under way');
}
