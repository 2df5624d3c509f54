// The faults of the fake rooms.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { floodHistory, floodPeople, restart } from './faults.ts';
import { ALICE, BOB, HALL, lines, ROMEO, scene } from './scene.ts';

describe('the fake room service: faults', () => {
  test('a restart keeps everything, the rooms, or nothing', async (t) => {
    const { alice, room, service } = await scene(t, { archive: 'works', occupantIds: true });
    alice.join(HALL, 'Alice');
    alice.say(HALL, 'hello');
    const id = room.occupants.named('Alice')?.id;
    restart(service, { keeps: 'all' });
    assert.ok(room.occupants.of(ALICE));
    restart(service, { keeps: 'rooms', renewsOccupantIds: true });
    assert.equal(service.rooms.get(HALL), room);
    assert.deepEqual([room.occupants.clients, room.history.length, room.archive.messages.length], [0, 0, 1]);
    alice.join(HALL, 'Alice');
    assert.notEqual(room.occupants.named('Alice')?.id, id);
    restart(service, { keeps: 'nothing' });
    assert.equal(service.rooms.size, 0);
  });

  test('over the link, both ways; what is lost on it removes the client (§18.1.2)', async (t) => {
    const { alice, h, room, service } = await scene(t);
    alice.join(HALL, 'Alice');
    const romeo = h.client(ROMEO);
    romeo.joins(`${HALL}/Romeo`);
    h.clock.seconds(1);
    assert.deepEqual(lines(romeo.heard()), [
      'presence Alice',
      'presence Romeo 110',
      'message room subject ""',
    ]);
    alice.say(HALL, 'hello');
    h.clock.seconds(1);
    assert.deepEqual(lines(romeo.heard()), ['message Alice hello']);
    service.peer.openOut();
    service.peer.reachable = false;
    service.peer.cut();
    h.clock.seconds(1);
    assert.ok(room.occupants.of(ROMEO), 'nobody has spoken yet');
    alice.heard();
    alice.say(HALL, 'where are you?');
    h.clock.seconds(1);
    assert.equal(room.occupants.of(ROMEO), undefined);
    assert.deepEqual(lines(alice.heard()), [
      'message Alice where are you?',
      'presence Romeo unavailable 333',
    ]);
  });

  test('what is held arrives in order, or not at all', async (t) => {
    const { alice, h, room, service } = await scene(t);
    alice.join(HALL, 'Alice');
    const romeo = h.client(ROMEO);
    romeo.joins(`${HALL}/Romeo`);
    h.clock.seconds(1);
    romeo.heard();
    service.hold();
    alice.say(HALL, 'one');
    romeo.says(`<message type='groupchat' to='${HALL}'><body>two</body></message>`);
    h.clock.seconds(20);
    assert.deepEqual(romeo.heard(), []);
    service.release();
    h.clock.seconds(1);
    assert.deepEqual(lines(romeo.heard()), ['message Alice one', 'message Romeo two']);
    service.hold();
    alice.say(HALL, 'three');
    service.release(true);
    assert.equal(room.occupants.of(ROMEO), undefined);
  });

  test('floods: people who are not there, and history without end', async (t) => {
    const { bob, room } = await scene(t);
    bob.join(HALL, 'Bob');
    bob.heard();
    floodPeople(room, BOB, 500);
    floodHistory(room, BOB, 500);
    assert.equal(bob.heard().length, 1_000);
    assert.equal(bob.view(HALL).people.size, 501);
  });
});
