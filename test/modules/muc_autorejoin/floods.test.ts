// A service that sends without end. What is kept stays within its bounds, nobody else waits, and the client is in.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { MAX_BYTES } from '../../../modules/muc_autorejoin/answer/held.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { drop, floodHistory, floodPeople } from '../../support/fake-rooms/faults.ts';
import { parseXml } from '../../support/match.ts';
import { counted } from './counts.ts';
import { HALL, ROMEO, type Stage, stage } from './stage.ts';

/** Many times each bound. */
const COUNT = 10_000;
const MAX_BLOCK_MS = 20;

/** The value of a gauge of muc_autorejoin. */
async function gauge({ h }: Stage, name: string): Promise<number> {
  const { text = '' } = await h.command('metrics');
  const line = text.split('\n').find((one) => one.startsWith(`enjamb_muc_autorejoin_${name}`));
  return Number(line?.split(' ').at(-1));
}

/** The CPU time that each stanza takes from now on, in ms. */
function watchRouter(t: TestContext, { h }: Stage) {
  const seen = { times: [] as number[] };
  const { router } = h.server;
  const route = router.route.bind(router);
  t.mock.method(router, 'route', (...args: Parameters<typeof route>) => {
    const start = process.cpuUsage();
    route(...args);
    const { user, system } = process.cpuUsage(start);
    seen.times.push((user + system) / 1_000);
  });
  return seen;
}

/** Between two stanzas of a flood others have their turn: they wait for one. Garbage collection counts too. */
function assertShort(times: number[]): void {
  times.sort((a, b) => a - b);
  const p99 = times[Math.floor(times.length * 0.99)]!;
  assert.ok(p99 <= MAX_BLOCK_MS, `p99 ${p99} ms`);
}

/** The room has lost romeo, joins him again, and floods him as soon as he is in. */
function losesAndFloods(made: Stage, flood: () => void): void {
  let isFirst = true;
  made.service.onEntered = (_room, full) => {
    if (full === ROMEO && isFirst) flood();
    isFirst &&= full !== ROMEO;
  };
  drop(made.room, ROMEO, { codes: ['333'] });
}

test('100,000 occupants before the self-presence: 500 are held, all are shown, and the room is large', async (t) => {
  const made = await stage(t);
  const { times } = watchRouter(t, made);
  losesAndFloods(made, () => floodPeople(made.room, ROMEO, 10 * COUNT));
  let most = 0;
  for (let i = 0; i < 50; i++) {
    made.passes(0.1);
    most = Math.max(most, await gauge(made, 'held_bytes'), (await gauge(made, 'occupants')) * 100);
  }
  assert.ok(most <= MAX_BYTES, `${most} bytes`);
  const shown = made.seen().filter((line) => line.startsWith('presence nobody'));
  assert.equal(shown.length, 10 * COUNT);
  assert.equal(new Set(shown).size, 10 * COUNT, 'each once');
  assert.deepEqual([await gauge(made, 'held_bytes'), await gauge(made, 'occupants')], [0, 0]);
  assert.equal(made.romeo.state.mucPlaces?.get(HALL)?.room.isLarge, true);
  assertShort(times);
  made.passes(10);
  made.assertAlive();
});

test('history of 10,000 messages: 500 are held, and all are given in order', async (t) => {
  const made = await stage(t);
  const { times } = watchRouter(t, made);
  losesAndFloods(made, () => floodHistory(made.room, ROMEO, COUNT));
  made.passes(20);
  const given = made.seen().filter((line) => line.startsWith('message nobody'));
  assert.equal(given.length, COUNT);
  assert.ok(given.every((line, i) => line.endsWith(` ${i}`)));
  assert.equal(await gauge(made, 'held_bytes'), 0);
  assertShort(times);
  made.assertAlive();
});

test('an archive whose pages never end: ten pages, the newest messages, and the gap counts as open', async (t) => {
  const made = await stage(t, { behaviour: { archive: 'works', historyLimit: 0 } });
  made.say('Alice', 'before');
  made.passes(20);
  made.romeo.heard();
  made.room.archive.isEndless = true;
  const { times } = watchRouter(t, made);
  drop(made.room, ROMEO, { codes: ['333'] });
  made.passes(20);
  const counts = await counted(made);
  assert.deepEqual(
    [counts['archive_queries too large'], counts.open_gaps, counts['messages given']],
    [1, 1, 9 * 50],
  );
  assert.equal(made.seen().filter((line) => line.startsWith('message nobody')).length, 9 * 50);
  assert.equal(await gauge(made, 'held_bytes'), 0);
  assertShort(times);
  made.assertAlive();
});

test('a page of an archive with 20,000 results: 2 MiB are kept, none reaches the client, and the gap counts as open', async (t) => {
  const made = await stage(t, { behaviour: { archive: 'works', historyLimit: 0 } });
  made.say('Alice', 'before');
  made.passes(20);
  made.romeo.heard();
  const { times } = watchRouter(t, made);
  const { onStanza } = made.service.peer;
  made.service.peer.onStanza = (stanza) => {
    const queryId = stanza.getChild('query', NS.MAM)?.attrs.queryid;
    if (queryId === undefined) return onStanza(stanza);
    for (let i = 0; i < 2 * COUNT; i++) made.service.peer.says(resultOf(queryId, i));
  };
  drop(made.room, ROMEO, { codes: ['333'] });
  let most = 0;
  for (let i = 0; i < 20; i++) {
    made.passes(1);
    most = Math.max(most, await gauge(made, 'held_bytes'));
  }
  assert.ok(most <= 2 * 1024 * 1024, `${most} bytes`);
  const counts = await counted(made);
  assert.deepEqual([counts['archive_queries too large'], counts.open_gaps], [1, 1]);
  assert.equal(made.romeo.heard().filter((stanza) => stanza.getChild('result', NS.MAM)).length, 0);
  assert.equal(await gauge(made, 'held_bytes'), 0);
  assertShort(times);
  made.assertAlive();
});

function resultOf(queryId: string, i: number) {
  return parseXml(
    `<message from='${HALL}' to='${ROMEO}'><result xmlns='${NS.MAM}' queryid='${queryId}' id='r${i}'>
       <forwarded xmlns='${NS.FORWARD}'><delay xmlns='${NS.DELAY}' stamp='2026-01-01T00:00:00Z'/>
         <message xmlns='jabber:client' type='groupchat' from='${HALL}/nobody' id='m${i}'><body>${i}</body></message>
       </forwarded></result></message>`,
  );
}
