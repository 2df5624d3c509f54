// The rows of the large archives: two for each message, spread evenly over a year and the owners.

import type { ArchiveStore } from '../../src/storage/archive.ts';
import type { SqliteStorage } from '../../src/storage/drivers/sqlite.ts';
import type { Clock } from '../../src/util/clock.ts';

export const HOST = 'bench.example';
export const YEAR_MS = 365 * 24 * 3_600_000;
/** Its archive is searched. */
export const SEARCHED = 'searched';
/** Its archive is removed. */
export const REMOVED = 'removed';
/** Of a body, in characters, about; the whole row has about 377. */
const BODY_LENGTH = 100;
const WORDS = 5_000;
const MAX_UNDER_WAY = 2_000;

/** A clock that this program sets; what would be done later is done when this program says so. */
export class SetClock implements Clock {
  #now: number;

  constructor(now: number) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  set(now: number): void {
    this.#now = now;
  }

  elapsed(): number {
    return performance.now();
  }

  after(): { cancel(): void } {
    return { cancel: () => {} };
  }
}

export function archiveOf(storage: SqliteStorage): ArchiveStore {
  return storage.archive(HOST, 'archive', { isSearchable: true });
}

/** Writes one message: a row for each side. Resolves when both are on disk. */
export function writeMessage(
  storage: SqliteStorage,
  archive: ArchiveStore,
  number: number,
  [sender, recipient]: readonly [string, string],
): Promise<void> {
  const xml = textOf(number, sender, recipient);
  return storage.batch(() => {
    append(archive, sender, { with: `${recipient}@${HOST}`, xml, flags: 1 });
    append(archive, recipient, { with: `${sender}@${HOST}`, xml, flags: 0 });
  });
}

function append(
  archive: ArchiveStore,
  owner: string,
  row: { with: string; xml: string; flags: number },
): void {
  archive.append(owner, { id: archive.nextId(owner).id, ...row }).catch(() => {}); // The batch fails too.
}

export interface Sizes {
  readonly rows: number;
  readonly owners: number;
  readonly searched: number;
  readonly removed: number;
}

/** @param progress called with the number of rows, a hundred times */
export async function fill(
  storage: SqliteStorage,
  clock: SetClock,
  sizes: Sizes,
  progress: (rows: number) => void,
): Promise<void> {
  const archive = archiveOf(storage);
  const [from, messages] = [clock.now(), sizes.rows / 2];
  const underWay = new Set<Promise<void>>();
  for (let number = 0; number < messages; number++) {
    clock.set(from + Math.floor((number / messages) * YEAR_MS));
    const written: Promise<void> = writeMessage(storage, archive, number, sidesOf(number, sizes)).finally(
      () => underWay.delete(written),
    );
    underWay.add(written);
    while (underWay.size >= MAX_UNDER_WAY) await Promise.race(underWay);
    if (number % Math.ceil(messages / 100) === 0) progress(number * 2);
  }
  await Promise.all(underWay);
}

/** The first two owners have as many rows as `sizes` says; all others share the rest. */
function sidesOf(number: number, { rows, owners, searched, removed }: Sizes): [string, string] {
  const other = `u${(number * 7) % owners}`;
  const place = (number * 2_654_435_761) % (rows / 2);
  if (place < searched) return [SEARCHED, other];
  if (place < searched + removed) return [REMOVED, other];
  return [other, `u${(number * 7 + 1 + (number % 13)) % owners}`];
}

export function wordOf(number: number): string {
  return `word${number}`;
}

/** A chat message as clients write it. Its body has words of a vocabulary, those with low numbers more often. */
function textOf(number: number, sender: string, recipient: string): string {
  let body = '';
  for (let i = 1; body.length < BODY_LENGTH; i++) body += `${wordOf(frequent(number * 31 + i))} `;
  const id = `e9e91a4c-1f0f-4d8b-9d0e-${number}`;
  return (
    `<message xmlns='jabber:client' from='${sender}@${HOST}/phone' to='${recipient}@${HOST}' type='chat' id='${id}'>` +
    `<body>${body}</body><origin-id xmlns='urn:xmpp:sid:0' id='${id}'/>` +
    "<request xmlns='urn:xmpp:receipts'/></message>"
  );
}

function frequent(seed: number): number {
  const random = ((Math.imul(seed, 0x9e3779b1) ^ Math.imul(seed >>> 7, 0x85ebca6b)) >>> 0) / 2 ** 32;
  return Math.floor(WORDS * random ** 2);
}
