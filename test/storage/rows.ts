// What the contract suites share.

import type {
  ArchivePosition,
  ArchiveQuery,
  ArchiveStore,
  NewArchiveRow,
} from '../../src/storage/archive.ts';
import type { StorageDriver } from '../../src/storage/stores.ts';
import { xml } from '../../src/xml/index.ts';
import type { FakeClock } from '../support/clock.ts';

export const HOST = 'montague.lit';
export const JULIET = 'juliet@capulet.lit';
export const NURSE = 'nurse@capulet.lit';

/** What a driver under test gets its time from. */
export type Open = (clock: FakeClock) => Promise<StorageDriver>;

/** A promise of every driver. */
export type Rule = (title: string, check: (driver: StorageDriver, clock: FakeClock) => Promise<void>) => void;

export function mam(driver: StorageDriver): ArchiveStore {
  return driver.archive(HOST, 'archive', { isSearchable: true });
}

/** A message as an archive keeps it. */
export function message(body: string, attrs: Record<string, string> = {}): string {
  return xml('message', { xmlns: 'jabber:client', ...attrs }, xml('body', {}, body)).toString();
}

/** Appends a row at the next position: a message from Juliet unless `row` says otherwise. */
export async function append(
  store: ArchiveStore,
  owner: string,
  row: Partial<NewArchiveRow> = {},
): Promise<ArchivePosition> {
  const place = store.nextId(owner);
  await store.append(owner, { id: place.id, with: JULIET, xml: message('hark'), ...row });
  return place;
}

/** Appends rows of Romeo's, a second apart, the first with `JULIET`, then with `NURSE` in turn. Returns their ids. */
export async function fill(driver: StorageDriver, clock: FakeClock, count: number): Promise<string[]> {
  const places: ArchivePosition[] = [];
  const store = mam(driver);
  for (let n = 1; n <= count; n++) {
    places.push(await append(store, 'romeo', { with: n % 2 ? JULIET : NURSE, xml: message(`${n}`) }));
    clock.moveWallClock(1_000);
  }
  return places.map(({ id }) => id);
}

/** Lets a driver index the words of all rows, which it does when some time has passed and nothing else is to be done. */
export async function indexed(driver: StorageDriver, clock: FakeClock): Promise<void> {
  await clock.advance(10_000);
  await driver.keyval(HOST, 'after').set('the index', 1); // Committed after the work that is under way.
}

/** The bodies of the rows of one page. */
export async function bodies(
  store: ArchiveStore,
  owner: string,
  query: Partial<ArchiveQuery> = {},
): Promise<string[]> {
  const { rows } = await store.page(owner, { limit: 1_000, ...query });
  return rows.map((row) => bodyIn(row.xml));
}

export function bodyIn(text: string): string {
  return /<body>(.*?)<\/body>/.exec(text)?.[1] ?? text;
}

export async function all<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const seen: T[] = [];
  for await (const row of rows) seen.push(row);
  return seen;
}
