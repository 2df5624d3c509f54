// What is remembered of sessions that are over, so that their clients are told what was handled (XEP-0198 §5).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endedSessions, rememberEnded } from '../../../modules/smacks/c2s/sleep.ts';

const ended = (id: string) => ({ id, inbound: { h: 1 } });

test('10,000 accounts have ended sessions that are remembered; the one that ended first is forgotten', () => {
  const all = endedSessions();
  for (let n = 0; n < 10_001; n++) rememberEnded(all, `user${n}@capulet.lit`, ended(`${n}`), 10);
  assert.equal(all.size, 10_000);
  assert.deepEqual([all.has('user0@capulet.lit'), all.has('user1@capulet.lit')], [false, true]);
});

test('as many sessions of an account are remembered as may sleep: the last ones', () => {
  const all = endedSessions();
  for (let n = 0; n < 30; n++) rememberEnded(all, 'juliet@capulet.lit', ended(`${n}`), 10);
  assert.deepEqual(
    all.get('juliet@capulet.lit')?.map(({ id }) => Number(id)),
    [20, 21, 22, 23, 24, 25, 26, 27, 28, 29],
  );
});
