// What the contract suites share.

import type { ArchiveEntry, StorageDriver } from '../../src/storage/stores.ts';

export const HOST = 'montague.lit';

/** A promise of every driver. */
export type Rule = (title: string, check: (driver: StorageDriver) => Promise<void>) => void;

/** Entries '1' to 'n' of romeo's, a second apart, with odd@ and even@ in turn. */
export async function fill(driver: StorageDriver, count: number): Promise<void> {
  const store = driver.archive(HOST, 'mam');
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  const peer = (n: number) => (n % 2 ? 'odd@capulet.lit' : 'even@capulet.lit');
  await Promise.all(numbers.map((n) => store.append('romeo', entry(`${n}`, n * 1000, peer(n)))));
}

export function entry(id: string, at: number, peer = 'juliet@capulet.lit'): ArchiveEntry {
  return { id, at, with: peer, xml: `<message id='${id}'><body>é</body></message>` };
}

export function ids(entries: readonly ArchiveEntry[]): string[] {
  return entries.map(({ id }) => id);
}

export async function all<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const seen: T[] = [];
  for await (const row of rows) seen.push(row);
  return seen;
}
