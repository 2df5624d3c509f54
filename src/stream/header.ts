// The header that opens a stream (RFC 6120 §4.7), as the peer sent it.

import type { Element } from '../xml/element.ts';
import { StreamError } from '../xml/errors.ts';
import { NS } from '../xml/namespaces.ts';

/** Language tags need up to 35 characters (RFC 5646 §4.4.1). */
const MAX_LANG_CHARS = 64;

export interface StreamHeader {
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly id: string | undefined;
  /** `undefined` means an implementation from before XMPP 1.0 (§4.7.5). */
  readonly version: string | undefined;
  /** The language of stanzas that name none; `undefined` also if it is too long to be a language tag. */
  readonly lang: string | undefined;
  /** Declared prefixes, by prefix. */
  readonly prefixes: ReadonlyMap<string, string>;
  /** Whether the dialback namespace is declared (XEP-0220 §2.1). */
  readonly dialback: boolean;
}

/**
 * Checks the parts of the header that do not depend on our domains.
 * @throws StreamError 'invalid-namespace', 'bad-format', 'unsupported-version'
 */
export function readHeader(
  root: Element,
  contentNamespace: string | undefined,
  expectedNamespace: string,
): StreamHeader {
  if (root.getNS() !== NS.STREAM) throw new StreamError('invalid-namespace', 'Not an XMPP stream');
  if (root.getName() !== 'stream') throw new StreamError('bad-format', 'The root element must be a stream');
  if (contentNamespace !== expectedNamespace) {
    throw new StreamError('invalid-namespace', `The content namespace here is ${expectedNamespace}`);
  }
  const { from, to, id, version } = root.attrs;
  if (version !== undefined && !/^\d{1,3}\.\d{1,3}$/.test(version))
    throw new StreamError('unsupported-version');
  const prefixes = prefixesOf(root);
  const dialback = [...prefixes.values()].includes(NS.DIALBACK);
  return { from, to, id, version, lang: languageOf(root), prefixes, dialback };
}

/** Whether the peer speaks XMPP 1.0 or later, and so expects features (RFC 6120 §4.7.5). */
export function isVersion1(header: StreamHeader): boolean {
  return header.version !== undefined && Number.parseInt(header.version, 10) >= 1;
}

/** A long value is ignored, because it would be copied into every stanza without a language (RFC 6120 §8.1.5). */
function languageOf({ attrs: { 'xml:lang': lang = '' } }: Element): string | undefined {
  return lang === '' || lang.length > MAX_LANG_CHARS ? undefined : lang;
}

function prefixesOf(root: Element): ReadonlyMap<string, string> {
  const prefixes = new Map<string, string>();
  for (const [name, value] of Object.entries(root.attrs)) {
    if (name.startsWith('xmlns:') && value !== undefined) prefixes.set(name.slice('xmlns:'.length), value);
  }
  return prefixes;
}
