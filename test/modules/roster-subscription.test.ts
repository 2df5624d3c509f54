// RFC 6121 Appendix A, row by row, in the notation of the RFC.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Direction,
  hasFrom,
  hasTo,
  isAsked,
  isAsking,
  rowFor,
  type SubscriptionState,
  subscriptionOf,
} from '../../modules/roster/subscription.ts';
import type { SubscriptionType } from '../../src/xep/subscription.ts';

const STATES: Readonly<Record<string, SubscriptionState>> = {
  None: 'none',
  'None + Pending Out': 'none + out',
  'None + Pending In': 'none + in',
  'None + Pending Out+In': 'none + out + in',
  To: 'to',
  'To + Pending In': 'to + in',
  From: 'from',
  'From + Pending Out': 'from + out',
  Both: 'both',
};

interface Table {
  section: string;
  direction: Direction;
  type: SubscriptionType;
  /** Existing state | routed or delivered? | new state. */
  rows: string;
}

const TABLES: readonly Table[] = [
  {
    section: 'A.2.1',
    direction: 'outbound',
    type: 'subscribe',
    rows: `
      None                  | MUST     | None + Pending Out
      None + Pending Out    | MUST     | no state change
      None + Pending In     | MUST     | None + Pending Out+In
      None + Pending Out+In | MUST     | no state change
      To                    | MUST     | no state change
      To + Pending In       | MUST     | no state change
      From                  | MUST     | From + Pending Out
      From + Pending Out    | MUST     | no state change
      Both                  | MUST     | no state change`,
  },
  {
    section: 'A.2.2',
    direction: 'outbound',
    type: 'unsubscribe',
    rows: `
      None                  | MUST     | no state change
      None + Pending Out    | MUST     | None
      None + Pending In     | MUST     | no state change
      None + Pending Out+In | MUST     | None + Pending In
      To                    | MUST     | None
      To + Pending In       | MUST     | None + Pending In
      From                  | MUST     | no state change
      From + Pending Out    | MUST     | From
      Both                  | MUST     | From`,
  },
  {
    section: 'A.2.3',
    direction: 'outbound',
    type: 'subscribed',
    rows: `
      None                  | MUST NOT | no state change
      None + Pending Out    | MUST NOT | no state change
      None + Pending In     | MUST     | From
      None + Pending Out+In | MUST     | From + Pending Out
      To                    | MUST NOT | no state change
      To + Pending In       | MUST     | Both
      From                  | MUST NOT | no state change
      From + Pending Out    | MUST NOT | no state change
      Both                  | MUST NOT | no state change`,
  },
  {
    section: 'A.2.4',
    direction: 'outbound',
    type: 'unsubscribed',
    rows: `
      None                  | MUST NOT | no state change
      None + Pending Out    | MUST NOT | no state change
      None + Pending In     | MUST     | None
      None + Pending Out+In | MUST     | None + Pending Out
      To                    | MUST NOT | no state change
      To + Pending In       | MUST     | To
      From                  | MUST     | None
      From + Pending Out    | MUST     | None + Pending Out
      Both                  | MUST     | To`,
  },
  {
    section: 'A.3.1',
    direction: 'inbound',
    type: 'subscribe',
    rows: `
      None                  | MUST     | None + Pending In
      None + Pending Out    | MUST     | None + Pending Out+In
      None + Pending In     | MUST NOT | no state change
      None + Pending Out+In | MUST NOT | no state change
      To                    | MUST     | To + Pending In
      To + Pending In       | MUST NOT | no state change
      From                  | MUST NOT | no state change
      From + Pending Out    | MUST NOT | no state change
      Both                  | MUST NOT | no state change`,
  },
  {
    section: 'A.3.2',
    direction: 'inbound',
    type: 'unsubscribe',
    rows: `
      None                  | MUST NOT | no state change
      None + Pending Out    | MUST NOT | no state change
      None + Pending In     | MUST     | None
      None + Pending Out+In | MUST     | None + Pending Out
      To                    | MUST NOT | no state change
      To + Pending In       | MUST     | To
      From                  | MUST     | None
      From + Pending Out    | MUST     | None + Pending Out
      Both                  | MUST     | To`,
  },
  {
    section: 'A.3.3',
    direction: 'inbound',
    type: 'subscribed',
    rows: `
      None                  | MUST NOT | no state change
      None + Pending Out    | MUST     | To
      None + Pending In     | MUST NOT | no state change
      None + Pending Out+In | MUST     | To + Pending In
      To                    | MUST NOT | no state change
      To + Pending In       | MUST NOT | no state change
      From                  | MUST NOT | no state change
      From + Pending Out    | MUST     | Both
      Both                  | MUST NOT | no state change`,
  },
  {
    section: 'A.3.4',
    direction: 'inbound',
    type: 'unsubscribed',
    rows: `
      None                  | MUST NOT | no state change
      None + Pending Out    | MUST     | None
      None + Pending In     | MUST NOT | no state change
      None + Pending Out+In | MUST     | None + Pending In
      To                    | MUST     | None
      To + Pending In       | MUST     | None + Pending In
      From                  | MUST NOT | no state change
      From + Pending Out    | MUST     | From
      Both                  | MUST     | From`,
  },
];

for (const { section, direction, type, rows } of TABLES) {
  for (const line of rows.trim().split('\n')) {
    const [existing = '', verb, next = ''] = line.split('|').map((cell) => cell.trim());
    const state = STATES[existing]!;
    test(`RFC 6121 ${section}: ${direction} ${type} in "${existing}": ${verb}, ${next}`, () => {
      const row = rowFor(direction, type, state, false);
      assert.equal(row.pass, verb === 'MUST');
      assert.equal(row.next ?? state, next === 'no state change' ? state : STATES[next]);
    });
  }
}

test("RFC 6121 §3.1.3: answers a request of a subscribed user on the contact's behalf", () => {
  const replies = Object.values(STATES).map((state) => rowFor('inbound', 'subscribe', state, false).reply);
  const subscribed = Object.values(STATES).map((state) => (hasFrom(state) ? 'subscribed' : undefined));
  assert.deepEqual(replies, subscribed);
});

test('RFC 6121 §3.4.2: records an unsolicited approval if the user is not subscribed', () => {
  for (const state of Object.values(STATES)) {
    const noted = !hasFrom(state) && !isAsked(state);
    assert.equal(rowFor('outbound', 'subscribed', state, false).approve, noted ? true : undefined, state);
    assert.equal(rowFor('outbound', 'unsubscribed', state, true).approve, noted ? false : undefined, state);
  }
});

test('RFC 6121 §3.4.2: grants a pre-approved request immediately, and removes the approval', () => {
  const granted = { pass: false, approve: false, reply: 'subscribed' };
  assert.deepEqual(rowFor('inbound', 'subscribe', 'none', true), { ...granted, next: 'from' });
  assert.deepEqual(rowFor('inbound', 'subscribe', 'none + out', true), { ...granted, next: 'from + out' });
  assert.deepEqual(rowFor('inbound', 'subscribe', 'to', true), { ...granted, next: 'both' });
});

test('RFC 6121 A.1: the roster item of each of the nine states', () => {
  const said = Object.entries(STATES).map(([name, state]) => {
    const pending = `${isAsking(state) ? 'Out' : ''}${isAsked(state) ? 'In' : ''}`;
    return [name, subscriptionOf(state), hasTo(state), hasFrom(state), pending];
  });
  assert.deepEqual(said, [
    ['None', 'none', false, false, ''],
    ['None + Pending Out', 'none', false, false, 'Out'],
    ['None + Pending In', 'none', false, false, 'In'],
    ['None + Pending Out+In', 'none', false, false, 'OutIn'],
    ['To', 'to', true, false, ''],
    ['To + Pending In', 'to', true, false, 'In'],
    ['From', 'from', false, true, ''],
    ['From + Pending Out', 'from', false, true, 'Out'],
    ['Both', 'both', true, true, ''],
  ]);
});
