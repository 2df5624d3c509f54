// O4, XEP-0313 §5.1.1: "A server MAY choose not to deliver offline messages to a client that has already queried their MAM
// archive".

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { C2SSession } from '../../../src/c2s/index.ts';
import type { ScriptedClient } from '../../support/client.ts';
import { FakeClock } from '../../support/clock.ts';
import { reloadModule } from '../../support/contacts.ts';
import { waitingFor } from '../../support/waiting.ts';
import { ask, BALCONY, JULIET, type Library, library, MAM, type Question, requestOf } from './query-stage.ts';
import { BODY, done, HINTS, ROMEO } from './stage.ts';

const FULLTEXT = '{urn:xmpp:fulltext:0}fulltext';
/** The fake clock starts then. */
const NEW_YEAR = Date.UTC(2026, 0, 1);
const MINUTE = 60_000;

interface Waiting extends Library {
  readonly clock: FakeClock;
}

/** A message has waited for a minute, and one that is not archived; `old` is in the archive since last year. */
async function waiting(t: TestContext): Promise<Waiting> {
  const clock = new FakeClock();
  const there = await library(t, 1, { clock });
  there.romeo.send(`<message type='chat' to='${JULIET}'>${BODY}</message>`);
  there.romeo.send(
    `<message type='chat' to='${JULIET}'><body>hidden</body><no-permanent-store xmlns='${HINTS}'/></message>`,
  );
  await done(there, there.romeo);
  await clock.advance(MINUTE);
  assert.equal(await waitingFor(there.archive, 'juliet'), 2);
  return { ...there, clock };
}

/** The bodies that she gets when she becomes available. */
async function bodies(there: Waiting, client: ScriptedClient = there.juliet): Promise<string[]> {
  client.send('<presence/>');
  const got: string[] = [];
  await there.clock.advance(0);
  await there.server.server.router.work.idle();
  client.send(`<iq type='get' id='end' to='capulet.lit'><query xmlns='urn:enjamb:test:nothing'/></iq>`);
  for (;;) {
    const element = await client.next();
    if (element.attrs.id === 'end') return got;
    if (element.name === 'message') got.push(element.getChildText('body') ?? '');
  }
}

const ALL: Question = {};
for (const [what, question] of [
  ['without filters', ALL],
  ['for the last page, as Dino sends it', { set: '<max>50</max><before/>' }],
  ['after the last known message, as Gajim sends it', { set: '<max>70</max><after>m1</after>' }],
  ['from a time before the message', { fields: { start: new Date(NEW_YEAR).toISOString() } }],
  ['after an id', { fields: { 'after-id': 'm1' } }],
  ['up to a time that has not come', { fields: { end: '2100-01-01T00:00:00Z' } }],
] as const) {
  test(`O4: after a query ${what}, the client gets only what is not archived, and nothing waits any more`, async (t) => {
    const there = await waiting(t);
    await ask(there.juliet, question);
    assert.deepEqual(await bodies(there), ['hidden']);
    assert.equal(await waitingFor(there.archive, 'juliet'), 0);
  });
}

for (const [what, question] of [
  ['with', { fields: { with: ROMEO } }],
  ['ids', { fields: { ids: ['m1'] } }],
  ['fulltext', { fields: { [FULLTEXT]: 'hi' } }],
  ['max 0', { set: '<max>0</max>' }],
  ['before-id', { fields: { 'before-id': 'm1' } }],
  ['an earlier page', { set: '<before>m1</before>' }],
  ['an end that has passed', { fields: { end: new Date(NEW_YEAR).toISOString() } }],
  ['a start after the message', { fields: { start: new Date(NEW_YEAR + MINUTE / 2).toISOString() } }],
  ['a query that is refused', { set: '<after>expired</after>' }],
] as const) {
  test(`O4: a query with ${what} does not count: the client gets all that waits`, async (t) => {
    const there = await waiting(t);
    await ask(there.juliet, question);
    assert.deepEqual(await bodies(there), ['Hi', 'hidden']);
    assert.equal(await waitingFor(there.archive, 'juliet'), 0);
  });
}

test('O4: metadata and the form do not count', async (t) => {
  const there = await waiting(t);
  there.juliet.send(`<iq type='get' id='1'><metadata xmlns='${MAM}'/></iq>`);
  await there.juliet.next();
  there.juliet.send(`<iq type='get' id='2'><query xmlns='${MAM}'/></iq>`);
  await there.juliet.next();
  assert.deepEqual(await bodies(there), ['Hi', 'hidden']);
});

test('O4: what came after the query is delivered', async (t) => {
  const there = await waiting(t);
  await ask(there.juliet);
  await there.clock.advance(1);
  there.romeo.send(`<message type='chat' to='${JULIET}'><body>later</body></message>`);
  await done(there, there.romeo);
  assert.deepEqual(await bodies(there), ['hidden', 'later']);
});

test('O4: a query counts for its own client only', async (t) => {
  const there = await waiting(t);
  await ask(there.juliet);
  const chamber = await there.server.client(`${JULIET}/chamber`);
  assert.deepEqual(await bodies(there, chamber), ['Hi', 'hidden']);
});

test('O4: a query counts from when it arrives: presence may follow before the answer', async (t) => {
  const there = await waiting(t);
  there.juliet.send(`${requestOf('q', {})}<presence/>`);
  assert.deepEqual(
    (await bodies(there)).filter((body) => body !== ''),
    ['hidden'],
  );
});

test('O4: two queries count together; a gap between them does not', async (t) => {
  const there = await waiting(t);
  await ask(there.juliet, { fields: { start: new Date(NEW_YEAR + 30_000).toISOString() } });
  await ask(there.juliet, { fields: { start: new Date(NEW_YEAR).toISOString() } });
  assert.deepEqual(await bodies(there), ['hidden']);

  const other = await waiting(t);
  await ask(other.juliet);
  await other.clock.advance(MINUTE);
  other.romeo.send(`<message type='chat' to='${JULIET}'><body>between</body></message>`);
  await done(other, other.romeo);
  await other.clock.advance(2 * MINUTE);
  await ask(other.juliet, { fields: { start: new Date(NEW_YEAR + 3 * MINUTE).toISOString() } });
  assert.deepEqual(await bodies(other), ['hidden', 'between']);
});

test('O4: a query counts after a reload of the module, and in a saved session', async (t) => {
  const there = await waiting(t);
  await ask(there.juliet);
  await reloadModule(there.server, 'mam');
  const host = there.server.server.router.hosts.get('capulet.lit')!;
  const session = host.sessions.get(BALCONY) as C2SSession;
  const record = JSON.parse(JSON.stringify(session.record()));
  assert.deepEqual(record.parts.mam, { until: NEW_YEAR + MINUTE });

  const elsewhere = await library(t, 0);
  const other = elsewhere.server.server.router.hosts.get('capulet.lit')!;
  delete record.parts.smacks; // The test has no client that resumes it.
  elsewhere.juliet.drop();
  const restored = C2SSession.asleep(record, other, elsewhere.server.server);
  assert.deepEqual(restored.state.askedMessages, { until: NEW_YEAR + MINUTE });
  restored.close();
  assert.deepEqual(await bodies(there), ['hidden']);
});
