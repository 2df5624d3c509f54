// Bounds a user's pending subscription requests (RFC 6121 §3.1.3), so that no sender can block the others. Three kinds
// of senders have separate quotas: users of the same host, users of other domains, and contacts. One domain, with its
// subdomains, may use only a part of the quota for other domains.

import { registeredDomain } from 'enjamb/api';
import type { RosterItem } from './item.ts';

export interface RequestLimits {
  readonly places: number;
  /** The part of the quota for other domains that one domain may use. */
  readonly perDomain: number;
}

/** The most bytes of requests of one kind, with their addresses. */
const MAX_BYTES = 64 * 1024;

/**
 * The first of the texts that fits into the quota; `undefined` if none fits. `texts`: the complete request, then
 * shorter ones. Only the last may use more than half of the bytes. For a contact the last one always fits.
 */
export function fitting(
  texts: readonly string[],
  contact: string,
  items: readonly RosterItem[],
  host: string,
  limits: RequestLimits,
): string | undefined {
  const isListed = items.some(({ jid, listed }) => jid === contact && listed);
  const places = isListed ? placesForContacts(items) : placesForOthers(contact, items, host, limits);
  const fits = (text: string) => {
    const isLast = text === texts.at(-1);
    if (isLast && isListed) return true;
    return places.every((place) => isRoom(place, weight(contact, text), isLast ? 1 : 1 / 2));
  };
  return texts.find(fits);
}

/** The quota of one kind of requests: its use and its bounds. */
interface Places {
  readonly taken: readonly RosterItem[];
  readonly count: number;
  readonly bytes: number;
}

function placesForContacts(items: readonly RosterItem[]): readonly Places[] {
  const taken = items.filter(({ listed, request }) => listed && request !== undefined);
  return [{ taken, count: Number.POSITIVE_INFINITY, bytes: MAX_BYTES }];
}

function placesForOthers(
  contact: string,
  items: readonly RosterItem[],
  host: string,
  { places: count, perDomain }: RequestLimits,
): readonly Places[] {
  const domain = domainOf(contact);
  const unlisted = items.filter(({ listed, request }) => !listed && request !== undefined);
  const isOwn = ({ jid }: RosterItem) => domainOf(jid) === host;
  if (domain === host) return [{ taken: unlisted.filter(isOwn), count, bytes: MAX_BYTES }];
  const others = unlisted.filter((item) => !isOwn(item));
  const group = registeredDomain(domain);
  const ofGroup = others.filter(({ jid }) => registeredDomain(domainOf(jid)) === group);
  return [
    { taken: ofGroup, count: perDomain, bytes: (MAX_BYTES * perDomain) / count },
    { taken: others, count, bytes: MAX_BYTES },
  ];
}

/** @param part the fraction of the bytes that may be used */
function isRoom({ taken, count, bytes }: Places, added: number, part: number): boolean {
  const used = taken.reduce((sum, { jid, request = '' }) => sum + weight(jid, request), 0);
  return taken.length < count && used + added <= bytes * part;
}

/** Bytes on disk: the entry has the address twice, and a request with a text contains it once more. */
function weight(jid: string, text: string): number {
  return 2 * Buffer.byteLength(jid) + Buffer.byteLength(text);
}

/** The domain of a prepared bare address. */
function domainOf(jid: string): string {
  return jid.slice(jid.indexOf('@') + 1);
}
