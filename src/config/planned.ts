// Options that this version does not support yet. They are refused, so that no administrator relies on a missing
// feature. A value that switches the feature off is accepted.

import { isDeepStrictEqual } from 'node:util';

interface Planned {
  /** The value that switches the feature off. */
  readonly off: unknown;
  /** The missing feature. */
  readonly what: string;
}

const HTTP: Planned = { off: [], what: 'HTTP' };

const OPTIONS: ReadonlyMap<string, Planned> = new Map([
  ['http_ports', HTTP],
  ['http_interfaces', HTTP],
  ['https_ports', HTTP],
  ['authentication', { off: 'internal_hashed', what: 'any value other than "internal_hashed"' }],
  ['allow_registration', { off: false, what: 'account registration by clients (XEP-0077)' }],
]);

/** Kinds of components that are not supported yet, with the features that they would provide. */
const KINDS: ReadonlyMap<unknown, string> = new Map([
  ['pubsub', 'a publish-subscribe service'],
  ['http_file_share', 'file upload'],
]);

/** The refusal of an unsupported setting. `off`: accepted without effect; `undefined`: not an unsupported setting. */
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
  const message = `this version does not support ${what} yet`;
  return { expected: 'a supported value', got: 'another one', message, hint };
}
