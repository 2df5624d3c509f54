import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Sessions } from '../../../modules/adhoc/sessions.ts';
import { Jid } from '../../../src/xml/jid.ts';
import { FakeClock } from '../../support/clock.ts';

test('all users together have at most 200 open forms; the oldest is dropped', () => {
  const sessions = new Sessions(new FakeClock());
  const asker = (n: number) => Jid.parse(`user${n}@montague.lit/x`);
  const ids = Array.from({ length: 201 }, (_, n) => sessions.open(asker(n), 'enjamb:joins'));
  const isOpen = (n: number) => sessions.nodeOf(ids[n]!, asker(n)) !== undefined;
  assert.deepEqual([isOpen(0), isOpen(1), isOpen(200)], [false, true, true]);
});

test('a form is dropped after 15 minutes', async () => {
  const clock = new FakeClock();
  const sessions = new Sessions(clock);
  const asker = Jid.parse('user@montague.lit/x');
  const id = sessions.open(asker, 'enjamb:joins');
  await clock.advance(15 * 60_000 - 1);
  assert.equal(sessions.nodeOf(id, asker), 'enjamb:joins');
  await clock.advance(1);
  assert.equal(sessions.nodeOf(id, asker), undefined);
});
