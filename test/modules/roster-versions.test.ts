// Roster versions, and the changes that a returning client gets (RFC 6121 §2.6).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Draft } from '../../modules/roster/item.ts';
import {
  catchUp,
  change,
  copyOf,
  EMPTY,
  pushesSince,
  type Roster,
  wholeRoster,
} from '../../modules/roster/roster.ts';

const listed = (jid: string, name?: string): Draft => ({
  jid,
  state: 'none',
  listed: true,
  groups: [],
  approved: false,
  ...(name === undefined ? {} : { name }),
});

/** A changed copy. */
function withItem(
  roster: Roster,
  jid: string,
  draft: Draft | undefined,
  now: number,
  visible: boolean,
): Roster {
  const copy = copyOf(roster);
  change(copy, jid, draft, { now, visible });
  return copy;
}

const put = (roster: Roster, jid: string, name?: string, now = 1000) =>
  withItem(roster, jid, listed(jid, name), now, true);
const remove = (roster: Roster, jid: string, now = 1000) => withItem(roster, jid, undefined, now, true);

/** `jid:name:version` of each push. */
function told(roster: Roster, ver: string): string[] | undefined {
  return pushesSince(roster, ver)?.map((query) => {
    const { jid, name, subscription } = query.getChild('item')!.attrs;
    return `${jid}:${subscription === 'remove' ? 'removed' : (name ?? '')}:${query.attrs.ver}`;
  });
}

test('RFC 6121 §2.6.3: every change has its own version, even while the clock stands still', () => {
  const one = put(EMPTY, 'a@x', 'A', 1000);
  const two = put(one, 'b@x', 'B', 1000);
  const three = put(two, 'a@x', 'A2', 500);
  assert.deepEqual([one.version, two.version, three.version], [1000, 1001, 1002]);
});

test('RFC 6121 §2.6.3: returns only the final state of each changed item, in the order of the changes', () => {
  let roster = put(EMPTY, 'start@x');
  const known = `${roster.version}`;
  for (const [jid, name] of [
    ['a@x', 'first'],
    ['b@x', 'B'],
    ['c@x', 'C'],
    ['a@x', 'last'],
  ] as const) {
    roster = put(roster, jid, name);
  }
  roster = remove(roster, 'c@x');
  assert.deepEqual(told(roster, known), ['b@x:B:1002', 'a@x:last:1004', 'c@x:removed:1005']);
});

test('RFC 6121 §2.6.3: returns no changes since the present version', () => {
  const roster = put(EMPTY, 'a@x');
  assert.deepEqual(told(roster, `${roster.version}`), []);
});

test('RFC 6121 §2.6.2: returns the complete roster for a version that is empty, unknown, in the future or not a number', () => {
  const roster = put(put(EMPTY, 'a@x'), 'b@x');
  for (const ver of ['', '999', '1002', 'ver14', '-1', '1e3', ' 1000', '9'.repeat(400)]) {
    assert.equal(pushesSince(roster, ver), undefined, ver);
  }
});

test('RFC 6121 §2.6.3: returns the complete roster if it is smaller than the pushes', () => {
  let roster = put(EMPTY, 'a@x');
  const known = `${roster.version}`;
  roster = put(roster, 'b@x');
  assert.equal(catchUp(roster, known), undefined);
  for (let n = 0; n < 20; n++) roster = put(roster, `contact-${n}@example.org`);
  const lately = `${roster.version}`;
  assert.deepEqual(catchUp(roster, lately), []);
  assert.equal(catchUp(put(roster, 'b@x', 'B'), lately)?.length, 1);
  assert.equal(catchUp(roster, known), undefined);
});

test('RFC 6121 §2.6.3: an item that was removed and added again is returned once, in its present state', () => {
  const roster = put(EMPTY, 'a@x', 'A');
  const again = put(remove(roster, 'a@x'), 'a@x', 'again');
  assert.deepEqual(told(again, `${roster.version}`), ['a@x:again:1002']);
});

test('removals are remembered within a bound; clients with older versions get the complete roster', () => {
  let roster = put(EMPTY, 'first@x');
  const old = `${roster.version}`;
  for (let n = 0; n < 101; n++) roster = remove(put(roster, `${n}@x`), `${n}@x`);
  assert.equal(roster.removed.length, 100);
  assert.equal(pushesSince(roster, old), undefined);
  assert.equal(pushesSince(roster, `${roster.since}`)?.length, 100);
});

test('RFC 6121 A.1: a pending request of an unknown user is not in the roster and changes no version', () => {
  const roster = put(EMPTY, 'a@x');
  const stranger: Draft = { ...listed('stranger@x'), state: 'none + in', listed: false };
  const asked = withItem(roster, 'stranger@x', stranger, 2000, false);
  assert.equal(asked.version, roster.version);
  assert.deepEqual(told(asked, `${roster.version}`), []);
  assert.equal(wholeRoster(asked).getChildren('item').length, 1);
});

test('an address that is also a property name of objects is an ordinary address', () => {
  const roster = put(put(EMPTY, '__proto__'), 'constructor');
  assert.deepEqual(Object.keys(roster.items), ['__proto__', 'constructor']);
  assert.equal(wholeRoster(roster).getChildren('item').length, 2);
  assert.equal(wholeRoster(remove(roster, '__proto__')).getChildren('item').length, 1);
});

test('removals with long addresses are forgotten earlier; clients with older versions get the complete roster', () => {
  let roster = put(EMPTY, 'start@x');
  const known = `${roster.version}`;
  const long = 'a'.repeat(1000);
  for (let n = 0; n < 20; n++) {
    roster = put(roster, `${long}${n}@x`);
    roster = remove(roster, `${long}${n}@x`);
  }
  assert.equal(roster.removed.length, 16);
  assert.equal(told(roster, known), undefined);
  assert.equal(told(roster, `${roster.since}`)?.length, 16);
});
