// The events and metrics of ping_muc.

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

test('`ping-muc-notice`: other modules get every notice with its cause', async (t) => {
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

test('`ping-muc-lost`, tell: a sleeping client gets the notice immediately', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  const asked: string[] = [];
  const seen = notices(h);
  const answer = ({ join, cause }: Payload<'ping-muc-lost'>) => {
    asked.push(`${join.session.jid} ${cause}`);
    return 'tell' as const;
  };
  h.host.hooks.add('ping-muc-lost', answer, 'deliver', 'test');
  romeo.sleep();
  rooms.forget({ gone: true });
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 5);
  assert.deepEqual(
    asked,
    [`${ROMEO} room-gone`, `${ROMEO} room-gone`],
    'when the loss is found, and when the notice is due',
  );
  assert.equal(romeo.notices.length, 1);
  assert.equal(seen[0]?.cause, 'room-gone');
});

test('metrics: triggers, questions, answers, notices, and domains in doubt', async (t) => {
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

test('`joins forget`: no notice is sent, and no further question', async (t) => {
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

// ── Other modules that handle a loss ────────────────────────────────────────────────────────────────────────────

/** Adds a handler that handles every loss. Returns the list of losses. */
function taker(h: Harness): Payload<'ping-muc-lost'>[] {
  const losses: Payload<'ping-muc-lost'>[] = [];
  const take = (loss: Payload<'ping-muc-lost'>) => {
    losses.push(loss);
    return 'mine' as const;
  };
  h.host.hooks.add('ping-muc-lost', take, 'deliver', 'test');
  return losses;
}

test('`ping-muc-lost`, mine: no notice and no leave are sent, and no further question', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  const losses = taker(h);
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(1_200);
  assert.deepEqual(
    losses.map(({ join, cause, reply }) => [join.room.jid, cause, reply?.attrs.type]),
    [[ROOM, 'lost', 'error']],
  );
  assert.deepEqual([romeo.notices.length, rooms.leaves.length, rooms.pings.length], [0, 0, 1]);
});

test('`ping-muc-lost`, mine: a room that has the client under another nick still gets a leave', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  const losses = taker(h);
  rooms.rooms.get(ROOM)!.set(ROMEO, 'Somebody');
  rooms.peer.cut();
  h.clock.seconds(120);
  assert.deepEqual([losses[0]?.cause, rooms.leaves.length, romeo.notices.length], ['desync', 1, 0]);
});

test('`ping-muc-lost`, mine: the room of a join that was given up is asked when the link is up', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  const losses = taker(h);
  rooms.peer.reachable = false;
  rooms.peer.cut();
  h.clock.seconds(700);
  assert.deepEqual(
    losses.map(({ cause }) => cause),
    ['given-up'],
  );
  rooms.forget();
  rooms.peer.reachable = true;
  rooms.peer.openIn();
  h.clock.seconds(3);
  assert.deepEqual(
    losses.map(({ cause }) => cause),
    ['given-up', 'lost'],
  );
  assert.deepEqual([romeo.notices.length, rooms.leaves.length], [0, 0]);
});
