// Words of the configuration that a later version will know. They are refused with that reason, so that nobody relies on
// something that is not there; what switches them off is true already, and accepted.

import { isDeepStrictEqual } from 'node:util';

interface Planned {
  /** The value that asks for nothing. */
  readonly off: unknown;
  /** What is not there yet. */
  readonly what: string;
}

const HTTP: Planned = { off: [], what: 'HTTP' };

const OPTIONS: ReadonlyMap<string, Planned> = new Map([
  ['http_ports', HTTP],
  ['http_interfaces', HTTP],
  ['https_ports', HTTP],
  ['authentication', { off: 'internal_hashed', what: 'any value other than "internal_hashed"' }],
  ['allow_registration', { off: false, what: 'registration with a client (XEP-0077)' }],
]);

/** Kinds of components, and what they would serve. */
const KINDS: ReadonlyMap<unknown, string> = new Map([
  ['pubsub', 'a publish-subscribe service'],
  ['http_file_share', 'file upload'],
]);

/** What to tell of a setting. `off`: it asks for nothing; `undefined`: it is none of these. */
export function planned(key: string, value: unknown): 'off' | Refusal | undefined {
  if (key === 'component') return plannedKind(value);
  const option = OPTIONS.get(key);
  if (option === undefined) return undefined;
  return isDeepStrictEqual(value, option.off) ? 'off' : refusal(option.what, `remove ${key}`);
}

function plannedKind(kind: unknown): Refusal | undefined {
  const what = KINDS.get(kind);
  return what === undefined ? undefined : refusal(what, 'remove this host');
}

interface Refusal {
  readonly expected: string;
  readonly got: string;
  readonly message: string;
  readonly hint: string;
}

function refusal(what: string, hint: string): Refusal {
  const message = `${what} is not in this version yet`;
  return { expected: 'what this version has', got: 'something else', message, hint };
}
