// Stanzas from a blocked address: B1 to B7, and B14.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseElement } from '../../../src/xml/copy.ts';
import { becomeAvailable, requestRoster, setRoster, settled } from '../../support/contacts.ts';
import { startServer } from '../../support/server.ts';
import {
  arrives,
  BALCONY,
  block,
  configWith,
  departures,
  enters,
  friends,
  hasCode,
  JULIET,
  MODULES,
  NURSE,
  ORCHARD,
  ROMEO,
  ROOM,
  scene,
  TYBALT,
  takeAll,
  unavailable,
  unblock,
} from './scene.ts';

const USER = `xmlns='http://jabber.org/protocol/muc#user'`;
const PING = `<ping xmlns='urn:xmpp:ping'/>`;

for (const type of [
  '',
  'unavailable',
  'probe',
  'subscribe',
  'subscribed',
  'unsubscribe',
  'unsubscribed',
  'error',
]) {
  test(`B1: presence of type "${type}" from a blocked JID is dropped, no answer`, async (t) => {
    const { server, juliet } = await scene(t);
    await setRoster(server, JULIET, { [TYBALT]: 'both' });
    const sent = departures(server);
    await becomeAvailable(juliet);
    await requestRoster(juliet);
    await block(juliet, TYBALT);
    await settled(juliet);
    sent.length = 0;
    for (const to of [JULIET, BALCONY, `${JULIET}/nowhere`])
      arrives(server, `<presence ${type && `type='${type}'`} from='${TYBALT}/street' to='${to}'/>`);
    await settled(juliet);
    assert.deepEqual(sent, []);
  });
}

for (const type of ['chat', 'normal', '', 'unknown']) {
  for (const place of ['online', 'offline'] as const) {
    test(`B2: a message of type "${type}" is refused with service-unavailable, ${place}: else it shows who is online`, async (t) => {
      const { juliet, romeo } = await scene(t);
      if (place === 'online') await becomeAvailable(juliet);
      await block(juliet, ROMEO);
      for (const to of [JULIET, BALCONY, `${JULIET}/nowhere`]) {
        romeo.send(`<message id='m' ${type && `type='${type}'`} to='${to}'><body>O!</body></message>`);
        await romeo.receives(unavailable('message', 'm', to, ORCHARD));
      }
      await settled(juliet);
    });
  }
}

test('B2: with `bounce_blocked_messages = false` the message is dropped', async (t) => {
  const { juliet, romeo } = await scene(t, 'bounce_blocked_messages = false');
  await block(juliet, ROMEO);
  romeo.send(`<message id='m' type='chat' to='${JULIET}'><body>O!</body></message>`);
  await settled(romeo);
  await becomeAvailable(juliet);
  await settled(juliet);
});

test('B3: a message from a room’s occupant is dropped: a room kicks who answers so', async (t) => {
  const { server, juliet, romeo } = await scene(t);
  const nurse = await server.client(`${NURSE}/garden`);
  await enters(romeo, 'Romeo');
  await enters(nurse, 'Nurse');
  await enters(juliet, 'Juliet');
  for (const client of [juliet, nurse, romeo]) await takeAll(client);
  await block(juliet, `${ROOM}/Romeo`);
  romeo.send(`<message type='chat' to='${ROOM}/Juliet'><body>Psst</body><x ${USER}/></message>`);
  romeo.send(`<message type='chat' to='${ROOM}/Juliet'><body>Psst</body></message>`);
  nurse.send(`<message type='chat' to='${ROOM}/Juliet'><body>Madam!</body><x ${USER}/></message>`);
  const whisper = await juliet.next();
  assert.deepEqual([whisper.attrs.from, whisper.getChildText('body')], [`${ROOM}/Nurse`, 'Madam!']);
  await settled(romeo, nurse, juliet);
});

test('B3: without the mark it is dropped if a client is in that room', async (t) => {
  const { server, juliet } = await scene(t);
  const nurse = await server.client(`${NURSE}/garden`);
  await enters(nurse, 'Nurse');
  await enters(juliet, 'Juliet');
  for (const client of [juliet, nurse]) await takeAll(client);
  await block(juliet, `${ROOM}/Nurse`);
  server.server.router.route(
    parseElement(`<message type='chat' from='${ROOM}/Nurse' to='${BALCONY}'><body>Psst</body></message>`),
    { kind: 'host', domain: 'rooms.montague.lit' },
  );
  await settled(nurse, juliet);
});

test('B3: marked by `muc#user` it is dropped also if the room is not tracked', async (t) => {
  const server = await startServer(t, {
    config: configWith(
      '',
      MODULES.filter((name) => name !== 'track_muc_joins'),
    ),
  });
  const [juliet, romeo] = [await server.client(BALCONY), await server.client(ORCHARD)];
  await block(juliet, ROMEO);
  romeo.send(`<message type='chat' to='${BALCONY}'><body>Psst</body><x ${USER}/></message>`);
  await settled(romeo, juliet);
  romeo.send(`<message id='m' type='chat' to='${BALCONY}'><body>Psst</body></message>`);
  await romeo.receives(unavailable('message', 'm', BALCONY, ORCHARD));
});

for (const type of ['groupchat', 'headline', 'error']) {
  test(`B4: a message of type "${type}" is dropped: an error kicks the user`, async (t) => {
    const { juliet, romeo } = await scene(t);
    await becomeAvailable(juliet);
    await block(juliet, ROMEO);
    for (const to of [JULIET, BALCONY])
      romeo.send(`<message type='${type}' to='${to}'><body>O!</body></message>`);
    await settled(romeo, juliet);
  });
}

test('B5, B6: an iq get or set is refused with service-unavailable, a result or error dropped', async (t) => {
  const { juliet, romeo } = await scene(t);
  await block(juliet, ROMEO);
  for (const to of [JULIET, BALCONY, `${JULIET}/nowhere`]) {
    for (const type of ['get', 'set']) {
      romeo.send(`<iq id='i' type='${type}' to='${to}'>${PING}</iq>`);
      await romeo.receives(unavailable('iq', 'i', to, ORCHARD));
    }
    for (const type of ['result', 'error']) romeo.send(`<iq id='i' type='${type}' to='${to}'/>`);
  }
  await settled(romeo, juliet);
});

test('B7: a mediated invite by a blocked inviter is dropped', async (t) => {
  const { server, juliet, romeo } = await scene(t);
  const nurse = await server.client(`${NURSE}/garden`);
  await becomeAvailable(juliet);
  await enters(romeo, 'Romeo');
  await enters(nurse, 'Nurse');
  await takeAll(romeo);
  await block(juliet, ROMEO);
  const invitation = `<message to='${ROOM}'><x ${USER}><invite to='${JULIET}'/></x></message>`;
  romeo.send(invitation);
  await settled(romeo, juliet);
  nurse.send(invitation);
  await juliet.skipUntil(({ name, attrs }) => name === 'message' && attrs.from === ROOM);
  await unblock(juliet, ROMEO);
});

test('B14: presence about the client itself from a blocked room passes, so the join stays true', async (t) => {
  const { server, juliet, romeo } = await scene(t);
  await enters(romeo, 'Romeo');
  await enters(juliet, 'Juliet');
  await takeAll(romeo);
  await block(juliet, ROOM);
  const left = await juliet.next();
  assert.deepEqual([left.attrs.from, left.attrs.type], [`${ROOM}/Juliet`, 'unavailable']);
  assert.ok(hasCode(left, '110'), `${left}`);
  romeo.send(`<presence to='${ROOM}/Romeo'><show>away</show></presence>`);
  romeo.send(`<message type='groupchat' to='${ROOM}'><body>Gone?</body></message>`);
  await takeAll(romeo);
  await settled(juliet);
  const { rows } = await server.server.commands.run('joins', { who: JULIET }, { by: 'test' });
  assert.deepEqual(rows, []);
});

test('B14: the status 110 opens no door to a blocked user who is no room', async (t) => {
  const { juliet, romeo } = await friends(t);
  await block(juliet, ROMEO);
  await romeo.next();
  romeo.send(
    `<presence to='${BALCONY}'><x ${USER}><status code='110'/></x><status>Look!</status></presence>`,
  );
  await settled(romeo, juliet);
});

test('an error that our own server makes for a stanza of the user reaches the user', async (t) => {
  const { juliet } = await scene(t);
  await block(juliet, 'nobody@nowhere.lit');
  juliet.send(`<presence type='unavailable' id='p' to='nobody@nowhere.lit'/>`);
  const error = await juliet.next();
  assert.deepEqual(
    [error.name, error.attrs.type, error.attrs.from, error.attrs.id],
    ['presence', 'error', 'nobody@nowhere.lit', 'p'],
  );
});
