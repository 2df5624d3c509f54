// What other modules hear of clients that fell out of rooms.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Payload } from '../../../src/api/events.ts';
import type { Harness } from '../../support/module-harness.ts';
import { FIRST_QUESTION_S, ROMEO, ROOM, scene } from './scene.ts';

function notices(h: Harness): Payload<'ping-muc-notice'>[] {
  const seen: Payload<'ping-muc-notice'>[] = [];
  h.host.hooks.add('ping-muc-notice', (event) => void seen.push(event), 'observe', 'test');
  return seen;
}

test('modules hear of every notice, with what made us sure', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  const seen = notices(h);
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 5);
  assert.equal(romeo.notices.length, 1);
  assert.equal(seen.length, 1);
  const { session, ...rest } = seen[0]!;
  assert.equal(session, romeo);
  assert.deepEqual(rest, { room: ROOM, domain: 'rooms.capulet.lit', nick: 'Romeo', cause: 'lost' });
});

test('a client that sleeps is told now when a module acts for it', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  const asked: string[] = [];
  const seen = notices(h);
  const answer = ({ session }: Payload<'ping-muc-asleep'>) => {
    asked.push(`${session.jid}`);
    return 'tell' as const;
  };
  h.host.hooks.add('ping-muc-asleep', answer, 'deliver', 'test');
  romeo.sleep();
  rooms.forget({ gone: true });
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 5);
  assert.deepEqual(asked, [ROMEO]);
  assert.equal(romeo.notices.length, 1);
  assert.equal(seen[0]?.cause, 'room-gone');
});

test('what is counted: triggers, questions, answers, notices, domains in doubt', async (t) => {
  const { h, rooms } = await scene(t);
  const samples = async () => {
    const { data } = await h.command('metrics');
    const all = data as { name: string; labels: Record<string, string>; value: number }[];
    return (name: string, labels: Record<string, string> = {}) =>
      all.find(
        (sample) =>
          sample.name === `enjamb_ping_muc_${name}` &&
          Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
      )?.value;
  };
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(1);
  assert.equal((await samples())('domains', { state: 'waiting' }), 1);
  h.clock.seconds(FIRST_QUESTION_S + 5);
  const value = await samples();
  assert.equal(value('triggers_total', { cause: 'link-lost' }), 2, 'both streams');
  assert.equal(value('questions_total', { kind: 'ping' }), 1);
  assert.equal(value('answers_total', { verdict: 'lost', condition: 'not-acceptable' }), 1);
  assert.equal(value('notices_total', { cause: 'lost' }), 1);
  assert.equal(value('domains'), undefined);
  assert.equal(value('verdict_seconds_count'), 1);
});

test('`joins forget`: nobody is told, and nobody asked any more', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  await h.command('joins forget', { client: ROMEO, room: ROOM });
  rooms.peer.cut();
  h.clock.seconds(600);
  assert.equal(rooms.pings.length, 0);
  assert.deepEqual(romeo.heard(), []);
  assert.equal(rooms.leaves.length, 0);
  await assert.rejects(h.command('joins forget', { client: ROMEO, room: ROOM }), /is not known to be in/);
  const elsewhere = { client: 'romeo@verona.lit/orchard', room: ROOM };
  await assert.rejects(h.command('joins forget', elsewhere), /is not a client of any host here/);
});
