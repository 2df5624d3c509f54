// What proves that a client is in a room, and what is known of all joins.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeRooms, presence } from '../../support/fake-rooms.ts';
import { joined, PHONE, ROMEO, ROOM, stage } from './stage.ts';

describe('What proves that a room has this very client', () => {
  const proofs: [what: string, xml: string, counts: boolean][] = [
    [
      'a groupchat message',
      `<message type='groupchat' from='${ROOM}/Juliet' to='${ROMEO}'><body>a</body></message>`,
      true,
    ],
    [
      'one from the room itself',
      `<message type='groupchat' from='${ROOM}' to='${ROMEO}'><body>a</body></message>`,
      true,
    ],
    [
      'somebody’s presence',
      `<presence from='${ROOM}/Juliet' to='${ROMEO}'><x xmlns='http://jabber.org/protocol/muc#user'/></presence>`,
      true,
    ],
    [
      'somebody’s leave',
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

test('`enjamb joins` lists all joins, or those of a user, a client, a room or a domain', async (t) => {
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

test('a session is in 5,000 rooms at most, as far as is remembered', async (t) => {
  const { rooms, romeo, joins } = await stage(t, 'presence_max_directed = 10_000');
  rooms.peer.onStanza = () => {};
  for (let i = 0; i < 5_010; i++) romeo.joins(`room${i}@rooms.capulet.lit/Romeo`);
  assert.equal((await joins()).length, 5_000);
  assert.equal(romeo.state.mucJoins?.size, 5_000);
});
