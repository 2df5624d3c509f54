// How many streams with other servers may be resumed (XEP-0198 §5).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ledger } from '../../../modules/smacks/s2s/ledger.ts';
import { type KeptLedgers, Ledgers, newLedgers } from '../../../modules/smacks/s2s/ledgers.ts';
import { FakeClock } from '../../support/clock.ts';

function setUp(): { kept: KeptLedgers; ledgers: Ledgers } {
  const kept = newLedgers();
  return { kept, ledgers: new Ledgers(new FakeClock(), kept) };
}

/** As far as it matters here. */
const ledger = (remote: string, isOver = false): Ledger =>
  ({ remote, maxMs: 60_000, ...(isOver ? { end: { cause: 'reset', error: undefined } } : {}) }) as Ledger;

test('16 streams with one server can be resumed; one that is over makes room, an open one does not', () => {
  const { kept, ledgers } = setUp();
  for (let n = 0; n < 16; n++)
    assert.equal(ledgers.makeResumable(ledger('capulet.lit', n === 7), `${n}`), true);
  assert.equal(ledgers.makeResumable(ledger('capulet.lit'), 'more'), true);
  assert.equal(ledgers.find(['capulet.lit'], '7'), undefined);
  assert.equal(ledgers.makeResumable(ledger('capulet.lit'), 'again'), false);
  assert.equal(ledgers.makeResumable(ledger('verona.lit'), 'other'), true);
  assert.equal(kept.count, 17);
});

test('5,000 streams with all servers can be resumed; when one is forgotten there is room again', () => {
  const { kept, ledgers } = setUp();
  const first = ledger('s0.lit', true);
  assert.equal(ledgers.makeResumable(first, 'first'), true);
  for (let n = 1; n < 5_000; n++) assert.equal(ledgers.makeResumable(ledger(`s${n}.lit`), 'id'), true);
  assert.equal(ledgers.makeResumable(ledger('more.lit'), 'id'), false);
  ledgers.forget(first);
  assert.equal(ledgers.makeResumable(ledger('more.lit'), 'id'), true);
  assert.equal(kept.count, 5_000);
});

test('a server with any number of domains leaves resumable streams to others', () => {
  const { ledgers } = setUp();
  let count = 0;
  for (let n = 0; n < 6_000; n++) if (ledgers.makeResumable(ledger(`s${n}.evil.lit`), 'id')) count++;
  assert.equal(count, 500);
  assert.equal(ledgers.makeResumable(ledger('capulet.lit'), 'id'), true);
});
