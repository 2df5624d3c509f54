// A client that binds its resource anew instead of resuming has the address of the session that it replaces: what that
// session left unacknowledged is for it (RFC 6121 §8.5.3.1, XEP-0198 §4).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ScriptedClient } from '../../support/client.ts';
import { becomeAvailable } from '../../support/contacts.ts';
import { parseXml } from '../../support/match.ts';
import { archiveOf, waitingFor } from '../../support/waiting.ts';
import { BALCONY, CHAMBER, chat, JULIET, NURSE, ROMEO, type Scene, SM, says, scene } from './scene.ts';

const T0 = '2026-01-01T00:00:00.000Z';
const delay = `<delay xmlns='urn:xmpp:delay' from='capulet.lit' stamp='${T0}'/>`;
const EXPIRY_MS = 600_000;

/** Juliet's desktop is there, and her phone, whose line has just broken. */
async function brokenLine(there: Scene): Promise<{ desktop: ScriptedClient; romeo: ScriptedClient }> {
  const desktop = await there.test.client(CHAMBER);
  await becomeAvailable(desktop);
  const { client: phone } = await there.available(BALCONY);
  await desktop.skipUntil(`<presence id='{any}' from='${BALCONY}' to='${JULIET}'/>`);
  await there.loses(phone);
  return { desktop, romeo: await there.test.client(ROMEO) };
}

const goes = `<presence type='unavailable' from='${BALCONY}' to='${JULIET}'/>`;

test('RFC 6121 §8.5.3.1: messages go to the client that has the address now, in order, and not to another one', async (t) => {
  const there = await scene(t);
  const { desktop, romeo } = await brokenLine(there);
  says(romeo, BALCONY, '1');
  says(romeo, JULIET, '2');
  says(romeo, BALCONY, '3');
  await desktop.receives(chat(ROMEO, JULIET, '2'));
  await romeo.receivesNothing();

  const { client: phone } = await there.managed(BALCONY);
  await desktop.receives(goes);
  await phone.receives(chat(ROMEO, BALCONY, '1', delay));
  await phone.receives(chat(ROMEO, JULIET, '2', delay));
  await phone.receives(chat(ROMEO, BALCONY, '3', delay));
  await phone.receivesNothing();
  await desktop.receivesNothing();
  assert.equal(there.sent(BALCONY), 4, 'three messages and an answer are to be confirmed');
});

test('XEP-0198 §4: they wait until the client has enabled stream management, so that they are confirmed', async (t) => {
  const there = await scene(t);
  const { desktop, romeo } = await brokenLine(there);
  says(romeo, BALCONY, '1');
  says(romeo, JULIET, '2');
  await desktop.receives(chat(ROMEO, JULIET, '2'));
  const phone = await there.test.client(BALCONY);
  await desktop.receives(goes);
  await desktop.receivesNothing();
  phone.drop(); // Before it has enabled anything.
  await there.idle();
  await desktop.receives(chat(ROMEO, BALCONY, '1', delay));
  await desktop.receivesNothing();
});

test('later messages are delivered after the inherited ones', async (t) => {
  const there = await scene(t);
  const { romeo } = await brokenLine(there);
  says(romeo, BALCONY, '1', '2');
  await romeo.receivesNothing();
  const phone = await there.test.client(BALCONY);
  says(romeo, BALCONY, '3');
  for (const [text, more] of [
    ['1', delay],
    ['2', delay],
    ['3', ''],
  ])
    await phone.receives(chat(ROMEO, BALCONY, text!, more));
  await phone.receivesNothing();
});

test('RFC 6121 §8.5.3.1: what comes while the phone takes over its address is for the phone, behind the rest', async (t) => {
  const there = await scene(t);
  const { desktop, romeo } = await brokenLine(there);
  says(romeo, BALCONY, '1');
  await romeo.receivesNothing();
  const { router } = there.test.server;
  const { hooks } = router.hosts.get('capulet.lit')!;
  for (const event of ['resource-ending', 'resource-unbind'] as const) {
    const meanwhile = parseXml(chat(ROMEO, BALCONY, event));
    hooks.add(
      event,
      () => router.route(meanwhile, { kind: 'host', domain: 'capulet.lit' }),
      'deliver',
      'test',
    );
  }
  const phone = await there.test.client(BALCONY);
  await phone.receives(chat(ROMEO, BALCONY, '1', delay));
  await phone.receives(chat(ROMEO, BALCONY, 'resource-ending'));
  await phone.receives(chat(ROMEO, BALCONY, 'resource-unbind'));
  await phone.receivesNothing();
  await desktop.receives(goes);
  await desktop.receivesNothing();
});

test('a client without stream management gets them when it has said something', async (t) => {
  const there = await scene(t);
  const { romeo } = await brokenLine(there);
  says(romeo, BALCONY, '1');
  await romeo.receivesNothing();
  const phone = await there.test.client(BALCONY);
  await becomeAvailable(phone);
  await phone.receives(`<presence id='{any}' from='${CHAMBER}' to='${BALCONY}'/>`);
  await phone.receives(chat(ROMEO, BALCONY, '1', delay));
  await phone.receivesNothing();
});

test('replaced again and again, the phone gets them once it can confirm them, and its desktop never twice', async (t) => {
  const there = await scene(t);
  const { desktop, romeo } = await brokenLine(there);
  says(romeo, BALCONY, '1');
  says(romeo, JULIET, '2');
  await desktop.receives(chat(ROMEO, JULIET, '2'));
  await there.test.client(BALCONY);
  const { client } = await there.managed(BALCONY);
  await client.receives(chat(ROMEO, BALCONY, '1', delay));
  await client.receives(chat(ROMEO, JULIET, '2', delay));
  const { client: again } = await there.managed(BALCONY); // The last one has confirmed nothing.
  await again.receives(chat(ROMEO, BALCONY, '1', delay));
  await again.receives(chat(ROMEO, JULIET, '2', delay));
  await desktop.receives(goes);
  await there.loses(again);
  await there.clock.advance(EXPIRY_MS);
  await there.idle();
  await desktop.receives(chat(ROMEO, BALCONY, '1', delay));
  await desktop.receivesNothing();
});

test('RFC 6121 §8.5.3: requests go to the client that has the address now; answers and words of a room do not', async (t) => {
  const there = await scene(t);
  const { romeo } = await brokenLine(there);
  romeo.send(`<iq to='${BALCONY}' type='get' id='q'><query xmlns='urn:example:q'/></iq>`);
  romeo.send(`<iq to='${BALCONY}' type='result' id='r'/>`);
  romeo.send(`<message to='${BALCONY}' type='groupchat'><body>All</body></message>`);
  romeo.send(`<message to='${BALCONY}' type='headline'><body>News</body></message>`);
  await romeo.receivesNothing();
  const { client: phone } = await there.managed(BALCONY);
  await phone.receives(
    `<iq from='${ROMEO}' to='${BALCONY}' type='get' id='q'><query xmlns='urn:example:q'/></iq>`,
  );
  await phone.receives(
    `<message from='${ROMEO}' to='${BALCONY}' type='headline'><body>News</body>${delay}</message>`,
  );
  await phone.receivesNothing();
  await romeo.receivesNothing();
});

test('XEP-0160 §2: a stored message that it had not confirmed goes to the phone, and leaves the disk when confirmed', async (t) => {
  const there = await scene(t);
  const nurse = await there.test.client(NURSE);
  says(nurse, JULIET, 'stored');
  await nurse.receivesNothing();
  await there.idle();
  const { client: phone } = await there.managed(BALCONY);
  await becomeAvailable(phone);
  await phone.receives(chat(NURSE, JULIET, 'stored', delay));
  await there.loses(phone);
  const desktop = await there.test.client(CHAMBER);
  await becomeAvailable(desktop);
  const { client: back } = await there.managed(BALCONY);
  await back.receives(chat(NURSE, JULIET, 'stored', delay));
  const archive = archiveOf(there.test.server);
  assert.equal(await waitingFor(archive, 'juliet'), 1);
  back.send(`<a ${SM} h='1'/>`);
  await there.idle();
  assert.equal(await waitingFor(archive, 'juliet'), 0);
});

test('XEP-0203 §4: a forged time of waiting is not passed on as ours', async (t) => {
  const there = await scene(t);
  const { romeo } = await brokenLine(there);
  const forged = `<delay xmlns='urn:xmpp:delay' from='CAPULET.lit' stamp='2002-09-10T23:08:25Z'/>`;
  romeo.send(`<message type='chat' to='${BALCONY}'><body>1</body>${forged}</message>`);
  await romeo.receivesNothing();
  const { client: phone } = await there.managed(BALCONY);
  await phone.receives(chat(ROMEO, BALCONY, '1', delay));
});
