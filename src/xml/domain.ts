// The domain part of an address (RFC 7622 §3.2): an IP literal, or labels of IDNA2008.

import { isIPv4, isIPv6 } from 'node:net';
import { domainToASCII, domainToUnicode } from 'node:url';
import { StanzaError } from './errors.ts';
import { isIdentifier } from './precis.ts';

const MAX_BYTES = 1023;
const MAX_LABEL = 63;
/** Letters, digits and hyphens, without a hyphen at either end (RFC 5890 §2.3.1). */
const LDH_LABEL = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
/** The four dots of IDNA; any of them at the end is stripped (RFC 7622 §3.2). */
const FINAL_DOT = /[.\u3002\uFF0E\uFF61]$/;

/**
 * Converts a domain to the form for comparison and storage: lower case, U-labels, no final dot, IPv6 addresses in
 * brackets and in their shortest form.
 *
 * @throws StanzaError 'jid-malformed'
 */
export function prepareDomain(text: string): string {
  if (text.length > MAX_BYTES) throw malformed();
  if (text.startsWith('[')) return prepareLiteral(text);
  const name = text.replace(FINAL_DOT, '');
  // The runtime's IDNA is for URLs: it accepts `%61`, and IPv4 addresses with fewer than four numbers.
  if (/[\0-,/:-@[-`{-\x7f]/.test(name)) throw malformed();
  const plain = /^[\0-\x7f]*$/.test(name) && !/xn--/i.test(name);
  return plain ? checkAscii(name.toLowerCase()) : prepareUnicode(name);
}

/**
 * Like `prepareDomain`; `undefined` if the text is not a domain. Use it instead of `Jid.tryParse` before a login,
 * because preparing a localpart or resource is slow.
 */
export function tryDomain(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  try {
    return prepareDomain(text);
  } catch (error) {
    if (error instanceof StanzaError) return undefined;
    throw error;
  }
}

/** The labels of most registrable domains. Where three are needed, as below co.uk, many domains count as one. */
const REGISTERED_LABELS = 2;

/** The key of a prepared domain for limits, since the owner of a domain can have any number of subdomains. */
export function registeredDomain(domain: string): string {
  if (isIPv4(domain)) return domain;
  return domain.split('.').slice(-REGISTERED_LABELS).join('.');
}

/** Domains in lower-case ASCII, without A-labels. */
function checkAscii(name: string): string {
  if (isIPv4(name)) return name;
  const labels = name.split('.');
  if (!labels.every(isLabel)) throw malformed();
  if (/^[0-9]+$/.test(labels[labels.length - 1]!)) throw malformed();
  return name;
}

function prepareUnicode(name: string): string {
  const ascii = domainToASCII(name);
  const unicode = domainToUnicode(ascii);
  const labels = unicode.split('.');
  const given = ascii.split('.');
  if (given.length !== labels.length || !labels.every((label, i) => isULabel(label, given[i]!)))
    throw malformed();
  if (/^[0-9]+$/.test(labels[labels.length - 1]!)) throw malformed();
  if (Buffer.byteLength(unicode) > MAX_BYTES || domainToASCII(unicode) !== ascii) throw malformed();
  return unicode;
}

/** Whether an ASCII label is valid and not an A-label; two hyphens in third place are reserved (RFC 5890 §2.3.1). */
function isLabel(label: string): boolean {
  return label.length <= MAX_LABEL && LDH_LABEL.test(label) && !label.startsWith('--', 2);
}

/** Whether a label is a U-label, or plain ASCII (RFC 5890 §2.3.2.1). */
function isULabel(label: string, ascii: string): boolean {
  if (label === ascii) return isLabel(label);
  if (ascii.length > MAX_LABEL || !ascii.startsWith('xn--')) return false;
  if (/^-|-$|^..--|[\0-,./:-`{-\x7f]/.test(label)) return false;
  // The first character must not be a mark (RFC 5891 §4.2.3.2); otherwise IDNA allows the same characters as
  // identifiers.
  return !/^\p{M}/u.test(label) && label.toLowerCase() === label && isIdentifier(label);
}

function prepareLiteral(text: string): string {
  const address = text.slice(1, -1);
  if (!text.endsWith(']') || !isIPv6(address) || address.includes('%')) throw malformed();
  return domainToASCII(text);
}

function malformed(): StanzaError {
  return new StanzaError('jid-malformed', { text: 'Not a domain' });
}
