// Malformed addresses (RFC 7622): finds the malformed part, and the domain that answers for the address.

import { codePointName } from '../xml/chars.ts';
import { tryDomain } from '../xml/domain.ts';
import { StanzaError } from '../xml/errors.ts';
import { Jid, prepareDomain, prepareLocal, prepareResource } from '../xml/jid.ts';
import { splitAddress } from '../xml/split-address.ts';

/** The most bytes of each part in UTF-8 (RFC 7622 §3.2, §3.3, §3.4). */
const MAX_PART_BYTES = 1023;
/** The most characters of a part that are checked one by one to find the forbidden ones. */
const MAX_CHECKED = 256;
/** The most forbidden characters that the error names. */
const MAX_NAMED = 3;

/** Parses the `to` of a stanza. @throws StanzaError 'jid-malformed', with a text that names the malformed part */
export function parseDestination(to: string): Jid {
  const jid = Jid.tryParse(to);
  if (jid === undefined) throw new StanzaError('jid-malformed', { text: problemOf(to) });
  return jid;
}

/** The prepared domain of an address whose other parts may be malformed; `undefined` when the domain itself is. */
export function domainOf(address: string): string | undefined {
  // Jid caches recent addresses, so a valid one needs no preparation.
  return Jid.tryParse(address)?.domain ?? tryDomain(splitAddress(address).domain);
}

function problemOf(address: string): string {
  const { local, domain, resource } = splitAddress(address);
  return (
    wrongPart('The domain', domain, prepareDomain) ??
    wrongPart('The part before the @', local, prepareLocal) ??
    wrongPart('The part after the /, such as a nickname,', resource, prepareResource) ??
    'The address is too long'
  );
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
  // By code point: forbidden characters are often invisible.
  return `${name} has characters that addresses cannot have: ${characters.map(codePointName).join(', ')}`;
}

/** The first forbidden characters. Not all, because refusing a character takes longer than accepting one. */
function firstUnprepared(text: string, prepare: (text: string) => string): string[] {
  const found: string[] = [];
  for (const one of new Set(text.slice(0, MAX_CHECKED))) {
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
