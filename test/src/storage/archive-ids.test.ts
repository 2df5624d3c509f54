import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { ArchiveIds, POSITIONS_PER_MS, Positions, timeOf } from '../../../src/storage/archive-ids.ts';

const ROMEO = { host: 'montague.lit', store: 'archive', owner: 'romeo' };
const POSITIONS = [0, 1, 1023, 1024, 2 ** 32, 1024 * Date.UTC(2026, 0, 1), Number.MAX_SAFE_INTEGER];

test('an id gives back its position, with the same key also after a restart', () => {
  const key = randomBytes(16);
  const [before, after] = [new ArchiveIds(key), new ArchiveIds(key)];
  for (const position of POSITIONS) {
    const id = before.idOf(ROMEO, position);
    assert.match(id, /^[\w-]{22}$/);
    assert.equal(before.positionOf(ROMEO, id), position);
    assert.equal(after.positionOf(ROMEO, id), position);
  }
});

test('an id is valid for one owner of one store of one host, and for one key', () => {
  const ids = new ArchiveIds(randomBytes(16));
  const id = ids.idOf(ROMEO, 1024);
  const others = [
    { ...ROMEO, owner: 'juliet' },
    { ...ROMEO, store: 'muc_log' },
    { ...ROMEO, host: 'capulet.lit' },
    { host: 'montague.lit', store: 'archiver', owner: 'omeo' },
  ];
  for (const other of others) assert.equal(ids.positionOf(other, id), undefined);
  assert.equal(new ArchiveIds(randomBytes(16)).positionOf(ROMEO, id), undefined);
});

test('a text that is no id has no position, and no id has a second spelling', () => {
  const ids = new ArchiveIds(randomBytes(16));
  const id = ids.idOf(ROMEO, 1024);
  const last = id.slice(-1);
  // The last letter has four bits that mean nothing; only zeros are accepted.
  const spellings = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/='].filter(
    (c) => c !== last,
  );
  const wrong = [
    '',
    'A'.repeat(22),
    `${id}=`,
    ` ${id}`,
    id.slice(1),
    '\u{1f339}'.repeat(11),
    '\0'.repeat(22),
  ];
  for (const text of [...wrong, ...spellings.map((letter) => id.slice(0, -1) + letter)])
    assert.equal(ids.positionOf(ROMEO, text), undefined, text);
});

test('positions grow with the time, and by one while it stands still or goes back', () => {
  const positions = new Positions(0, 0);
  assert.equal(positions.next(1_000), 1_000 * POSITIONS_PER_MS);
  assert.equal(positions.next(1_000), 1_000 * POSITIONS_PER_MS + 1);
  assert.equal(positions.next(999), 1_000 * POSITIONS_PER_MS + 2);
  assert.equal(positions.next(1_001), 1_001 * POSITIONS_PER_MS);
  assert.equal(new Positions(5_000 * POSITIONS_PER_MS, 1_000).next(1_000), 5_000 * POSITIONS_PER_MS + 1);
});

test('positions that begin ahead of the clock go on at half its speed until it has caught up', () => {
  const positions = new Positions(20_000 * POSITIONS_PER_MS, 10_000);
  const times = [10_000, 12_000, 16_000, 30_000, 30_001, 29_000].map((now) => timeOf(positions.next(now)));
  assert.deepEqual(times, [20_000, 21_000, 23_000, 30_000, 30_001, 30_001]);
});

test('T2: positions that begin more than an hour ahead of the clock stand still', () => {
  const positions = new Positions(4_000_000 * POSITIONS_PER_MS, 10_000);
  const times = [10_000, 20_000, 4_000_001].map((now) => timeOf(positions.next(now)));
  assert.deepEqual(times, [4_000_000, 4_000_000, 4_000_001]);
});

test('more positions than a millisecond has go on in the next one', () => {
  const positions = new Positions(0, 0);
  let last = 0;
  for (let n = 0; n < 2 * POSITIONS_PER_MS; n++) last = positions.next(1_000);
  assert.equal(timeOf(last), 1_001);
  assert.equal(positions.next(1_001), last + 1);
});

test('ids stay valid when more than 10,000 owners have some', () => {
  const ids = new ArchiveIds(randomBytes(16));
  const owners = Array.from({ length: 10_100 }, (_, n) => ({ ...ROMEO, owner: `user${n}` }));
  const given = owners.map((owner, n) => ids.idOf(owner, n));
  owners.forEach((owner, n) => {
    assert.equal(ids.positionOf(owner, given[n]!), n);
  });
});
