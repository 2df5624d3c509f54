// Addresses as administrators write them, brought to the form in which they are compared (RFC 7622 §3).

import { Jid } from '../xml/jid.ts';

/** The text of a JID; `undefined` when it is none, or has a resource where `bare` forbids it. */
export function canonicalJid(raw: string, bare: boolean): string | undefined {
  const parsed = Jid.tryParse(raw);
  return parsed === undefined || (bare && parsed.resource !== undefined) ? undefined : `${parsed}`;
}

/** The text of a domain; `undefined` when it is none. */
export function canonicalDomain(raw: string): string | undefined {
  const parsed = Jid.tryParse(raw);
  return parsed?.isDomain ? parsed.domain : undefined;
}
