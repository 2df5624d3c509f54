// Leaves, kicks, bans and other ends of joins.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { presence } from '../../support/fake-rooms.ts';
import { joined, PHONE, ROMEO, ROOM, silentStage, stage } from './stage.ts';

describe('XEP-0045 §7.14, §8.2, §9.1, §10.9, §11: leaving', () => {
  for (const codes of [
    ['110'],
    ['110', '301'],
    ['110', '307'],
    ['110', '307', '333'],
    ['110', '321'],
    ['110', '332'],
  ]) {
    test(`unavailable presence with ${codes.join('+')} removes the join`, async (t) => {
      const { joins, sends } = await joined(t);
      sends(`${ROOM}/Romeo`, codes, { type: 'unavailable' });
      assert.deepEqual(await joins(), []);
    });
  }

  test('the destruction of the room removes the join', async (t) => {
    const { rooms, joins, h } = await joined(t);
    rooms.peer.says(
      `<presence type='unavailable' from='${ROOM}/Romeo' to='${ROMEO}'>
         <x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='none'/><destroy/></x></presence>`,
    );
    h.clock.seconds(1);
    assert.deepEqual(await joins(), []);
  });

  test('unavailable presence of the own nick without 110 keeps the join: another client of the nick has left', async (t) => {
    const { joins, sends } = await joined(t);
    sends(`${ROOM}/Romeo`, [], { type: 'unavailable' });
    assert.deepEqual(await joins(), ['Romeo joined']);
  });

  test('two clients with one nick have a join each', async (t) => {
    const { h, rooms, romeo, joins } = await stage(t);
    const phone = h.client(PHONE);
    romeo.joins(`${ROOM}/Romeo`);
    phone.joins(`${ROOM}/Romeo`);
    h.clock.seconds(1);
    assert.deepEqual(await joins(), ['Romeo joined', 'Romeo joined']);
    rooms.peer.says(presence(`${ROOM}/Romeo`, ROMEO, ['110'], { type: 'unavailable' }));
    h.clock.seconds(1);
    assert.deepEqual(await joins(ROMEO), []);
    assert.deepEqual(await joins(PHONE), ['Romeo joined']);
  });

  for (const to of [`${ROOM}/Romeo`, ROOM]) {
    test(`the client leaves by presence to ${to}: the join is leaving until the room confirms`, async (t) => {
      const { romeo, joins, sends } = await joined(t);
      romeo.says(`<presence type='unavailable' to='${to}'/>`);
      assert.deepEqual(await joins(), ['Romeo leaving']);
      sends(`${ROOM}/Romeo`, ['110'], { type: 'unavailable' });
      assert.deepEqual(await joins(), []);
    });
  }

  test('a room ignores a leave to its bare JID: the join is leaving until the client joins again', async (t) => {
    const { h, rooms, romeo, joins } = await joined(t);
    romeo.says(`<presence type='unavailable' to='${ROOM}'/>`);
    rooms.peer.says(
      `<message type='groupchat' from='${ROOM}/Juliet' to='${ROMEO}'><body>Romeo?</body></message>`,
    );
    h.clock.seconds(1);
    assert.deepEqual(await joins(), ['Romeo leaving']);
    romeo.joins(`${ROOM}/Romeo`);
    rooms.peer.says(presence(`${ROOM}/Romeo`, ROMEO, ['110']));
    h.clock.seconds(1);
    assert.deepEqual(await joins(), ['Romeo joined']);
  });

  test('available presence after a leave does not restore the join', async (t) => {
    const { romeo, joins, sends } = await joined(t);
    romeo.says(`<presence type='unavailable' to='${ROOM}/Romeo'/>`);
    sends(`${ROOM}/Romeo`, ['110']);
    assert.deepEqual(await joins(), ['Romeo leaving']);
  });

  test('the client leaves before the room answers its join: the answer changes nothing', async (t) => {
    const { romeo, joins, sends } = await silentStage(t);
    romeo.joins(`${ROOM}/Romeo`);
    romeo.says(`<presence type='unavailable' to='${ROOM}/Romeo'/>`);
    sends(`${ROOM}/Romeo`, ['110']);
    assert.deepEqual(await joins(), ['Romeo leaving']);
    sends(`${ROOM}/Romeo`, ['110'], { type: 'unavailable' });
    assert.deepEqual(await joins(), []);
  });

  test('the client leaves and joins again immediately: the confirmation of the leave does not remove the new join', async (t) => {
    const { h, rooms, romeo, joins } = await stage(t);
    romeo.joins(`${ROOM}/Romeo`);
    h.clock.seconds(1);
    romeo.says(`<presence type='unavailable' to='${ROOM}/Romeo'/>`);
    romeo.joins(`${ROOM}/Romeo`);
    h.clock.seconds(1);
    assert.deepEqual(await joins(), ['Romeo joined']);
    assert.equal(rooms.rooms.get(ROOM)?.get(ROMEO), 'Romeo');
  });

  test('an undeliverable leave removes the join, and is sent again when the domain is reachable', async (t) => {
    const { h, rooms, romeo, joins } = await stage(t);
    romeo.joins(`${ROOM}/Romeo`);
    h.clock.seconds(1);
    rooms.peer.reachable = false;
    rooms.peer.cut();
    romeo.says(`<presence type='unavailable' to='${ROOM}/Romeo'/>`);
    assert.deepEqual(await joins(), ['Romeo leaving']);
    h.clock.seconds(1);
    assert.deepEqual(await joins(), []);
    h.clock.seconds(3_600);
    rooms.peer.reachable = true;
    rooms.peer.openOut();
    h.clock.seconds(1);
    assert.equal(rooms.leaves.length, 1);
    assert.equal(rooms.rooms.get(ROOM)?.size, 0);
    rooms.peer.cut('clean');
    rooms.peer.openOut();
    h.clock.seconds(1);
    assert.equal(rooms.leaves.length, 1, 'the leave is sent once');
  });

  test('a room that confirms nothing gets an owed leave once, not each time a link opens', async (t) => {
    const { h, rooms, romeo } = await joined(t);
    rooms.peer.reachable = false;
    rooms.peer.cut();
    romeo.says(`<presence type='unavailable' to='${ROOM}/Romeo'/>`);
    h.clock.seconds(10);
    rooms.peer.reachable = true;
    for (let i = 0; i < 5; i++) {
      rooms.peer.openOut();
      h.clock.seconds(10);
      rooms.peer.cut('clean');
    }
    assert.equal(rooms.leaves.length, 1);
  });

  test('if a second join is undeliverable, the room gets a leave when it is reachable', async (t) => {
    const { h, rooms, romeo, joins } = await stage(t);
    romeo.joins(`${ROOM}/Romeo`);
    h.clock.seconds(1);
    rooms.peer.reachable = false;
    rooms.peer.cut();
    romeo.joins(`${ROOM}/Romeo`);
    h.clock.seconds(10);
    assert.deepEqual(await joins(), []);
    rooms.peer.reachable = true;
    rooms.peer.openIn();
    h.clock.seconds(1);
    assert.equal(rooms.rooms.get(ROOM)?.size, 0);
  });

  test('a leave is sent again if its stream breaks', async (t) => {
    const { h, rooms, romeo, joins } = await stage(t);
    romeo.joins(`${ROOM}/Romeo`);
    h.clock.seconds(1);
    rooms.peer.deaf = true;
    romeo.says(`<presence type='unavailable' to='${ROOM}/Romeo'/>`);
    h.clock.seconds(60);
    assert.deepEqual(await joins(), ['Romeo leaving']);
    rooms.peer.deaf = false;
    rooms.peer.cut('reset');
    assert.deepEqual(await joins(), []);
    rooms.peer.openIn();
    h.clock.seconds(1);
    assert.equal(rooms.rooms.get(ROOM)?.size, 0);
  });

  test('an owed leave is dropped when the client joins again', async (t) => {
    const { h, rooms, romeo, joins } = await stage(t);
    romeo.joins(`${ROOM}/Romeo`);
    h.clock.seconds(1);
    rooms.peer.reachable = false;
    romeo.says(`<presence type='unavailable' to='${ROOM}/Romeo'/>`);
    h.clock.seconds(1);
    rooms.peer.reachable = true;
    romeo.joins(`${ROOM}/Romeo`);
    h.clock.seconds(60);
    assert.equal(rooms.leaves.length, 0);
    assert.deepEqual(await joins(), ['Romeo joined']);
  });

  test('an unconfirmed leave removes the join after ten minutes', async (t) => {
    const { h, romeo, joins } = await joined(t);
    romeo.says(`<presence type='unavailable' to='${ROOM}/Romeo'/>`);
    h.clock.seconds(590);
    assert.deepEqual(await joins(), ['Romeo leaving']);
    h.clock.seconds(130);
    assert.deepEqual(await joins(), []);
  });
});

describe('RFC 6121 §4.5: going offline', () => {
  test('unavailable presence to all sends one leave to each room', async (t) => {
    const { h, rooms, romeo, joins } = await stage(t);
    romeo.says('<presence/>');
    for (const room of ['hall', 'garden']) romeo.joins(`${room}@rooms.capulet.lit/Romeo`);
    h.clock.seconds(1);
    romeo.says(`<presence type='unavailable'><status>good night</status></presence>`);
    h.clock.seconds(1);
    assert.deepEqual(await joins(), []);
    assert.deepEqual(
      rooms.leaves.map(({ attrs }) => attrs.to),
      ['hall@rooms.capulet.lit/Romeo', 'garden@rooms.capulet.lit/Romeo'],
    );
    assert.equal(rooms.leaves[0]?.getChildText('status'), 'good night');
  });

  test('a session that ends sends one leave to each room', async (t) => {
    const { h, rooms, romeo, joins } = await stage(t);
    for (const room of ['hall', 'garden']) romeo.joins(`${room}@rooms.capulet.lit/Romeo`);
    h.clock.seconds(1);
    romeo.close();
    assert.deepEqual(await joins(), []);
    h.clock.seconds(1);
    assert.equal(rooms.leaves.length, 2);
    assert.equal(rooms.rooms.get(ROOM)?.size, 0);
  });

  test('§4.6.3: a session that ends also leaves a room in its roster, whose occupant JID gets no broadcast', async (t) => {
    const { h, rooms, romeo } = await stage(t);
    rooms.peer.onStanza = ((take) => (stanza) => {
      if (stanza.attrs.to !== ROOM) take(stanza);
    })(rooms.peer.onStanza);
    romeo.says('<presence/>');
    rooms.peer.says(`<presence type='subscribe' from='${ROOM}' to='romeo@montague.lit'/>`);
    h.clock.seconds(1);
    romeo.says(`<presence type='subscribed' to='${ROOM}'/>`);
    await h.server.router.work.idle();
    romeo.joins(`${ROOM}/Romeo`);
    h.clock.seconds(1);
    romeo.close();
    h.clock.seconds(1);
    assert.equal(rooms.rooms.get(ROOM)?.size, 0);
  });

  test('an undeliverable leave of a session that has ended is sent again', async (t) => {
    const { h, rooms, romeo } = await stage(t);
    romeo.joins(`${ROOM}/Romeo`);
    h.clock.seconds(1);
    rooms.peer.reachable = false;
    rooms.peer.cut();
    romeo.close();
    h.clock.seconds(3_600);
    rooms.peer.reachable = true;
    rooms.peer.openIn();
    h.clock.seconds(1);
    assert.equal(rooms.rooms.get(ROOM)?.size, 0);
  });

  test('a new session with the same full JID does not have the joins of the former one', async (t) => {
    const { h, romeo, rooms, joins } = await stage(t);
    romeo.joins(`${ROOM}/Romeo`);
    h.clock.seconds(1);
    romeo.close();
    const successor = h.client(ROMEO);
    h.clock.seconds(1);
    assert.deepEqual(await joins(), []);
    successor.joins(`${ROOM}/Romeo`);
    h.clock.seconds(1);
    assert.deepEqual(await joins(), ['Romeo joined']);
    assert.equal(rooms.rooms.get(ROOM)?.get(ROMEO), 'Romeo');
  });
});
