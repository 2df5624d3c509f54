// The last part of a login: the mechanism has proved the account, and the profile concludes the exchange.

import type { Login, SaslOffer, SaslProfile } from '../api/login.ts';
import type { LoginAttempts } from '../core/logins.ts';
import type { Timer } from '../util/clock.ts';
import type { Element } from '../xml/element.ts';
import { SaslError, StreamError } from '../xml/errors.ts';
import { Jid } from '../xml/jid.ts';
import { CLIENT_LIMITS } from '../xml/limits.ts';
import type { C2SSession } from './session.ts';
import type { StepOwner } from './step.ts';

/** The time in which the client must send the next element of the profile. */
const NEXT_MS = 30_000;

export interface ProvedLoginOptions {
  readonly profile: SaslProfile;
  readonly user: string;
  readonly data?: Buffer;
  readonly mechanism: string;
  readonly offer: SaslOffer;
  readonly attempts: LoginAttempts;
  /** Tells the client that the login is refused. */
  refuse(error: SaslError): void;
}

interface Waiting {
  readonly names: readonly string[];
  readonly timer: Timer;
  resolve(element: Element): void;
  reject(error: Error): void;
}

export class ProvedLogin implements Login {
  readonly user: string;
  readonly data?: Buffer;
  readonly mechanism: string;
  readonly offer: SaslOffer;
  /** `restart`, `proceed` or `fail` was called. */
  isConcluded = false;
  readonly #owner: StepOwner;
  readonly #options: ProvedLoginOptions;
  #waiting: Waiting | undefined;

  constructor(owner: StepOwner, options: ProvedLoginOptions) {
    this.#owner = owner;
    this.#options = options;
    this.user = options.user;
    this.mechanism = options.mechanism;
    this.offer = options.offer;
    if (options.data !== undefined) this.data = options.data;
  }

  get session(): C2SSession {
    return this.#owner.session;
  }

  /** Whether the next element of the client belongs to this login. */
  get isWaiting(): boolean {
    return this.#waiting !== undefined;
  }

  next(names: readonly string[]): Promise<Element> {
    const { context, stream } = this.#owner;
    if (this.#waiting || this.isConcluded)
      return Promise.reject(new Error('The login expects no element now'));
    return new Promise((resolve, reject) => {
      const timer = context.clock.after(NEXT_MS, () => {
        this.#stopWaiting();
        stream.suspend();
        reject(new SaslError('temporary-auth-failure', 'The next element of the login did not come in time'));
      });
      this.#waiting = { names, timer, resolve, reject };
      stream.resume();
    });
  }

  /** @throws StreamError 'policy-violation' for an element that the profile does not expect */
  take(element: Element): void {
    const waiting = this.#waiting!;
    if (element.getNS() !== this.#options.profile.xmlns || !waiting.names.includes(element.name)) {
      throw new StreamError('policy-violation', `<${element.name}/> is not expected during the login`);
    }
    this.#stopWaiting();
    this.#owner.stream.suspend();
    waiting.resolve(element);
  }

  /** Call this when the stream has ended. */
  close(): void {
    const waiting = this.#waiting;
    this.#stopWaiting();
    waiting?.reject(new SaslError('aborted'));
  }

  fail(error: SaslError): void {
    if (this.#conclude()) this.#options.refuse(error);
  }

  restart(success: Element): void {
    const { session, stream } = this.#owner;
    if (!this.#succeed(success)) return;
    session.phase = 'opening';
    stream.restart();
  }

  proceed(success: Element): void {
    const { stream } = this.#owner;
    if (!this.#succeed(success)) return;
    this.#owner.announce();
    stream.resume();
  }

  /** Returns false when the stream has ended, for example because the account was changed meanwhile. */
  #succeed(success: Element): boolean {
    const { session, stream } = this.#owner;
    if (!this.#conclude() || !stream.isOpen) return false;
    const { user, mechanism } = this;
    stream.send(success);
    this.#options.attempts.succeeded();
    this.#owner.user = user;
    session.log.info('authenticated', { user, mechanism, secure: stream.secure });
    session.authenticated(Jid.of(user, session.host.domain));
    stream.raiseLimits(CLIENT_LIMITS);
    return stream.isOpen;
  }

  /** @throws Error when the profile has concluded the login already */
  #conclude(): boolean {
    if (this.isConcluded) throw new Error('The login is concluded already');
    this.isConcluded = true;
    return true;
  }

  #stopWaiting(): void {
    this.#waiting?.timer.cancel();
    this.#waiting = undefined;
  }
}
