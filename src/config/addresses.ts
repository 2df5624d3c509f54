// Converts addresses in the configuration to the form in which addresses are compared (RFC 7622 §3).

import { codePointName } from '../xml/chars.ts';
import { Jid, prepareLocal } from '../xml/jid.ts';

/** The canonical text of a JID; `undefined` if it is not a JID, or has a resource where `bare` forbids one. */
export function canonicalJid(raw: string, bare: boolean): string | undefined {
  const parsed = Jid.tryParse(raw);
  return parsed === undefined || (bare && parsed.resource !== undefined) ? undefined : `${parsed}`;
}

/** The canonical text of a domain; `undefined` if it is not a domain. */
export function canonicalDomain(raw: string): string | undefined {
  const parsed = Jid.tryParse(raw);
  return parsed?.isDomain ? parsed.domain : undefined;
}

/** The reason why a text is not an address (RFC 7622 §3), with a correct spelling if there is one. */
export function addressFault(raw: string, bare: boolean): string {
  const slash = raw.indexOf('/');
  const address = slash < 0 ? raw : raw.slice(0, slash);
  // The last "@" separates: an earlier one is a forbidden character of the name.
  const at = address.lastIndexOf('@');
  const [local, domain] = at < 0 ? [undefined, address] : [address.slice(0, at), address.slice(at + 1)];
  if (domain === '') return 'the domain is missing';
  if (canonicalDomain(domain) === undefined) return `"${domain}" is not a domain`;
  const fault = local === undefined ? undefined : localFault(local, domain);
  if (fault !== undefined) return fault;
  if (slash >= 0 && bare) return `leave out "${raw.slice(slash)}", which names one client: ${address}`;
  return slash < 0 ? 'it is too long' : `"${raw.slice(slash + 1)}" cannot name a client`;
}

/** The characters that a localpart cannot contain (RFC 7622 §3.3.1), with their escaped forms (XEP-0106 §3). */
const ESCAPES: ReadonlyMap<string, string> = new Map(
  [...' "&\'/:<>@'].map((char) => [char, `\\${char.charCodeAt(0).toString(16)}`]),
);

function localFault(local: string, domain: string): string | undefined {
  if (local === '') return 'the name before the "@" is missing';
  const forbidden = [...new Set(local)].filter((char) => ESCAPES.has(char));
  if (forbidden.length > 0) {
    const named = forbidden.map((char) => (char === ' ' ? 'a space' : char)).join(' or ');
    const escaped = [...local].map((char) => ESCAPES.get(char) ?? char).join('');
    return `a name cannot contain ${named}; the escaped form is ${escaped}@${domain} (XEP-0106)`;
  }
  if (isLocal(local)) return undefined;
  const bad = [...local].find((char) => !isLocal(char));
  if (bad === undefined) return 'the name is too long, or mixes characters in a way that is not allowed';
  return `a name cannot contain ${visibly(bad)}`;
}

function isLocal(text: string): boolean {
  try {
    prepareLocal(text);
    return true;
  } catch {
    return false;
  }
}

function visibly(char: string): string {
  const code = codePointName(char);
  return /[\p{C}\p{Z}\p{M}]/u.test(char) ? code : `"${char}" (${code})`;
}
