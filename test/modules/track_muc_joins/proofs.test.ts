// Stanzas that prove that a client is in a room, and the command `joins`.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeRooms, presence } from '../../support/fake-rooms.ts';
import { joined, PHONE, ROMEO, ROOM, stage } from './stage.ts';

describe('stanzas that prove that a room has this client', () => {
  const proofs: [what: string, xml: string, counts: boolean][] = [
    [
      'a groupchat message',
      `<message type='groupchat' from='${ROOM}/Juliet' to='${ROMEO}'><body>a</body></message>`,
      true,
    ],
    [
      'a groupchat message from the room itself',
      `<message type='groupchat' from='${ROOM}' to='${ROMEO}'><body>a</body></message>`,
      true,
    ],
    [
      'presence of another occupant',
      `<presence from='${ROOM}/Juliet' to='${ROMEO}'><x xmlns='http://jabber.org/protocol/muc#user'/></presence>`,
      true,
    ],
    [
      'the leave of another occupant',
      `<presence type='unavailable' from='${ROOM}/Juliet' to='${ROMEO}'><x xmlns='http://jabber.org/protocol/muc#user'/></presence>`,
      true,
    ],
    [
      'a private message',
      `<message type='chat' from='${ROOM}/Juliet' to='${ROMEO}'><body>a</body><x xmlns='http://jabber.org/protocol/muc#user'/></message>`,
      true,
    ],
    [
      'an error',
      `<message type='error' from='${ROOM}' to='${ROMEO}'><error type='cancel'/></message>`,
      false,
    ],
    [
      'an invitation (§7.8)',
      `<message from='${ROOM}' to='${ROMEO}'><x xmlns='http://jabber.org/protocol/muc#user'><invite/></x></message>`,
      false,
    ],
    [
      'the presence of the room itself',
      `<presence from='${ROOM}' to='${ROMEO}'><x xmlns='http://jabber.org/protocol/muc#user'/></presence>`,
      false,
    ],
    [
      'a message to the account',
      `<message type='groupchat' from='${ROOM}/Juliet' to='romeo@montague.lit'><body>a</body></message>`,
      false,
    ],
    [
      'a notice of activity in a room that the client has left (XEP-0437)',
      `<message from='rooms.capulet.lit' to='${ROMEO}'><rai xmlns='urn:xmpp:rai:0'><activity>${ROOM}</activity></rai></message>`,
      false,
    ],
    [
      'a message from the archive of the room (XEP-0313)',
      `<message from='${ROOM}' to='${ROMEO}'><result xmlns='urn:xmpp:mam:2' id='1'><forwarded xmlns='urn:xmpp:forward:0'>
         <message xmlns='jabber:client' type='groupchat' from='${ROOM}/Juliet'><body>a</body></message></forwarded></result></message>`,
      false,
    ],
    [
      'an event for subscribers of the room, who need not be occupants',
      `<message from='${ROOM}' to='${ROMEO}'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='urn:xmpp:mucsub:nodes:messages'/></event></message>`,
      false,
    ],
    [
      'a request for voice (§8.6)',
      `<message from='${ROOM}' to='${ROMEO}'><x xmlns='jabber:x:data' type='form'/></message>`,
      false,
    ],
    [
      'presence of a MIX channel (XEP-0403)',
      `<presence from='${ROOM}/Juliet' to='${ROMEO}'><mix xmlns='urn:xmpp:presence:0'/></presence>`,
      false,
    ],
    ['an iq', `<iq type='result' id='x' from='${ROOM}' to='${ROMEO}'/>`, false],
    [
      'a message to another client',
      `<message type='groupchat' from='${ROOM}/Juliet' to='${PHONE}'><body>a</body></message>`,
      false,
    ],
  ];
  for (const [what, xml, counts] of proofs) {
    test(`${what}: ${counts ? 'yes' : 'no'}`, async (t) => {
      const { h, rooms, romeo } = await joined(t);
      h.client(PHONE);
      const before = romeo.state.mucJoins!.get(ROOM)!.provenAt;
      h.clock.seconds(10);
      rooms.peer.says(xml);
      h.clock.seconds(1);
      const { provenAt } = romeo.state.mucJoins!.get(ROOM)!;
      assert.equal(provenAt > before, counts);
    });
  }
});

describe('stanzas that prove it after a link broke', () => {
  const hello = `<message type='groupchat' from='${ROOM}/Juliet' to='${ROMEO}'><body>a</body></message>`;

  test('a stanza on an older stream proves nothing for two seconds, because it may precede the break', async (t) => {
    const { h, rooms, romeo } = await joined(t);
    h.clock.seconds(10);
    rooms.peer.openOut();
    rooms.peer.closeOut('reset');
    const brokenAt = h.clock.elapsed();
    rooms.peer.says(hello);
    h.clock.seconds(1);
    assert.ok(romeo.state.mucJoins!.get(ROOM)!.provenAt < brokenAt);
    h.clock.seconds(1);
    rooms.peer.says(hello);
    h.clock.seconds(1);
    assert.ok(romeo.state.mucJoins!.get(ROOM)!.provenAt > brokenAt);
  });

  test('a stanza on a newer stream does', async (t) => {
    const { h, rooms, romeo } = await joined(t);
    h.clock.seconds(10);
    rooms.peer.cut('reset');
    const brokenAt = h.clock.elapsed();
    h.clock.advance(100);
    rooms.peer.openIn();
    rooms.peer.says(hello);
    h.clock.advance(100);
    assert.ok(romeo.state.mucJoins!.get(ROOM)!.provenAt > brokenAt);
  });
});

test('XEP-0198: a sleeping client keeps its joins', async (t) => {
  const { romeo, joins } = await joined(t);
  const join = romeo.state.mucJoins!.get(ROOM);
  romeo.sleep();
  assert.deepEqual(await joins(), ['Romeo joined']);
  romeo.resume();
  assert.equal(romeo.state.mucJoins!.get(ROOM), join);
  assert.equal(join?.epoch, 1);
});

test('a link is needed while a client is in a room of its domain', async (t) => {
  const { h, rooms, romeo, sends } = await joined(t);
  const isNeeded = (remote: string) => h.host.hooks.fire('link-needed', { remote });
  assert.equal(isNeeded(rooms.domain), 'needed');
  assert.equal(isNeeded('capulet.lit'), undefined);
  romeo.says(`<presence type='unavailable' to='${ROOM}/Romeo'/>`);
  sends(`${ROOM}/Romeo`, ['110'], { type: 'unavailable' });
  assert.equal(isNeeded(rooms.domain), undefined);
});

test('`enjamb joins` lists all joins, or those of a user, client, room or domain', async (t) => {
  const { h, rooms, romeo, joins } = await stage(t);
  const other = h.client('juliet@montague.lit/balcony');
  romeo.joins(`${ROOM}/Romeo`);
  other.joins('garden@rooms.verona.lit/Juliet');
  new FakeRooms(h, 'rooms.verona.lit').peer.says(
    presence('garden@rooms.verona.lit/Juliet', `${other.jid}`, ['110']),
  );
  h.clock.seconds(1);
  assert.equal((await joins()).length, 2);
  for (const who of ['romeo@montague.lit', ROMEO, ROOM, rooms.domain, 'Rooms.Capulet.lit']) {
    assert.deepEqual(await joins(who), ['Romeo joined'], who);
  }
  assert.deepEqual(await joins('nobody@montague.lit'), []);
});

test('tracks at most 5,000 joins of a session', async (t) => {
  const { rooms, romeo, joins } = await stage(t, 'presence_max_directed = 10_000');
  rooms.peer.onStanza = () => {};
  for (let i = 0; i < 5_010; i++) romeo.joins(`room${i}@rooms.capulet.lit/Romeo`);
  assert.equal((await joins()).length, 5_000);
  assert.equal(romeo.state.mucJoins?.size, 5_000);
});

test('tracks at most 10,000 joins of an account; leaving makes space', async (t) => {
  const { h, rooms, joins } = await stage(t, 'presence_max_directed = 10_000');
  rooms.peer.onStanza = () => {};
  const [phone, tablet, laptop] = ['phone', 'tablet', 'laptop'].map((name) =>
    h.client(`juliet@montague.lit/${name}`),
  );
  for (let i = 0; i < 5_000; i++) phone!.joins(`room${i}@rooms.capulet.lit/Juliet`);
  for (let i = 0; i < 5_000; i++) tablet!.joins(`room${i}@rooms.capulet.lit/Juliet`);
  laptop!.joins(`one@rooms.capulet.lit/Juliet`);
  assert.equal((await joins()).length, 10_000);
  tablet!.close();
  laptop!.joins(`two@rooms.capulet.lit/Juliet`);
  assert.equal(laptop!.state.mucJoins?.size, 1);
});
