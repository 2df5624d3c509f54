import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Sessions } from '../../../modules/adhoc/sessions.ts';
import { Jid } from '../../../src/xml/jid.ts';
import { FakeClock } from '../../support/clock.ts';

test('all askers together have 200 open forms at most; the oldest is forgotten', () => {
  const sessions = new Sessions(new FakeClock());
  const asker = (n: number) => Jid.parse(`user${n}@montague.lit/x`);
  const ids = Array.from({ length: 201 }, (_, n) => sessions.open(asker(n), 'enjamb:joins'));
  const isOpen = (n: number) => sessions.nodeOf(ids[n]!, asker(n)) !== undefined;
  assert.deepEqual([isOpen(0), isOpen(1), isOpen(200)], [false, true, true]);
});

test('a form that stays open for 15 minutes is forgotten', async () => {
  const clock = new FakeClock();
  const sessions = new Sessions(clock);
  const asker = Jid.parse('user@montague.lit/x');
  const id = sessions.open(asker, 'enjamb:joins');
  await clock.advance(15 * 60_000 - 1);
  assert.equal(sessions.nodeOf(id, asker), 'enjamb:joins');
  await clock.advance(1);
  assert.equal(sessions.nodeOf(id, asker), undefined);
});
