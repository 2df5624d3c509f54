// XEP-0280 §6.1: messages of rooms, and private messages between occupants.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ScriptedClient } from '../../support/client.ts';
import { settled } from '../../support/contacts.ts';
import { parseXml } from '../../support/match.ts';
import { BALCONY, CHAMBER, copy, drain, HALL, loginAll, ROMEO, type Scene, scene } from './scene.ts';

const ROOM = 'ball@rooms.capulet.lit';
const MARK = `<x xmlns='http://jabber.org/protocol/muc#user'/>`;
const OCCUPANT = `<occupant-id xmlns='urn:xmpp:occupant-id:0' id='{any}'/>`;
const body = '<body>Hi</body>';

async function enters(client: ScriptedClient, nick: string): Promise<void> {
  client.send(`<presence to='${ROOM}/${nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  await client.skipUntil(({ name, attrs, children }) => {
    return name === 'message' && attrs.type === 'groupchat' && `${children}`.includes('<subject');
  });
}

/** Romeo, and Juliet with three clients: two in the room by one nick, the third not in it, or by another nick. */
async function ball(t: Parameters<typeof scene>[0], third?: string): Promise<[Scene, ScriptedClient[]]> {
  const there = await scene(t, 'muc_room_locking = false');
  const clients = await loginAll(there, { [ROMEO]: {}, [BALCONY]: {}, [CHAMBER]: {}, [HALL]: {} });
  const [romeo, balcony, chamber, hall] = clients;
  await enters(romeo!, 'Romeo');
  await enters(balcony!, 'Juliet');
  await enters(chamber!, 'Juliet');
  if (third !== undefined) await enters(hall!, third);
  for (const client of clients) await drain(client);
  return [there, clients];
}

for (const mark of ['', MARK]) {
  for (const third of [undefined, 'Nurse']) {
    const how = third === undefined ? 'not in the room' : 'in it by another nick';
    test(`K2: a private message ${mark === '' ? 'without' : 'with'} a mark is copied, marked, to the clients with the nick of the sender; not to one ${how}`, async (t) => {
      const [, [romeo, balcony, chamber, hall]] = await ball(t, third);
      balcony!.send(`<message type='chat' id='p1' to='${ROOM}/Romeo'>${body}${mark}</message>`);
      const inner = `<message type='chat' id='p1' from='${BALCONY}' to='${ROOM}/Romeo'>${body}${MARK}</message>`;
      await chamber!.receives(copy('sent', CHAMBER, inner));
      await romeo!.skipUntil(({ attrs }) => attrs.type === 'chat');
      await settled(balcony!, chamber!, hall!, romeo!);
    });
  }
}

test('K2: a private message to the account is never copied: the room has sent it to each client', async (t) => {
  const [, [romeo, balcony, chamber, hall]] = await ball(t);
  romeo!.send(`<message type='chat' to='${ROOM}/Juliet'>${body}</message>`);
  for (const [client, jid] of [
    [balcony!, BALCONY],
    [chamber!, CHAMBER],
  ] as const) {
    await client.receives(
      `<message type='chat' from='${ROOM}/Romeo' to='${jid}'>${body}${MARK}${OCCUPANT}</message>`,
    );
  }
  await settled(balcony!, chamber!, hall!);
});

test('K2: a room that does not mark private messages is known by the joins of the client', async (t) => {
  const [there, [, balcony, chamber, hall]] = await ball(t);
  const { router } = there.test.server;
  const unmarked = `<message type='chat' from='${ROOM}/Romeo' to='${BALCONY}'>${body}</message>`;
  router.route(parseXml(unmarked), router.hosts.get('rooms.capulet.lit')!.origin);
  await balcony!.receives(unmarked);
  await settled(balcony!, chamber!, hall!);
});

test('K2: a contact whose message has the mark, but no resource, is no occupant', async (t) => {
  const there = await scene(t);
  const [balcony, chamber] = await loginAll(there, { [BALCONY]: {}, [CHAMBER]: {} });
  const { router } = there.test.server;
  const text = `<message type='chat' from='gateway@x.example' to='${BALCONY}'>${body}${MARK}</message>`;
  router.route(parseXml(text), router.hosts.get('capulet.lit')!.origin);
  await balcony!.receives(text);
  await chamber!.receives(copy('received', CHAMBER, text));
});

test('K2: a message with the mark to the account, not to one of its clients, is copied', async (t) => {
  const there = await scene(t);
  const [chamber] = await loginAll(there, { [CHAMBER]: { priority: -1 }, [BALCONY]: {} });
  const { router } = there.test.server;
  const text = `<message type='chat' from='x@x.example/y' to='juliet@capulet.lit'>${body}${MARK}</message>`;
  router.route(parseXml(text), router.hosts.get('capulet.lit')!.origin);
  await chamber!.receives(copy('received', CHAMBER, text));
});

test('K2: a client whose join the room has not answered gets no copies of private messages', async (t) => {
  const [there, [, balcony, chamber, hall]] = await ball(t);
  const { hooks } = there.test.server.router.hosts.get('rooms.capulet.lit')!;
  hooks.add('presence/full', () => 'handled', 'guard', 'test');
  hall!.send(`<presence to='${ROOM}/Juliet'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  await drain(hall!);
  balcony!.send(`<message type='chat' to='${ROOM}/Romeo'>${body}</message>`);
  await chamber!.skipUntil(({ attrs }) => attrs.type === 'chat');
  await settled(hall!);
});

test('XEP-0280 §6.1: messages to all occupants are not copied', async (t) => {
  const [, [romeo, balcony, chamber, hall]] = await ball(t);
  balcony!.send(`<message type='groupchat' id='g1' to='${ROOM}'>${body}</message>`);
  for (const client of [romeo!, balcony!, chamber!]) {
    const arrived = await client.next();
    assert.equal(arrived.attrs.type, 'groupchat');
  }
  await settled(romeo!, balcony!, chamber!, hall!);
});

test('XEP-0280 §6.1: mediated and direct invitations are copied, both the sent and the received ones', async (t) => {
  const [, [romeo, balcony, chamber, hall]] = await ball(t);
  const invite = (to: string) => `<x xmlns='http://jabber.org/protocol/muc#user'><invite to='${to}'/></x>`;
  balcony!.send(`<message id='i1' to='${ROOM}'>${invite('nurse@capulet.lit')}</message>`);
  const sent = `<message id='i1' from='${BALCONY}' to='${ROOM}'>${invite('nurse@capulet.lit')}</message>`;
  await chamber!.receives(copy('sent', CHAMBER, sent));
  await hall!.receives(copy('sent', HALL, sent));
  const direct = `<x xmlns='jabber:x:conference' jid='${ROOM}'/>`;
  romeo!.send(`<message id='i2' to='${HALL}'>${direct}</message>`);
  const received = `<message id='i2' from='${ROMEO}' to='${HALL}'>${direct}</message>`;
  await hall!.receives(received);
  await balcony!.receives(copy('received', BALCONY, received));
  await chamber!.receives(copy('received', CHAMBER, received));
  await settled(balcony!, chamber!, hall!);
});

test('XEP-0280 §6.1: the error for a private message is copied to the clients that have its copy', async (t) => {
  const [, [, balcony, chamber, hall]] = await ball(t);
  balcony!.send(`<message type='chat' id='p1' to='${ROOM}/Nobody'>${body}</message>`);
  assert.equal((await balcony!.next()).attrs.type, 'error');
  assert.ok((await chamber!.next()).getChild('sent', 'urn:xmpp:carbons:2'));
  const error = await chamber!.next();
  assert.equal(error.attrs.type, 'error');
  assert.ok(error.getChild('received', 'urn:xmpp:carbons:2'));
  await settled(balcony!, chamber!, hall!);
});

test('K2: without track_muc_joins the mark decides, and all other clients get the copy', async (t) => {
  const there = await scene(t);
  await there.test.server.commands.run('module unload', { name: 'track_muc_joins' }, { by: 'test' });
  const [balcony, chamber, romeo] = await loginAll(there, { [BALCONY]: {}, [CHAMBER]: {}, [ROMEO]: {} });
  balcony!.send(`<message type='chat' id='p1' to='${ROOM}/Romeo'>${body}${MARK}</message>`);
  const inner = `<message type='chat' id='p1' from='${BALCONY}' to='${ROOM}/Romeo'>${body}${MARK}</message>`;
  await chamber!.receives(copy('sent', CHAMBER, inner));
  romeo!.send(`<message type='chat' to='${BALCONY}'>${body}${MARK}</message>`);
  await balcony!.skipUntil(({ attrs }) => attrs.type === 'chat');
  await settled(romeo!);
  await chamber!.skipUntil(({ attrs }) => attrs.type === 'error'); // That of the room that does not exist.
  await settled(chamber!);
});
