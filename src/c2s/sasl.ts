// SASL with a client (RFC 6120 §6): the exchange of one stream, one mechanism at a time.

import type { SaslMechanism } from '../sasl/mechanism.ts';
import type { Mechanisms } from '../sasl/mechanisms.ts';
import { type Element, xml } from '../xml/element.ts';
import { SaslError } from '../xml/errors.ts';
import { NS } from '../xml/namespaces.ts';

export interface SaslAnswer {
  readonly reply: Element;
  /** Set once the exchange has succeeded: the prepared localpart. */
  readonly user?: string;
}

export class SaslExchange {
  readonly #mechanisms: Mechanisms;
  /** The mechanism under way. */
  #current: SaslMechanism | undefined;
  #name = '';

  constructor(mechanisms: Mechanisms) {
    this.#mechanisms = mechanisms;
  }

  /** The mechanism last asked for, for the log. */
  get mechanism(): string {
    return this.#name;
  }

  /**
   * Takes an `auth`, `response` or `abort`. The next one must wait for the answer.
   * @throws SaslError when the attempt is over without success.
   */
  async take(element: Element): Promise<SaslAnswer> {
    const mechanism = this.#mechanismFor(element);
    if (element.name === 'auth' && isEmpty(element)) return this.#challenge(mechanism); // The client is to speak first.
    const step = await mechanism.step(decode(element));
    return step.done
      ? { reply: success(step.data), user: step.user }
      : this.#challenge(mechanism, step.challenge);
  }

  #challenge(mechanism: SaslMechanism, data?: Buffer): SaslAnswer {
    this.#current = mechanism;
    return { reply: xml('challenge', NS.SASL, data?.toString('base64')) };
  }

  #mechanismFor(element: Element): SaslMechanism {
    const current = this.#current;
    this.#current = undefined;
    if (element.name === 'abort') throw new SaslError('aborted'); // §6.4.4
    if (element.name === 'auth') {
      if (current) throw new SaslError('malformed-request', 'Another attempt is under way');
      this.#name = element.attrs.mechanism ?? '';
      return this.#mechanisms.create(this.#name);
    }
    if (!current) throw new SaslError('malformed-request', 'No attempt is under way');
    return current;
  }
}

/** What is told of a failure: one that is not the client's fault is not explained to it (RFC 6120 §6.5.11). */
export function toSaslError(error: unknown): SaslError {
  if (error instanceof SaslError) return error;
  return Object.assign(new SaslError('temporary-auth-failure'), { cause: error });
}

export function mechanismsFeature(names: readonly string[]): Element {
  return xml('mechanisms', NS.SASL, ...names.map((name) => xml('mechanism', {}, name)));
}

/** RFC 4648 §4, "without whitespace or other characters" between (RFC 6120 §13.9.1). */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Whether there is no initial response; one of zero length would be "=" (RFC 6120 §6.4.2). */
function isEmpty(element: Element): boolean {
  return element.elements().length === 0 && element.text() === '';
}

function decode(element: Element): Buffer {
  if (element.elements().length > 0) throw new SaslError('malformed-request');
  const text = element.text();
  if (text === '=') return Buffer.alloc(0); // §6.4.2: data of no length
  if (!BASE64.test(text)) throw new SaslError('incorrect-encoding');
  return Buffer.from(text, 'base64');
}

/** §6.4.6: additional data of no length is not the same as none. */
function success(data: Buffer | undefined): Element {
  return xml('success', NS.SASL, data?.length === 0 ? '=' : data?.toString('base64'));
}
