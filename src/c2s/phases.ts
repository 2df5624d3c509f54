// Which elements a client may send when: the one table.
//
//   opening ─▶ securing ─▶ opening ─▶ authenticating ─▶ opening ─▶ binding ─▶ bound ⇄ asleep
//       (every restart of the stream leads back to opening; every phase may lead to closed)

import { isStanza } from '../core/stanza-rules.ts';
import type { Element } from '../xml/element.ts';
import { StreamError } from '../xml/errors.ts';
import { NS } from '../xml/namespaces.ts';

export type Phase =
  /** Waiting for the header of the client. */
  | 'opening'
  /** Nothing but STARTTLS will do. */
  | 'securing'
  | 'authenticating'
  | 'binding'
  | 'bound'
  /** Bound, without a stream: the client may come back (XEP-0198 §5). */
  | 'asleep'
  | 'closed';

export type ElementKind = 'starttls' | 'sasl' | 'bind' | 'stanza' | 'nonza';

const ACCEPTED: Readonly<Record<Phase, ReadonlySet<ElementKind>>> = {
  opening: new Set(),
  securing: new Set(['starttls', 'sasl']), // SASL only to be told that encryption is required (RFC 6120 §6.5.4).
  authenticating: new Set(['starttls', 'sasl', 'nonza']), // One that comes too early (XEP-0198 §3).
  binding: new Set(['bind', 'nonza']), // One that asks to resume a session (XEP-0198 §5).
  bound: new Set(['bind', 'stanza', 'nonza']),
  asleep: new Set(),
  closed: new Set(),
};

const SASL_NAMES: ReadonlySet<string> = new Set(['auth', 'response', 'abort']);

/**
 * What kind of element this is.
 * @throws StreamError 'not-authorized', 'unsupported-stanza-type' when a client may not send it in this phase.
 */
export function acceptIn(phase: Phase, element: Element): ElementKind {
  const kind = kindOf(element);
  if (ACCEPTED[phase].has(kind)) return kind;
  // RFC 6120 §4.9.3.12: stanzas "or other outbound data before the stream has been authenticated".
  const isAuthenticated = phase === 'binding' || phase === 'bound';
  throw new StreamError(kind === 'stanza' || !isAuthenticated ? 'not-authorized' : 'unsupported-stanza-type');
}

function kindOf(element: Element): ElementKind {
  if (isStanza(element)) return isBindRequest(element) ? 'bind' : 'stanza';
  const xmlns = element.getNS();
  if (xmlns === NS.TLS && element.name === 'starttls') return 'starttls';
  if (xmlns === NS.SASL && SASL_NAMES.has(element.name)) return 'sasl';
  return 'nonza';
}

function isBindRequest(element: Element): boolean {
  return element.name === 'iq' && element.getChild('bind', NS.BIND) !== undefined;
}
