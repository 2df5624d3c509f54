// IQ semantics (RFC 6120 §8.2.3): every request has exactly one handler and gets exactly one answer, which goes to the
// requesting entity only.

import type { StanzaEvent } from '../../api/events.ts';
import type { IqHandler, IqMatch, IqRequest } from '../../api/module.ts';
import type { Element, ElementLike, Stanza } from '../../xml/element.ts';
import { xml } from '../../xml/element.ts';
import { StanzaError } from '../../xml/errors.ts';
import { ModuleError } from '../errors.ts';
import { unwrap } from '../hooks.ts';

interface Registration {
  readonly owner: string;
  readonly handler: IqHandler;
}

/** The request handlers of one host. */
export class IqHandlers {
  readonly #handlers = new Map<string, Registration>();

  /** @throws ModuleError MODULE_HANDLER_CONFLICT when another module handles the same request. */
  add(match: IqMatch, handler: IqHandler, owner: string): () => void {
    const keys = match.to.map((to) => keyOf(match.type, to, match.xmlns, match.name));
    for (const key of keys) {
      const other = this.#handlers.get(key);
      if (other) {
        throw new ModuleError(
          'MODULE_HANDLER_CONFLICT',
          owner,
          `${owner} and ${other.owner} both handle iq ${match.type} <${match.name} xmlns='${match.xmlns}'/>; enable one of them only`,
        );
      }
    }
    for (const key of keys) this.#handlers.set(key, { owner, handler });
    return () => {
      for (const key of keys) this.#handlers.delete(key);
    };
  }

  /** The handler for a request to `target`. A request of an account to itself falls back to the handler for `bare`. */
  find(type: string, target: 'self' | 'bare' | 'host', payload: Element): Registration | undefined {
    const xmlns = payload.getNS() ?? '';
    const found = this.#handlers.get(keyOf(type, target, xmlns, payload.name));
    if (found || target !== 'self') return found;
    return this.#handlers.get(keyOf(type, 'bare', xmlns, payload.name));
  }
}

/**
 * Runs the handler of a get or set. A handler that throws a StanzaError refuses the request.
 * @throws StanzaError if the handler refuses in this tick; the caller turns it into the reply.
 */
export function handleRequest(
  handlers: IqHandlers,
  event: StanzaEvent,
  target: 'self' | 'bare' | 'host',
  reply: (answer: Element | StanzaError) => void,
  failed: (owner: string, error: unknown) => StanzaError,
): void {
  const { stanza, from, to, origin } = event;
  const payload = payloadOf(stanza);
  const found = handlers.find(stanza.attrs.type ?? '', target, payload);
  if (!found) throw new StanzaError('service-unavailable');
  const request: IqRequest = { stanza, payload, from, to, origin };
  const refuse = (thrown: unknown) => {
    const { error, owner } = unwrap(thrown, found.owner);
    reply(error instanceof StanzaError ? error : failed(owner, error));
  };
  const accept = (answer: ElementLike | undefined) => reply(resultOf(stanza, answer));
  try {
    const answer = found.handler(request);
    if (answer instanceof Promise) event.waitUntil(answer.then((late) => accept(late ?? undefined), refuse));
    else accept(answer ?? undefined);
  } catch (error) {
    refuse(error);
  }
}

/** RFC 6120 §8.2.3: a request holds exactly one child element. @throws StanzaError 'bad-request' */
function payloadOf(iq: Stanza): Element {
  const [payload, more] = iq.elements();
  if (payload === undefined || more !== undefined) {
    throw new StanzaError('bad-request', {
      text: 'An iq of type get or set must have exactly one child element',
    });
  }
  return payload;
}

function resultOf(iq: Stanza, payload: ElementLike | undefined): Stanza {
  return xml('iq', { type: 'result', id: iq.attrs.id, from: iq.attrs.to, to: iq.attrs.from }, payload);
}

function keyOf(type: string, to: string, xmlns: string, name: string): string {
  return `${type} ${to} ${xmlns} ${name}`;
}
