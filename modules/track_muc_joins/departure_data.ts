// Leaves that rooms have not confirmed: plain data with its indexes.

export interface Departure {
  /** The full JID of the client; its session may have ended. */
  readonly from: string;
  /** The occupant address, as last known. */
  readonly to: string;
  readonly room: string;
  readonly domain: string;
  /** The time of the leave, in ms of `clock.elapsed`. */
  readonly at: number;
  state: 'sent' | 'owed';
  /** When it was last sent, in ms of `clock.elapsed`. */
  sentAt: number;
  /** The id of the stream that carried it. `undefined`: it waits for one, or the service is one of ours. */
  stream: string | undefined;
  /** The id of the presence, if it has one; the room's error has the same (RFC 6120 §8.1.3). */
  id: string | undefined;
  /** The client does not know of this leave, and must not get its answer. */
  hidden: boolean;
  /** Whether it was sent a second time. */
  resent: boolean;
}

/** Survives a reload of the module's code. */
export interface DepartureData {
  /** By client and room (`keyOf`), oldest first. */
  readonly all: Map<string, Departure>;
  readonly byDomain: Map<string, Set<Departure>>;
  /** By bare JID, oldest first. */
  readonly byAccount: Map<string, Set<Departure>>;
}

export function newDepartures(): DepartureData {
  return { all: new Map(), byDomain: new Map(), byAccount: new Map() };
}

export function findDeparture({ all }: DepartureData, from: string, room: string): Departure | undefined {
  return all.get(keyOf(from, room));
}

/** All leaves of the client's account, oldest first. */
export function departuresBeside({ byAccount }: DepartureData, from: string): ReadonlySet<Departure> {
  return byAccount.get(accountOf(from)) ?? new Set();
}

export function addDeparture({ all, byDomain, byAccount }: DepartureData, departure: Departure): void {
  all.set(keyOf(departure.from, departure.room), departure);
  addTo(byDomain, departure.domain, departure);
  addTo(byAccount, accountOf(departure.from), departure);
}

export function removeDeparture({ all, byDomain, byAccount }: DepartureData, departure: Departure): void {
  all.delete(keyOf(departure.from, departure.room));
  removeFrom(byDomain, departure.domain, departure);
  removeFrom(byAccount, accountOf(departure.from), departure);
}

function addTo(sets: Map<string, Set<Departure>>, key: string, departure: Departure): void {
  const set = sets.get(key) ?? new Set();
  sets.set(key, set.add(departure));
}

function removeFrom(sets: Map<string, Set<Departure>>, key: string, departure: Departure): void {
  const set = sets.get(key);
  set?.delete(departure);
  if (set?.size === 0) sets.delete(key);
}

function accountOf(full: string): string {
  return full.slice(0, full.indexOf('/'));
}

/** The key of a client, by its full JID, in a room. */
export function keyOf(from: string, room: string): string {
  return `${from} ${room}`;
}
