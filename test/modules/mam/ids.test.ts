// XEP-0359 §5: who gives a message its stanza-id, and which ones are removed.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { becomeAvailable } from '../../support/contacts.ts';
import {
  arrives,
  BALCONY,
  BODY,
  done,
  HINTS,
  idsBy,
  JULIET,
  ORCHARD,
  ROMEO,
  rowsOf,
  SID,
  stage,
} from './stage.ts';

const id = (by: string, value = 'forged') => `<stanza-id xmlns='${SID}' by='${by}' id='${value}'/>`;

const SPELLINGS = [
  JULIET,
  'JULIET@capulet.lit',
  'juliet@CAPULET.Lit',
  'ＪＵＬＩＥＴ@capulet.lit', // full width
  'juliet@capulet.lit.',
];

for (const type of ['chat', 'normal', 'groupchat', 'headline', 'error']) {
  for (const to of [JULIET, BALCONY]) {
    test(`S1: a ${type} message to ${to} loses each stanza-id by the account, however it is spelled`, async (t) => {
      const there = await stage(t);
      await becomeAvailable(there.juliet);
      const forged = SPELLINGS.map((by) => id(by)).join('');
      const prefixed = `<s:stanza-id xmlns:s='${SID}' by='${JULIET}' id='forged'/>`;
      there.romeo.send(
        `<message type='${type}' id='m' to='${to}'>${forged}<b xmlns='x'>${id(JULIET)}</b>${prefixed}</message>`,
      );
      await done(there, there.romeo);
      const isToOne = to === BALCONY || type === 'headline' || type === 'chat' || type === 'normal';
      if (!isToOne) return there.juliet.receivesNothing(); // For a client, not for the account.
      const message = await there.juliet.next();
      assert.deepEqual(message.getChildren('stanza-id', SID), [], `${message}`);
      assert.ok(message.getChild('b', 'x')?.getChild('stanza-id', SID), 'S1: direct children only');
    });
  }
}

test('S1: the host itself may name the id', async (t) => {
  const there = await stage(t);
  const text = `<message type='headline' from='capulet.lit' to='${BALCONY}'>${id(JULIET, 'ours')}</message>`;
  await arrives(there, text);
  assert.deepEqual(idsBy(await there.juliet.next(), JULIET), ['ours']);
  await arrives(there, text.replace("from='capulet.lit'", "from='rooms.capulet.lit'"));
  assert.deepEqual(idsBy(await there.juliet.next(), JULIET), []);
});

test('S2: an outgoing message loses the stanza-id by its own account, and never carries the id of the sender', async (t) => {
  const there = await stage(t);
  there.romeo.send(`<message type='chat' to='${BALCONY}'>${BODY}${id('ROMEO@montague.lit')}</message>`);
  there.romeo.send(`<message type='groupchat' to='${BALCONY}'>${BODY}${id(ROMEO)}</message>`);
  for (let n = 0; n < 2; n++) assert.deepEqual(idsBy(await there.juliet.next(), ROMEO), []);
  await done(there, there.romeo);
  for (const row of [...(await rowsOf(there, ROMEO)), ...(await rowsOf(there, JULIET))])
    assert.ok(!row.xml.includes('stanza-id'), row.xml);
});

test('S3: an archived message is delivered with one stanza-id by the account, as the last child', async (t) => {
  const there = await stage(t);
  there.romeo.send(`<message type='chat' to='${BALCONY}'>${id(JULIET)}${BODY}</message>`);
  const message = await there.juliet.next();
  await done(there, there.romeo);
  const [row] = await rowsOf(there, JULIET);
  assert.deepEqual(idsBy(message, JULIET), [row?.id]);
  assert.ok(message.elements().at(-1)?.is('stanza-id', SID));
});

test('S3: an archived message waits with one stanza-id by the account', async (t) => {
  const there = await stage(t);
  there.romeo.send(`<message type='chat' to='${JULIET}'>${BODY}</message>`);
  await done(there, there.romeo);
  there.juliet.send('<presence/>');
  const message = await there.juliet.skipUntil(({ name }) => name === 'message');
  assert.deepEqual(idsBy(message, JULIET), [(await rowsOf(there, JULIET))[0]?.id]);
});

test('S3: what is not archived has no stanza-id', async (t) => {
  const there = await stage(t);
  there.romeo.send(`<message type='chat' to='${BALCONY}'>${BODY}<no-store xmlns='${HINTS}'/></message>`);
  assert.deepEqual(idsBy(await there.juliet.next(), JULIET), []);
});

test('XEP-0313 §5.1.1: a message to several clients is stored once, and all copies have its id', async (t) => {
  const there = await stage(t);
  const chamber = await there.server.client(`${JULIET}/chamber`);
  for (const client of [there.juliet, chamber]) await becomeAvailable(client);
  there.romeo.send(`<message type='chat' to='${JULIET}'>${BODY}</message>`);
  const copies = [there.juliet, chamber].map((client) => client.skipUntil(({ name }) => name === 'message'));
  const messages = await Promise.all(copies);
  await done(there, there.romeo);
  const [row, ...others] = await rowsOf(there, JULIET);
  assert.deepEqual(others, []);
  assert.deepEqual(
    messages.map((message) => idsBy(message, JULIET)),
    [[row?.id], [row?.id]],
  );
});

test('S4: the copy of a sent message for another client carries the id of the sender inside', async (t) => {
  const there = await stage(t, { modules: ['carbons'] });
  const other = await there.server.client(`${ROMEO}/other`);
  other.send(`<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>`);
  await other.next();
  await becomeAvailable(other);
  there.romeo.send(`<message type='chat' to='${BALCONY}'>${BODY}</message>`);
  const copy = await other.skipUntil(({ name }) => name === 'message');
  await done(there, there.romeo);
  const inside = copy
    .getChild('sent', 'urn:xmpp:carbons:2')
    ?.getChild('forwarded', 'urn:xmpp:forward:0')
    ?.getChild('message', 'jabber:client');
  assert.deepEqual(inside && idsBy(inside, ROMEO), [(await rowsOf(there, ROMEO))[0]?.id]);
});

test("S5: the origin-id and others' stanza-id stay", async (t) => {
  const there = await stage(t);
  const stays = `<origin-id xmlns='${SID}' id='o'/>${id('room@rooms.lit', 'r')}${id(BALCONY, 'full')}${id('', 'none')}`;
  there.romeo.send(`<message type='chat' id='m' to='${BALCONY}'>${BODY}${stays}</message>`);
  await there.juliet.receives(`
    <message type='chat' id='m' from='${ORCHARD}' to='${BALCONY}'>
      ${BODY}${stays}${id(JULIET, '{any}')}
    </message>`);
});

test('S7: an account says that it archives, and that it follows the rules of ids', async (t) => {
  const there = await stage(t);
  there.juliet.send(
    `<iq type='get' id='d' to='${JULIET}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`,
  );
  const info = (await there.juliet.next()).getChild('query', 'http://jabber.org/protocol/disco#info');
  const features = info?.getChildren('feature').map(({ attrs }) => attrs.var);
  assert.ok(features?.includes(SID));
});
