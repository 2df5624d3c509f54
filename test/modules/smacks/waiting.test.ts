// Messages that wait in the archive for a client (XEP-0160 with XEP-0313 and XEP-0198): written once, delivered once.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ARCHIVE_FLAGS } from '../../../src/storage/archive.ts';
import type { Element } from '../../../src/xml/element.ts';
import type { ScriptedClient } from '../../support/client.ts';
import { becomeAvailable, reloadModule } from '../../support/contacts.ts';
import { archiveOf, waitingFor } from '../../support/waiting.ts';
import { BALCONY, CHAMBER, chat, JULIET, ROMEO, type Scene, says } from './scene.ts';
import { comes, confirms, DELAY, late, rows, scene, stanzaId, wrote } from './waiting-scene.ts';

const HINTS = 'urn:xmpp:hints';
const NO_PERMANENT_STORE = `<no-permanent-store xmlns='${HINTS}'/>`;

const waiting = ({ test: { server } }: Scene): Promise<number> => waitingFor(archiveOf(server), 'juliet');

const conditionOf = (stanza: Element): string | undefined => stanza.getChild('error')?.elements()[0]?.name;

/** Asks the archive for all messages; returns the ids of the results. */
async function asks(there: Scene, client: ScriptedClient, form = ''): Promise<string[]> {
  await there.clock.advance(1); // After what is archived already.
  client.send(`<iq type='set' id='mam'><query xmlns='urn:xmpp:mam:2'>${form}</query></iq>`);
  await there.idle();
  const ids: string[] = [];
  for (;;) {
    const element = await client.next();
    if (element.attrs.id === 'mam') return ids;
    ids.push(element.getChild('result', 'urn:xmpp:mam:2')?.attrs.id ?? '');
  }
}

test('a message for a user who is not there is one row of the archive, which waits', async (t) => {
  const there = await scene(t);
  await wrote(there, 'Hi');
  const [row, ...others] = await rows(there);
  assert.equal(row?.flags, ARCHIVE_FLAGS.waiting);
  assert.deepEqual(others, []);
});

test('it is delivered with its id in the archive, and waits until the client has acknowledged it', async (t) => {
  const there = await scene(t);
  await wrote(there, 'Hi');
  const [row] = await rows(there);
  const juliet = await comes(there);
  await juliet.receives(late('Hi', row!.id));
  assert.equal(await waiting(there), 1);
  await confirms(there, juliet);
  assert.equal(await waiting(there), 0);
  assert.deepEqual(await rows(there), [{ ...row, flags: 0 }]);
});

test('a message that is not archived waits in a hidden row, which is gone when the client has it', async (t) => {
  const there = await scene(t);
  const romeo = await wrote(there);
  romeo.send(`<message type='chat' to='${JULIET}'><body>Hush</body>${NO_PERMANENT_STORE}</message>`);
  await there.idle();
  const [row] = await rows(there);
  assert.equal(row?.flags, ARCHIVE_FLAGS.waiting | ARCHIVE_FLAGS.hidden);
  const juliet = await comes(there);
  await juliet.receives(chat(ROMEO, JULIET, 'Hush', `${NO_PERMANENT_STORE}${DELAY}`));
  await confirms(there, juliet);
  assert.deepEqual(await rows(there), []);
});

test('archived messages and others wait in the order of their arrival', async (t) => {
  const there = await scene(t);
  const romeo = await wrote(there, '1');
  romeo.send(`<message type='chat' to='${JULIET}'><body>2</body>${NO_PERMANENT_STORE}</message>`);
  says(romeo, JULIET, '3');
  await there.idle();
  const juliet = await comes(there);
  const texts = [await juliet.next(), await juliet.next(), await juliet.next()];
  assert.deepEqual(
    texts.map((message) => message.getChildText('body')),
    ['1', '2', '3'],
  );
});

test('beyond offline_max_messages an archived message is accepted and does not wait; another is refused', async (t) => {
  const there = await scene(t, 'offline_max_messages = 10'); // A stranger of this domain has a fifth.
  const romeo = await wrote(there, '1', '2', '3', '4');
  assert.equal((await rows(there)).length, 4);
  assert.equal(await waiting(there), 2);
  romeo.send(`<message type='chat' to='${JULIET}' id='x'><body>5</body>${NO_PERMANENT_STORE}</message>`);
  await there.idle();
  const error = await romeo.next();
  assert.equal(error.attrs.type, 'error');
  assert.equal(conditionOf(error), 'service-unavailable');
  assert.equal((await rows(there)).length, 4);
});

test('beyond offline_max_messages counts what waited before a reload of the module', async (t) => {
  const there = await scene(t, 'offline_max_messages = 10');
  const romeo = await wrote(there, '1', '2');
  await reloadModule(there.test, 'offline');
  says(romeo, JULIET, '3');
  await there.idle();
  says(romeo, JULIET, '4');
  await there.idle();
  assert.ok((await waiting(there)) <= 3, `${await waiting(there)} wait`);
});

test('a client that has asked the archive before it became available is sent only what is not there', async (t) => {
  const there = await scene(t);
  const romeo = await wrote(there, '1', '2');
  romeo.send(`<message type='chat' to='${JULIET}'><body>3</body>${NO_PERMANENT_STORE}</message>`);
  await there.idle();
  const { client: juliet } = await there.managed(BALCONY);
  assert.equal((await asks(there, juliet)).length, 2);
  await becomeAvailable(juliet);
  await there.idle();
  await juliet.receives(chat(ROMEO, JULIET, '3', `${NO_PERMANENT_STORE}${DELAY}`));
  await confirms(there, juliet);
  assert.equal(await waiting(there), 0);
});

test('a message that came after the client had asked the archive is delivered', async (t) => {
  const there = await scene(t);
  const romeo = await wrote(there, '1');
  const { client: juliet } = await there.managed(BALCONY);
  assert.equal((await asks(there, juliet)).length, 1);
  await there.clock.advance(10);
  says(romeo, JULIET, '2');
  await there.idle();
  await becomeAvailable(juliet);
  await there.idle();
  await juliet.receives(late('2'));
  await juliet.receivesNothing();
});

const FORM = (fields: string): string =>
  `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value></field>${fields}</x>`;
for (const [what, form] of [
  ['a query for one contact', FORM(`<field var='with'><value>romeo@capulet.lit</value></field>`)],
  ['a query for the number of messages', `<set xmlns='http://jabber.org/protocol/rsm'><max>0</max></set>`],
] as const) {
  test(`${what} does not prove that a client reads the archive: what waits is delivered`, async (t) => {
    const there = await scene(t);
    await wrote(there, '1');
    const { client: juliet } = await there.managed(BALCONY);
    await asks(there, juliet, form);
    await becomeAvailable(juliet);
    await there.idle();
    await juliet.receives(late('1'));
  });
}

test('a client that becomes available first and then asks the archive gets both, with equal ids', async (t) => {
  const there = await scene(t);
  await wrote(there, '1');
  const juliet = await comes(there);
  const message = await juliet.next();
  const id = message.getChild('stanza-id', 'urn:xmpp:sid:0')?.attrs.id;
  assert.deepEqual(await asks(there, juliet), [id]);
});

test('of two clients that become available simultaneously, one is sent what waits', async (t) => {
  const there = await scene(t);
  await wrote(there, '1', '2');
  const { client: balcony } = await there.managed(BALCONY);
  const { client: chamber } = await there.managed(CHAMBER);
  balcony.send('<presence/>');
  chamber.send('<presence/>');
  await there.idle();
  const bodies = async (client: ScriptedClient) => {
    client.send(`<iq type='get' id='end'><query xmlns='urn:example:end'/></iq>`);
    const seen: string[] = [];
    await client.skipUntil((element) => {
      const body = element.getChildText('body');
      if (body) seen.push(body);
      return element.attrs.id === 'end';
    });
    return seen;
  };
  assert.deepEqual([...(await bodies(balcony)), ...(await bodies(chamber))].sort(), ['1', '2']);
});

test('neither age nor size removes a message that waits', async (t) => {
  const there = await scene(t, 'archive_expires_after = "1 day"');
  await wrote(there, '1');
  await there.clock.advance(26 * 3_600_000);
  await there.idle();
  await (await comes(there)).receives(late('1'));
});

test('a message that a client did not acknowledge waits with the same row, and the sender hears nothing', async (t) => {
  const there = await scene(t);
  const { client: juliet } = await there.available(BALCONY);
  const romeo = await there.test.client(ROMEO);
  says(romeo, JULIET, 'Hi');
  await there.idle();
  const [row] = await rows(there);
  assert.equal(row?.flags, 0);
  await there.loses(juliet);
  await there.clock.advance(600_000); // Her session ends.
  await there.idle();
  assert.deepEqual(await rows(there), [{ ...row, flags: ARCHIVE_FLAGS.waiting }]);
  await romeo.receivesNothing();
  await (await comes(there, CHAMBER)).receives(late('Hi', row!.id));
});

test('another available client without the message is sent it, with id and time, and without another row', async (t) => {
  const there = await scene(t);
  const { client: balcony } = await there.available(BALCONY);
  const chamber = await there.test.client(CHAMBER);
  await becomeAvailable(chamber, '<priority>-1</priority>');
  await balcony.skipUntil((element) => element.attrs.from === CHAMBER);
  const romeo = await there.test.client(ROMEO);
  says(romeo, JULIET, 'Hi');
  await there.idle();
  const [row] = await rows(there);
  await there.loses(balcony);
  chamber.send('<presence><priority>1</priority></presence>');
  await there.clock.advance(600_000);
  await there.idle();
  await chamber.skipUntil(chat(ROMEO, JULIET, 'Hi', `${stanzaId(row!.id)}${DELAY}`));
  assert.equal((await rows(there)).length, 1);
  assert.equal(await waiting(there), 0);
});

test('what a sleeping client has in its queue stays there when it is retracted, and the retraction follows', async (t) => {
  const there = await scene(t);
  const { client, id } = await there.available(BALCONY);
  await there.loses(client);
  const romeo = await there.test.client(ROMEO);
  romeo.send(`<message type='chat' to='${JULIET}' id='a'><body>Hi</body></message>`);
  romeo.send(
    `<message type='chat' to='${JULIET}' id='r'><retract xmlns='urn:xmpp:message-retract:1' id='a'/></message>`,
  );
  await there.idle();
  assert.equal((await rows(there))[0]?.flags, ARCHIVE_FLAGS.tombstone);
  const back = await there.returning(BALCONY, id, 1);
  assert.equal((await back.next()).name, 'resumed');
  assert.equal((await back.next()).getChildText('body'), 'Hi');
  assert.equal((await back.next()).attrs.id, 'r');
});

for (const [what, stanza, error] of [
  [
    'no-store is refused without a client',
    `<message type='chat' to='${JULIET}' id='x'><body>x</body><no-store xmlns='${HINTS}'/></message>`,
    true,
  ],
  [
    'a normal message for a resource that is gone is refused',
    `<message to='${JULIET}/tomb' id='x'><body>x</body></message>`,
    true,
  ],
  [
    'a message for an account that does not exist is refused',
    `<message to='nobody@capulet.lit' id='x'><body>x</body></message>`,
    true,
  ],
  [
    'a chat state without a client causes no answer',
    `<message type='chat' to='${JULIET}' id='x'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`,
    false,
  ],
  [
    'an event of a node without a client causes no answer',
    `<message to='${JULIET}' id='x'><event xmlns='http://jabber.org/protocol/pubsub#event'/></message>`,
    false,
  ],
] as const) {
  test(what, async (t) => {
    const there = await scene(t);
    const romeo = await there.test.client(ROMEO);
    romeo.send(stanza);
    await there.idle();
    if (error) assert.equal(conditionOf(await romeo.next()), 'service-unavailable');
    await romeo.receivesNothing();
    assert.deepEqual(await rows(there), []);
  });
}
