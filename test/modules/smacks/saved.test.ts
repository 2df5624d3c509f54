// Sessions with stream management are saved, and sleep on in another process.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { C2SSession } from '../../../src/api/session.ts';
import { C2SSession as RealSession } from '../../../src/c2s/index.ts';
import type { SessionRecord } from '../../../src/c2s/record.ts';
import { Jid } from '../../../src/xml/jid.ts';
import { becomeAvailable } from '../../support/contacts.ts';
import { BALCONY, CHAMBER, chat, JULIET, NURSE, ROMEO, type Scene, SM, says, scene } from './scene.ts';

const MINUTE = 60_000;
const T0 = '2026-01-01T00:00:00.000Z';
const delay = `<delay xmlns='urn:xmpp:delay' from='capulet.lit' stamp='${T0}'/>`;

/** Another server on which the sleeping sessions of the first one go on, without the offline store of the first. */
async function restarted(t: TestContext, there: Scene, ...jids: string[]): Promise<Scene> {
  const records = jids.map((jid) => JSON.stringify((there.session(jid) as RealSession).record()));
  const next = await scene(t);
  for (const text of records) await load(next, JSON.parse(text));
  return next;
}

async function load({ test: { server } }: Scene, record: SessionRecord): Promise<C2SSession> {
  const host = server.router.hosts.get('capulet.lit')!;
  await host.ready(Jid.parse(record.jid).local ?? '');
  return RealSession.asleep(record, host, server);
}

test('XEP-0198 §5: a client resumes a session that was saved, and its contacts have noticed nothing', async (t) => {
  const there = await scene(t);
  const { client, id } = await there.available(BALCONY, '<show>away</show>');
  const romeo = await there.test.client(ROMEO);
  says(romeo, BALCONY, '1');
  await romeo.receivesNothing();
  await there.loses(client);
  says(romeo, BALCONY, '2');
  await romeo.receivesNothing();

  const next = await restarted(t, there, BALCONY);
  const nurse = await next.test.client(NURSE);
  says(nurse, JULIET, '3'); // The account is available: nothing goes to the offline store.
  await nurse.receivesNothing();
  const back = await next.returning(BALCONY, id, 1);
  await back.receives(`<resumed ${SM} previd='${id}' h='1'/>`);
  await back.receives(chat(ROMEO, BALCONY, '1'));
  await back.receives(chat(ROMEO, BALCONY, '2'));
  await back.receives(chat(NURSE, JULIET, '3'));
  assert.equal(next.sent(BALCONY), 4);
  back.send('<presence/>');
  await back.receives(`<presence from='${BALCONY}' to='${JULIET}'/>`);
});

test('a message for two saved sessions goes to neither again while the other may still acknowledge it', async (t) => {
  const there = await scene(t);
  const { client: balcony } = await there.available(BALCONY);
  const { client: chamber, id } = await there.available(CHAMBER);
  const romeo = await there.test.client(ROMEO);
  await there.loses(balcony);
  await there.clock.advance(MINUTE);
  await there.loses(chamber);
  says(romeo, JULIET, '1');
  await romeo.receivesNothing();

  const next = await restarted(t, there, BALCONY, CHAMBER);
  await next.clock.advance(9 * MINUTE);
  assert.equal(next.session(BALCONY), undefined);
  const back = await next.returning(CHAMBER, id, there.sent(CHAMBER) - 1);
  await back.receives(`<resumed ${SM} previd='${id}' h='1'/>`);
  await back.receives(chat(ROMEO, JULIET, '1'));
  await back.receives(`<presence type='unavailable' from='${BALCONY}' to='${JULIET}'/>`);
  await back.receivesNothing();
});

test('a message for two saved sessions that both end is redelivered once', async (t) => {
  const there = await scene(t);
  for (const jid of [BALCONY, CHAMBER]) await there.loses((await there.available(jid)).client);
  const romeo = await there.test.client(ROMEO);
  says(romeo, JULIET, '1');
  await romeo.receivesNothing();
  const next = await restarted(t, there, BALCONY, CHAMBER);
  await next.clock.advance(10 * MINUTE);
  await next.idle();
  const hall = await next.test.client(`${JULIET}/hall`);
  await becomeAvailable(hall);
  await hall.receives(chat(ROMEO, JULIET, '1', delay));
  await hall.receivesNothing();
});

for (const [sleptMs, restMs] of [
  [0, 10 * MINUTE],
  [4 * MINUTE, 6 * MINUTE],
  [10 * MINUTE - 1, MINUTE],
] as const) {
  test(`a session that has slept for ${sleptMs} ms may sleep for ${restMs} ms more after the restart`, async (t) => {
    const there = await scene(t);
    await there.loses((await there.available(BALCONY)).client);
    await there.clock.advance(sleptMs);
    const next = await restarted(t, there, BALCONY);
    await next.clock.advance(restMs - 1);
    assert.ok(next.session(BALCONY));
    await next.clock.advance(1);
    assert.equal(next.session(BALCONY), undefined);
  });
}

test('a session without resumption cannot be saved and loaded', async (t) => {
  const there = await scene(t);
  await there.managed(BALCONY, '');
  const record = (there.session(BALCONY) as RealSession).record();
  const next = await scene(t);
  await assert.rejects(load(next, record), /cannot be resumed/);
  assert.equal(next.session(BALCONY), undefined);
});
