// Stanzas to a blocked address: B8, B9, B11.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { becomeAvailable, requestRoster, setRoster, settled } from '../../support/contacts.ts';
import {
  BALCONY,
  block,
  blocked,
  CHAMBER,
  departures,
  friends,
  JULIET,
  MODULES,
  ORCHARD,
  ROMEO,
  ROOM,
  scene,
  TYBALT,
  takeAll,
  unblock,
} from './scene.ts';

const PING = `<ping xmlns='urn:xmpp:ping'/>`;

for (const [what, kind, attributes, content] of [
  ['message', 'message', `type='chat'`, `<body>O!</body>`],
  ['message of a room', 'message', `type='groupchat'`, `<body>O!</body>`],
  ['directed presence', 'presence', '', ''],
  ['join', 'presence', '', `<x xmlns='http://jabber.org/protocol/muc'/>`],
  ['probe', 'presence', `type='probe'`, ''],
  ['subscription request', 'presence', `type='subscribe'`, ''],
  ['approval', 'presence', `type='subscribed'`, ''],
  ['end of a subscription', 'presence', `type='unsubscribe'`, ''],
  ['refusal', 'presence', `type='unsubscribed'`, ''],
  ['iq get', 'iq', `type='get'`, PING],
  ['iq set', 'iq', `type='set'`, PING],
] as const) {
  test(`B8: a ${what} to a blocked JID is not-acceptable with <blocked/>`, async (t) => {
    const { server, juliet } = await scene(t);
    await setRoster(server, JULIET, { [TYBALT]: 'both' });
    const sent = departures(server);
    await requestRoster(juliet);
    await block(juliet, 'verona.lit');
    for (const to of [TYBALT, `${TYBALT}/street`, 'verona.lit', 'verona.lit/x', 'Tybalt@VERONA.lit']) {
      juliet.send(`<${kind} id='x' to='${to}' ${attributes}>${content}</${kind}>`);
      await juliet.receives(blocked(kind, 'x', to, BALCONY));
    }
    await settled(juliet);
    assert.deepEqual(sent, []);
  });
}

for (const [what, stanza] of [
  ['iq result', `<iq type='result' id='x'/>`],
  ['iq error', `<iq type='error' id='x'/>`],
  ['message error', `<message type='error' id='x'/>`],
] as const) {
  test(`B9: an ${what} to a blocked JID is dropped`, async (t) => {
    const { server, juliet } = await scene(t);
    const sent = departures(server);
    await block(juliet, TYBALT);
    juliet.send(stanza.replace('/>', ` to='${TYBALT}/street'/>`));
    await settled(juliet);
    assert.deepEqual(sent, []);
  });
}

test('B8: the error reaches a client that has blocked a user of its own host, or of another host of this server', async (t) => {
  const { server, juliet, romeo } = await scene(t);
  const nurse = await server.client('nurse@capulet.lit/garden');
  await block(juliet, 'nurse@capulet.lit', ROMEO);
  for (const to of ['nurse@capulet.lit/garden', 'nurse@capulet.lit', ORCHARD, ROMEO]) {
    for (const kind of ['message', 'presence']) {
      juliet.send(`<${kind} id='x' to='${to}'/>`);
      await juliet.receives(blocked(kind, 'x', to, BALCONY));
    }
    juliet.send(`<iq type='get' id='x' to='${to}'>${PING}</iq>`);
    await juliet.receives(blocked('iq', 'x', to, BALCONY));
  }
  await settled(nurse, romeo, juliet);
});

test('carbons copy neither a refused message to a blocked JID nor one from it', async (t) => {
  const { server, juliet, romeo } = await scene(t, '', [...MODULES, 'carbons']);
  const chamber = await server.client(CHAMBER);
  for (const client of [juliet, chamber]) {
    client.send(`<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>`);
    await client.next();
    await becomeAvailable(client);
  }
  for (const client of [juliet, chamber]) await takeAll(client);
  await block(juliet, ROMEO);
  juliet.send(`<message id='x' type='chat' to='${ROMEO}'><body>O!</body></message>`);
  await juliet.receives(blocked('message', 'x', ROMEO, BALCONY));
  for (const to of [JULIET, BALCONY])
    for (const type of ['chat', 'error'])
      romeo.send(`<message id='m' type='${type}' to='${to}'><body>O!</body></message>`);
  await takeAll(romeo);
  await settled(juliet, chamber);
});

test('B11: directed `unavailable` to a blocked JID passes: both sides end it', async (t) => {
  const { server, juliet } = await scene(t);
  const sent = departures(server);
  await block(juliet, TYBALT);
  juliet.send(`<presence type='unavailable' id='x' to='${TYBALT}/street'/>`);
  await settled(juliet);
  assert.deepEqual(
    sent.map(({ attrs: { type, to } }) => [type, to]),
    [['unavailable', `${TYBALT}/street`]],
  );
});

test('B11: what the server says when a blocked contact is removed passes', async (t) => {
  const { juliet, romeo } = await friends(t);
  await requestRoster(romeo);
  await block(juliet, ROMEO);
  await takeAll(romeo);
  juliet.send(
    `<iq type='set' id='x'><query xmlns='jabber:iq:roster'><item jid='${ROMEO}' subscription='remove'/></query></iq>`,
  );
  await juliet.receives(`<iq type='result' id='x' from='${JULIET}' to='${BALCONY}'/>`);
  const told = await takeAll(romeo);
  assert.deepEqual(
    told.filter(({ name }) => name === 'presence').map(({ attrs: { type, from } }) => [type, from]),
    [
      ['unsubscribe', JULIET],
      ['unavailable', BALCONY],
      ['unsubscribed', JULIET],
    ],
  );
});

test('XEP-0191 §3.4: what was refused while blocked passes once unblocked', async (t) => {
  const { juliet, romeo } = await scene(t);
  await becomeAvailable(romeo);
  await block(juliet, ROMEO);
  await unblock(juliet, ROMEO);
  juliet.send(`<message type='chat' to='${ROMEO}'><body>Hi</body></message>`);
  await romeo.receives(`<message type='chat' from='${BALCONY}' to='${ROMEO}'><body>Hi</body></message>`);
  romeo.send(`<message type='chat' to='${BALCONY}'><body>Hi</body></message>`);
  await juliet.receives(`<message type='chat' from='${ORCHARD}' to='${BALCONY}'><body>Hi</body></message>`);
});

test('B8: a join of a blocked room is refused, and not tracked', async (t) => {
  const { server, juliet } = await scene(t);
  await block(juliet, 'rooms.montague.lit');
  juliet.send(`<presence id='j' to='${ROOM}/Juliet'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  await juliet.receives(blocked('presence', 'j', `${ROOM}/Juliet`, BALCONY));
  const { rows } = await server.server.commands.run('joins', {}, { by: 'test' });
  assert.deepEqual(rows, []);
});
