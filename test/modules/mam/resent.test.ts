// M11: what a client sends again, because it did not hear that it had arrived, is archived once.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { ScriptedClient } from '../../support/client.ts';
import { FakeClock } from '../../support/clock.ts';
import { archiveOf, waitingFor } from '../../support/waiting.ts';
import { BALCONY, BODY, done, JULIET, ORCHARD, ROMEO, rowsOf, SID, type Stage, stage } from './stage.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

interface Timed extends Stage {
  readonly clock: FakeClock;
}

async function timed(t: TestContext): Promise<Timed> {
  const clock = new FakeClock();
  return { clock, ...(await stage(t, { clock })) };
}

/** Romeo comes again, on a stream on which a resumption has failed before. */
async function comesAgain({ server }: Stage): Promise<ScriptedClient> {
  const romeo = server.connect();
  await romeo.authenticate(ROMEO);
  romeo.send(`<resume xmlns='urn:xmpp:sm:3' previd='gone' h='0'/>`);
  assert.equal((await romeo.next()).name, 'failed');
  romeo.send(
    `<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>orchard</resource></bind></iq>`,
  );
  await romeo.next();
  romeo.jid = ORCHARD;
  return romeo;
}

const message = (attrs: string, more = '', to = BALCONY) =>
  `<message type='chat' ${attrs} to='${to}'>${BODY}${more}</message>`;
const originId = (id: string) => `<origin-id xmlns='${SID}' id='${id}'/>`;

/** The numbers of rows of Romeo and Juliet. */
async function numbers(there: Stage): Promise<[sent: number, received: number]> {
  return [(await rowsOf(there, ROMEO)).length, (await rowsOf(there, JULIET)).length];
}

for (const [what, first, second, rows] of [
  ['id', message("id='a'"), message("id='a'"), 1],
  ['origin-id', message("id='a'", originId('o')), message("id='b'", originId('o')), 1],
  ['other id', message("id='a'"), message("id='b'"), 2],
  ['no id', message(''), message(''), 2],
  [
    'id of more than 256 characters',
    message(`id='${'x'.repeat(257)}'`),
    message(`id='${'x'.repeat(257)}'`),
    2,
  ],
] as const) {
  test(`M11: after a start of the server, a message of the same ${what} makes ${rows} rows on either side, and is delivered`, async (t) => {
    const there = await timed(t);
    there.romeo.send(first);
    await done(there, there.romeo);
    await there.clock.advance(59 * SECOND);
    there.romeo.send(second);
    await done(there, there.romeo);
    assert.deepEqual(await numbers(there), [rows, rows]);
    for (let n = 0; n < 2; n++) assert.equal((await there.juliet.next()).name, 'message');
  });
}

test('M11: a session that was bound a minute ago sends new messages', async (t) => {
  const there = await timed(t);
  there.romeo.send(message("id='a'"));
  await there.clock.advance(MINUTE);
  there.romeo.send(message("id='a'"));
  await done(there, there.romeo);
  assert.deepEqual(await numbers(there), [2, 2]);
});

test('M11: later, a session sends again what it has left only if its resumption failed', async (t) => {
  const there = await timed(t);
  await there.clock.advance(15 * MINUTE);
  const other = await there.server.client(`${ROMEO}/other`);
  for (let n = 0; n < 2; n++) other.send(message("id='a'"));
  await done(there, other);
  assert.deepEqual(await numbers(there), [2, 2]);
  const romeo = await comesAgain(there);
  romeo.send(message("id='a'"));
  await done(there, romeo);
  assert.deepEqual(await numbers(there), [2, 2]);
});

test('M11: a message that is older than 15 minutes is not the same', async (t) => {
  const there = await timed(t);
  there.romeo.send(message("id='a'"));
  await done(there, there.romeo);
  await there.clock.advance(15 * MINUTE + 1);
  const romeo = await comesAgain(there);
  romeo.send(message("id='a'"));
  await done(there, romeo);
  assert.deepEqual(await numbers(there), [2, 2]);
});

test('M11: messages in the other direction, or with another address, are not the same', async (t) => {
  const there = await timed(t);
  await there.server.account('nurse@capulet.lit');
  there.romeo.send(message("id='a'"));
  await done(there, there.romeo);
  there.romeo.send(message("id='a'", '', 'nurse@capulet.lit'));
  there.juliet.send(message("id='a'", '', ORCHARD));
  await done(there, there.romeo);
  await done(there, there.juliet);
  assert.deepEqual(await numbers(there), [3, 2]);
});

test('M11: the first 200 messages of a session are compared', async (t) => {
  const there = await timed(t);
  there.romeo.send(message("id='a'").repeat(200));
  await done(there, there.romeo);
  assert.deepEqual(await numbers(there), [1, 1]);
  there.romeo.send(message("id='a'"));
  await done(there, there.romeo);
  assert.deepEqual(await numbers(there), [2, 2]);
});

test('M11: a message of the same id that says something else is new: it is archived for both, and waits', async (t) => {
  const there = await timed(t);
  const say = (body: string) =>
    there.romeo.send(`<message type='chat' id='1' to='${JULIET}'><body>${body}</body></message>`);
  say('Good morrow');
  say('I never said that');
  await done(there, there.romeo);
  assert.deepEqual(await numbers(there), [2, 2]);
  assert.equal(await waitingFor(archiveOf(there.server.server, 'capulet.lit'), 'juliet'), 2);
});

test('M11: a message that takes the id of a retracted one is new', async (t) => {
  const there = await timed(t);
  there.romeo.send(message("id='a'"));
  there.romeo.send(message("id='r'", "<retract xmlns='urn:xmpp:message-retract:1' id='a'/>"));
  there.romeo.send(message("id='a'"));
  await done(there, there.romeo);
  assert.deepEqual(await numbers(there), [3, 3]);
});
