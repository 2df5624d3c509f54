// The phases of a client's stream, and the table of the elements that the client may send in each.
//
//   opening ─▶ securing ─▶ opening ─▶ authenticating ─▶ opening ─▶ binding ─▶ bound ⇄ asleep
//       (every restart of the stream leads back to opening; every phase may lead to closed)

import { isStanza } from '../core/stanza-rules.ts';
import type { Element } from '../xml/element.ts';
import { StreamError } from '../xml/errors.ts';

export type Phase =
  /** Waiting for the header of the client. */
  | 'opening'
  /** The client must start TLS. */
  | 'securing'
  | 'authenticating'
  | 'binding'
  | 'bound'
  /** Bound, without a stream: the client may resume the session (XEP-0198 §5). */
  | 'asleep'
  | 'closed';

/** The steps of a client's negotiation, in their order (RFC 6120 §4.3). */
export type StepName = 'starttls' | 'sasl' | 'bind';

/** An element of a step; a request (iq of type get or set); another stanza; any other element. */
export type ElementKind = StepName | 'request' | 'stanza' | 'nonza';

const ACCEPTED: Readonly<Record<Phase, ReadonlySet<ElementKind>>> = {
  opening: new Set(),
  securing: new Set(['starttls', 'sasl', 'request']), // The answer to SASL is `encryption-required` (RFC 6120 §6.5.4).
  authenticating: new Set(['starttls', 'sasl', 'request', 'nonza']), // A nonza may come too early (XEP-0198 §3).
  binding: new Set(['bind', 'nonza']), // A nonza may resume a session (XEP-0198 §5).
  bound: new Set(['request', 'stanza', 'nonza']),
  asleep: new Set(),
  closed: new Set(),
};

/**
 * Returns the kind of an element; `step` is the step that it belongs to.
 * @throws StreamError 'not-authorized', 'unsupported-stanza-type' when a client may not send it in this phase.
 */
export function acceptIn(phase: Phase, element: Element, step?: StepName): ElementKind {
  const kind = step ?? kindOf(element);
  if (ACCEPTED[phase].has(kind)) return kind;
  // RFC 6120 §4.9.3.12: stanzas "or other outbound data before the stream has been authenticated".
  const isAuthenticated = phase === 'binding' || phase === 'bound';
  const isRefused = isStanza(element) || !isAuthenticated;
  throw new StreamError(isRefused ? 'not-authorized' : 'unsupported-stanza-type');
}

function kindOf(element: Element): ElementKind {
  if (!isStanza(element)) return 'nonza';
  const { type } = element.attrs;
  return element.name === 'iq' && (type === 'get' || type === 'set') ? 'request' : 'stanza';
}
