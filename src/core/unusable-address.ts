// Addresses that cannot be prepared (RFC 7622): which part is wrong, and who speaks for them.

import { StanzaError } from '../xml/errors.ts';
import { Jid, prepareDomain, prepareLocal, prepareResource } from '../xml/jid.ts';

/** Bytes of each part in UTF-8 (RFC 7622 §3.2, §3.3, §3.4). */
const MAX_PART_BYTES = 1023;
/** Characters of a part that are looked at one by one for the text of the error. */
const MAX_LOOKED_AT = 256;
/** Characters that the text names. */
const MAX_NAMED = 3;

interface Parts {
  readonly local: string | undefined;
  readonly domain: string;
  readonly resource: string | undefined;
}

/** Reads the `to` of a stanza. @throws StanzaError 'jid-malformed', with a text that says which part is wrong */
export function parseDestination(to: string): Jid {
  const jid = Jid.tryParse(to);
  if (jid === undefined) throw new StanzaError('jid-malformed', { text: problemOf(to) });
  return jid;
}

/** The prepared domain of an address whose other parts may be unusable; `undefined` when the domain itself is. */
export function domainOf(address: string): string | undefined {
  const jid = Jid.tryParse(address); // remembers those of late
  if (jid) return jid.domain;
  try {
    return prepareDomain(partsOf(address).domain);
  } catch (error) {
    if (error instanceof StanzaError) return undefined;
    throw error;
  }
}

function problemOf(address: string): string {
  const { local, domain, resource } = partsOf(address);
  return (
    wrongPart('The domain', domain, prepareDomain) ??
    wrongPart('The part before the @', local, prepareLocal) ??
    wrongPart('The part after the /, such as a nickname,', resource, prepareResource) ??
    'The address is too long'
  );
}

/** RFC 7622 §3.1. */
function partsOf(address: string): Parts {
  const slash = address.indexOf('/');
  const bare = slash < 0 ? address : address.slice(0, slash);
  const at = bare.indexOf('@');
  return {
    local: at < 0 ? undefined : bare.slice(0, at),
    domain: bare.slice(at + 1),
    resource: slash < 0 ? undefined : address.slice(slash + 1),
  };
}

function wrongPart(
  name: string,
  text: string | undefined,
  prepare: (text: string) => string,
): string | undefined {
  if (text === undefined) return undefined;
  if (text === '') return `${name} is empty`;
  if (Buffer.byteLength(text) > MAX_PART_BYTES) return `${name} is longer than ${MAX_PART_BYTES} bytes`;
  if (isPrepared(text, prepare)) return undefined;
  const characters = firstUnprepared(text, prepare);
  if (characters.length === 0) return `${name} is not allowed in an address (RFC 7622)`;
  return `${name} has what addresses cannot have: ${characters.map(nameOf).join(', ')}`;
}

/** No more than are named: to refuse one takes longer than to find it fine. */
function firstUnprepared(text: string, prepare: (text: string) => string): string[] {
  const found: string[] = [];
  for (const one of new Set(text.slice(0, MAX_LOOKED_AT))) {
    if (!isPrepared(one, prepare)) found.push(one);
    if (found.length === MAX_NAMED) break;
  }
  return found;
}

function isPrepared(text: string, prepare: (text: string) => string): boolean {
  try {
    prepare(text);
    return true;
  } catch (error) {
    if (error instanceof StanzaError) return false;
    throw error;
  }
}

/** Not the character itself: those that are refused are often invisible. */
function nameOf(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}
