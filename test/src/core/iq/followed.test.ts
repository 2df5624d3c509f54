// Requests of clients that modules follow.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { StanzaEvent } from '../../../../src/api/events.ts';
import type { FollowIq, IqAnswer } from '../../../../src/api/iq.ts';
import type { C2SSession } from '../../../../src/api/session.ts';
import { FollowedIqs, MAX_FOLLOWED } from '../../../../src/core/iq/followed.ts';
import { Faults } from '../../../../src/util/faults.ts';
import { silentLogger } from '../../../../src/util/logger.ts';
import { xml } from '../../../../src/xml/element.ts';
import { Jid } from '../../../../src/xml/jid.ts';
import { FakeClock } from '../../../support/clock.ts';
import { assertFaults } from '../../../support/server.ts';
import { startBench } from '../harness.ts';

const ROMEO = 'romeo@montague.lit/orchard';
const ROOM = 'hall@rooms.capulet.lit/Romeo';
const OCCUPANT = Jid.parse(ROOM);
const asker = { name: 'test' };

/** Follows each request that Romeo makes; notes what becomes of it. */
async function scene(t: TestContext, keep: 'handled' | undefined = undefined) {
  const clock = new FakeClock();
  const bench = await startBench(t, clock);
  const romeo = await bench.client(ROMEO);
  const followed = bench.test.server.router.followedIqs;
  const answers: IqAnswer[] = [];
  const onAnswer: FollowIq = (answer) => {
    answers.push(answer);
    return keep;
  };
  bench.hook('pre-iq/full', (event) => void followed.follow(asker, event, onAnswer));
  const ask = async (id: string, to = ROOM) => {
    romeo.send(`<iq type='get' id='${id}' to='${to}'><ping xmlns='urn:xmpp:ping'/></iq>`);
    await romeo.receivesNothing();
  };
  const arrive = (id: string, from = ROOM) =>
    bench.arrive(`<iq type='result' id='${id}' from='${from}' to='${ROMEO}'/>`);
  const receives = (id: string, from = ROOM) =>
    romeo.receives(`<iq type='result' id='${id}' from='${from}' to='${ROMEO}'/>`);
  return { clock, bench, romeo, followed, answers, ask, arrive, receives };
}

test('shows the follower an answer once, before all hooks, and passes it on unchanged', async (t) => {
  const { ask, arrive, answers, bench, followed, receives } = await scene(t);
  bench.hook('iq/full', ({ from }) => assert.equal(answers.length, `${from}` === ROOM ? 1 : 0), 'guard');
  await ask('1');
  arrive('1');
  assert.equal(answers[0]?.kind === 'answer' && answers[0].stanza.attrs.id, '1');
  await receives('1');
  arrive('1');
  await receives('1');
  assert.deepEqual([answers.length, followed.size], [1, 0]);
});

test('`handled` keeps the answer from the client', async (t) => {
  const { ask, arrive, answers, romeo } = await scene(t, 'handled');
  await ask('1');
  arrive('1');
  assert.equal(answers.length, 1);
  await romeo.receivesNothing();
});

test('an answer with another id, or from another address, passes', async (t) => {
  const { ask, arrive, answers, receives } = await scene(t, 'handled');
  await ask('1');
  for (const [id, from] of [
    ['2', ROOM],
    ['1', 'hall@rooms.capulet.lit'],
    ['1', 'mallory@evil.lit/x'],
  ] as const) {
    arrive(id, from);
    await receives(id, from);
  }
  assert.equal(answers.length, 0);
});

test('marks an error from this server as local', async (t) => {
  const { answers, bench, romeo } = await scene(t);
  bench.test.server.router.remote = undefined;
  romeo.send(`<iq type='get' id='1' to='${ROOM}'><ping xmlns='urn:xmpp:ping'/></iq>`);
  await romeo.receives(
    `<iq type='error' id='1' from='${ROOM}' to='${ROMEO}'><error type='cancel'><remote-server-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
  );
  assert.equal(answers[0]?.kind === 'answer' && answers[0].local, true);
});

test('a follower that throws is logged, and the client gets its answer', async (t) => {
  const { ask, arrive, bench, receives, followed } = await scene(t);
  bench.hook(
    'pre-iq/full',
    (event) =>
      void followed.follow(asker, event, () => {
        throw new Error('broken');
      }),
  );
  await ask('1');
  arrive('1');
  await receives('1');
  assertFaults(bench.host.faults, { handler: 1 });
});

test('stops following a request that has no answer after ten minutes', async (t) => {
  const { ask, arrive, answers, clock, receives, followed } = await scene(t, 'handled');
  await ask('1');
  await clock.advance(5 * 60_000);
  await ask('2');
  await clock.advance(5 * 60_000);
  assert.deepEqual([answers, followed.size], [[{ kind: 'timeout' }], 1]);
  arrive('1');
  await receives('1');
  await clock.advance(5 * 60_000);
  assert.equal(followed.size, 0);
});

// ── Bounds ─────────────────────────────────────────────────────────────────────────────────────────────────────

const session = (jid: string) => ({ jid: Jid.parse(jid) }) as C2SSession;

function request(origin: C2SSession, id: string): StanzaEvent<C2SSession> {
  const stanza = xml('iq', { type: 'get', id, to: ROOM });
  return { stanza, from: origin.jid, to: OCCUPANT, origin, notes: {}, waitUntil() {}, markOverhead() {} };
}

function alone() {
  const followed = new FollowedIqs(new FakeClock(), new Faults(silentLogger));
  const answers: string[] = [];
  const follow = (of: C2SSession, id: string, who = asker) =>
    followed.follow(who, request(of, id), ({ kind }) => void answers.push(`${id} ${kind}`));
  return { followed, answers, follow };
}

test('follows at most 100 requests of a session: the oldest one times out', () => {
  const { followed, answers, follow } = alone();
  const romeo = session(ROMEO);
  for (let i = 0; i <= 100; i++) follow(romeo, `${i}`);
  assert.deepEqual([answers, followed.size], [['0 timeout'], 100]);
  follow(session('juliet@montague.lit/balcony'), '0');
  assert.equal(followed.size, 101);
});

test('follows at most 200,000 requests of all sessions', () => {
  const { followed, answers, follow } = alone();
  for (let i = 0; followed.size < MAX_FOLLOWED; i++) {
    const one = session(`user${i}@montague.lit/x`);
    for (let id = 0; id < 100; id++) follow(one, `${i}.${id}`);
  }
  follow(session(ROMEO), 'last');
  assert.deepEqual([answers, followed.size], [['0.0 timeout'], MAX_FOLLOWED]);
});

test('a request with an id of more than 256 characters is not followed', () => {
  const { followed, follow } = alone();
  assert.equal(follow(session(ROMEO), 'x'.repeat(256)), true);
  assert.equal(follow(session(ROMEO), 'x'.repeat(257)), false);
  assert.equal(followed.size, 1);
});

test('requests of an ended session time out; followers of an unloaded module are not called', () => {
  const { followed, answers, follow } = alone();
  const [romeo, other] = [session(ROMEO), { name: 'other' }];
  follow(romeo, '1');
  follow(romeo, '2', other);
  followed.unfollow(other);
  assert.deepEqual([answers, followed.size], [[], 1]);
  followed.ended(romeo);
  assert.deepEqual([answers, followed.size], [['1 timeout'], 0]);
});
