// How many requests may wait for a user, so that none can keep the others out (RFC 6121 §3.1.3): those of the user's own
// host, those of other domains, and those of contacts in the list have places of their own, and one domain has a
// share with all that can be below it.

import { registeredDomain } from 'enjamb/api';
import type { RosterItem } from './item.ts';

export interface RequestLimits {
  readonly places: number;
  /** Of the places for other domains. */
  readonly perDomain: number;
}

/** For the requests of one kind, with their addresses. */
const MAX_BYTES = 64 * 1024;

/**
 * The first of the texts, the complete request before a shorter one, for which there is room; `undefined`: for none. All but
 * the last may fill half of the bytes only. A contact in the list always has room, for the last text at least.
 */
export function fitting(
  texts: readonly string[],
  contact: string,
  items: readonly RosterItem[],
  host: string,
  limits: RequestLimits,
): string | undefined {
  const isListed = items.some(({ jid, listed }) => jid === contact && listed);
  const places = isListed ? placesForContacts(items) : placesForStranger(contact, items, host, limits);
  const fits = (text: string) => {
    const isLast = text === texts.at(-1);
    if (isLast && isListed) return true;
    return places.every((place) => isRoom(place, weight(contact, text), isLast ? 1 : 1 / 2));
  };
  return texts.find(fits);
}

/** What a request takes of, and how much there may be of that. */
interface Places {
  readonly taken: readonly RosterItem[];
  readonly count: number;
  readonly bytes: number;
}

function placesForContacts(items: readonly RosterItem[]): readonly Places[] {
  const taken = items.filter(({ listed, request }) => listed && request !== undefined);
  return [{ taken, count: Number.POSITIVE_INFINITY, bytes: MAX_BYTES }];
}

function placesForStranger(
  contact: string,
  items: readonly RosterItem[],
  host: string,
  { places: count, perDomain }: RequestLimits,
): readonly Places[] {
  const domain = domainOf(contact);
  const strangers = items.filter(({ listed, request }) => !listed && request !== undefined);
  const isOwn = ({ jid }: RosterItem) => domainOf(jid) === host;
  if (domain === host) return [{ taken: strangers.filter(isOwn), count, bytes: MAX_BYTES }];
  const others = strangers.filter((item) => !isOwn(item));
  const group = registeredDomain(domain);
  const ofGroup = others.filter(({ jid }) => registeredDomain(domainOf(jid)) === group);
  return [
    { taken: ofGroup, count: perDomain, bytes: (MAX_BYTES * perDomain) / count },
    { taken: others, count, bytes: MAX_BYTES },
  ];
}

/** `part`: how much of the bytes may be filled. */
function isRoom({ taken, count, bytes }: Places, added: number, part: number): boolean {
  const used = taken.reduce((sum, { jid, request = '' }) => sum + weight(jid, request), 0);
  return taken.length < count && used + added <= bytes * part;
}

/** Bytes on disk: the address stands there three times. */
function weight(jid: string, text: string): number {
  return 2 * Buffer.byteLength(jid) + Buffer.byteLength(text);
}

/** Of a bare address that is prepared already. */
function domainOf(jid: string): string {
  return jid.slice(jid.indexOf('@') + 1);
}
