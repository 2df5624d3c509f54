// Elements that a client sends before it has authenticated and that belong to no negotiation step. Modules may answer them.

import { unwrap } from '../core/hooks.ts';
import { checkStanza } from '../core/stanza-rules.ts';
import type { Element, Stanza } from '../xml/element.ts';
import { errorReply, StanzaError, StreamError } from '../xml/errors.ts';
import type { StepOwner } from './step.ts';

/** The most requests on one stream. The registration of an account needs fewer. */
const MAX_REQUESTS = 10;

export class EarlyElements {
  readonly #owner: StepOwner;
  #requests = 0;

  constructor(owner: StepOwner) {
    this.#owner = owner;
  }

  /**
   * Answers a request. Reading pauses until the answer is sent.
   * @throws StreamError 'not-authorized' when no module answers (RFC 6120 §4.9.3.12), 'policy-violation' beyond 10 requests
   */
  request(iq: Stanza): void {
    const { context, session, stream } = this.#owner;
    if (!session.host.hooks.has('c2s-early-iq')) throw new StreamError('not-authorized');
    if (++this.#requests > MAX_REQUESTS)
      throw new StreamError('policy-violation', 'Too many requests before authentication');
    const answer = this.#ask(iq);
    if (answer === undefined) throw new StreamError('not-authorized');
    stream.suspend();
    const answered = answer
      .catch((error: unknown) => this.#errorReply(iq, error))
      .then((reply) => {
        stream.send(reply);
        stream.resume();
      });
    context.faults.watch('stream', answered, { c2s: session.id });
  }

  /** @throws StreamError 'not-authorized' when no module answers (RFC 6120 §4.9.3.12) */
  nonza(element: Element): void {
    const { session, stream } = this.#owner;
    const reply = session.host.hooks.fire('c2s-early-nonza', { element });
    if (reply === undefined) throw new StreamError('not-authorized');
    stream.send(reply);
  }

  #ask(iq: Stanza): Promise<Element> | undefined {
    const { session } = this.#owner;
    const problem = checkStanza(iq);
    if (problem) return Promise.reject(problem);
    try {
      return session.host.hooks.fire('c2s-early-iq', { session, iq });
    } catch (thrown) {
      return Promise.reject(thrown);
    }
  }

  /** A StanzaError of a module is sent unchanged. Any other error is logged, and the client gets `internal-server-error`. */
  #errorReply(iq: Stanza, thrown: unknown): Element {
    const { context, session } = this.#owner;
    const { owner: module, error } = unwrap(thrown, '');
    if (!(error instanceof StanzaError)) context.faults.report('handler', error, { c2s: session.id, module });
    const refusal = error instanceof StanzaError ? error : new StanzaError('internal-server-error');
    return errorReply(iq, refusal)!; // A request always has one.
  }
}
