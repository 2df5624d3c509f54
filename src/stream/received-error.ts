// A stream error that the peer has sent (RFC 6120 §4.9).

import type { Element } from '../xml/element.ts';
import { type StreamCondition, StreamError } from '../xml/errors.ts';
import { NS } from '../xml/namespaces.ts';

const MAX_TEXT_CHARS = 1_000;

/** Reads a `stream:error`. A condition that RFC 6120 does not define reads as `undefined-condition` (§4.9.3.21). */
export function readStreamError(element: Element): StreamError {
  const child = element
    .elements()
    .find((candidate) => candidate.getNS() === NS.STREAMS && candidate.name !== 'text');
  const text = element.getChildText('text', NS.STREAMS)?.slice(0, MAX_TEXT_CHARS);
  return new StreamError(isCondition(child?.name) ? child.name : 'undefined-condition', text);
}

const CONDITIONS = {
  'bad-format': true,
  'bad-namespace-prefix': true,
  conflict: true,
  'connection-timeout': true,
  'host-gone': true,
  'host-unknown': true,
  'improper-addressing': true,
  'internal-server-error': true,
  'invalid-from': true,
  'invalid-namespace': true,
  'invalid-xml': true,
  'not-authorized': true,
  'not-well-formed': true,
  'policy-violation': true,
  'remote-connection-failed': true,
  reset: true,
  'resource-constraint': true,
  'restricted-xml': true,
  'see-other-host': true,
  'system-shutdown': true,
  'undefined-condition': true,
  'unsupported-encoding': true,
  'unsupported-feature': true,
  'unsupported-stanza-type': true,
  'unsupported-version': true,
} as const satisfies Record<StreamCondition, true>;

function isCondition(name: string | undefined): name is StreamCondition {
  return name !== undefined && Object.hasOwn(CONDITIONS, name);
}
