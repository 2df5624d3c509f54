import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Operation, StoreName } from '../../../src/storage/drivers/sqlite-operations.ts';
import { decode, encode } from '../../../src/storage/drivers/sqlite-wire.ts';

const ACCOUNTS: StoreName = {
  host: 'a.lit',
  kind: 'keyval',
  name: 'accounts',
  isShared: false,
  isSearchable: false,
};
const ARCHIVE: StoreName = {
  host: 'b.lit',
  kind: 'archive',
  name: 'archive',
  isShared: true,
  isSearchable: true,
};

const row = { peer: 'juliet@capulet.lit', flags: 3, xml: '<message>\u{1f339}</message>' };
const rows = [1838955345321, 'a name'];
const owned = { in: ARCHIVE, owner: 'romeo' };

/** One of each kind, with and without what may be absent. */
const OPERATIONS: readonly Operation[] = [
  { do: 'set', in: ACCOUNTS, owner: 'romeo', value: '' },
  { do: 'unset', in: ACCOUNTS, owner: '' },
  { do: 'put', in: ACCOUNTS, owner: 'romeo', key: 'a', value: '{}' },
  { do: 'remove', in: ACCOUNTS, owner: 'romeo', key: 'a' },
  { do: 'append', ...owned, ...row, position: 1, unlessSent: ['a', 'b'], since: 5 },
  { do: 'append', ...owned, ...row, position: 2 ** 52, unlessSent: [] },
  { do: 'enter', ...owned, ...row, name: 'item', position: 7 },
  { do: 'enter', ...owned, ...row, name: 'item', at: 7 },
  { do: 'drop', ...owned, rows },
  { do: 'drop', ...owned, rows: [] },
  { do: 'mark', ...owned, rows, add: 2, clear: 0 },
  { do: 'replace', ...owned, rows, flags: 8, xml: '<message/>' },
  { do: 'retract', ...owned, peer: 'x', isSent: true, messageId: 'm', occupant: 'x/y', byId: 'r', byAt: 1 },
  { do: 'retract', ...owned, peer: 'x', isSent: false, messageId: 'm', byId: 'r', byAt: 1 },
  { do: 'prune', ...owned, below: 9, peer: 'x', limit: 200 },
  { do: 'prune', ...owned, below: 9 },
  { do: 'keep', ...owned, ms: 0 },
  { do: 'keep', ...owned },
  { do: 'delivered', ...owned, until: 3 },
  { do: 'forget', ...owned },
  { do: 'recover', in: ARCHIVE, since: 3 },
  { do: 'purge', host: 'a.lit', owner: 'romeo' },
  { do: 'stop', position: 4, hasLeftovers: true },
  { do: 'index' },
  { do: 'rewrite-index', from: 0, isForced: true },
  { do: 'expire', in: ARCHIVE, now: 1, before: 2, maxBytes: 3, from: 4, isShrinking: true },
  { do: 'sweep' },
  { do: 'sweep-peers', from: 3 },
  { do: 'vacuum' },
  { do: 'checkpoint' },
];

test('operations are the same after they have passed to the writing thread', () => {
  const together = { do: 'all', operations: OPERATIONS.slice(0, 20) } as Operation;
  const batch = [...OPERATIONS, together, { do: 'all', operations: [] } as const, ...OPERATIONS];
  const passed = decode(structuredClone(encode(batch)));
  assert.deepEqual(passed.map(withoutAbsent), batch.map(withoutAbsent));
});

test('7.2: the batch is one flat array of primitives', () => {
  for (const value of encode(OPERATIONS)) assert.ok(value === null || typeof value !== 'object');
});

/** What is absent may come back as `undefined`. */
function withoutAbsent(operation: Operation): unknown {
  return JSON.parse(JSON.stringify(operation));
}
