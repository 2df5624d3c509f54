// Everything that a room or a client can make grow, at its bound.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Founding, MAX_SERVICES } from '../../../modules/muc_autorejoin/founding/founding.ts';
import type { Place, RoomData } from '../../../modules/muc_autorejoin/memory/memory.ts';
import { Payloads } from '../../../modules/muc_autorejoin/memory/payloads.ts';
import { RING_SIZE } from '../../../modules/muc_autorejoin/memory/ring.ts';
import { MAX_DEPARTED, MAX_OCCUPANTS, Rooms } from '../../../modules/muc_autorejoin/memory/rooms.ts';
import type { C2SSession } from '../../../src/api/index.ts';
import { xml } from '../../../src/xml/element.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { floodHistory, floodPeople } from '../../support/fake-rooms/faults.ts';
import { HALL, JULIET, ROMEO, type Stage, stage } from './stage.ts';

/** The remembered room of romeo. */
function memory({ romeo }: Stage) {
  return romeo.state.mucPlaces!.get(HALL)!.room;
}

const roll = (made: Stage) => memory(made).views.masked.roll.size;

async function gauge(made: Stage, name: string): Promise<number> {
  const { text = '' } = await made.h.command('metrics');
  const line = text.split('\n').find((one) => one.startsWith(`enjamb_muc_autorejoin_${name}`));
  return Number(line?.split(' ').at(-1));
}

describe('what is remembered of rooms and clients', () => {
  test('a room with more occupants than `muc_autorejoin_max_occupants` is large: its losses are told', async (t) => {
    const made = await stage(t, { config: 'muc_autorejoin_max_occupants = 10' });
    floodPeople(made.room, ROMEO, 7); // With Alice and Bob, and without romeo himself.
    made.passes(1);
    assert.deepEqual([roll(made), memory(made).isLarge], [9, false]);
    floodPeople(made.room, ROMEO, 9);
    made.passes(1);
    assert.deepEqual([roll(made), memory(made).isLarge], [0, true]);
    assert.equal(await gauge(made, 'occupants'), 0);
    made.romeo.heard();
    made.loses();
    made.cut();
    made.passes(60);
    assert.equal(made.romeo.notices.length, 1);
    made.passes(31);
    assert.equal(made.joined().length, 1, 'assisted');
  });

  test('200,000 occupants of all rooms are remembered; the room with one more is large', () => {
    const data: RoomData = { rooms: new Map(), seed: 0, occupants: 0 };
    const rooms = new Rooms(data, 50_000);
    const places = Array.from({ length: 5 }, (_, i) =>
      rooms.enter(
        `room${i}@rooms.capulet.lit`,
        'rooms.capulet.lit',
        (room) => ({ room, view: 'masked' }) as Place,
      ),
    );
    const fill = (place: Place, count: number) => {
      for (let i = 0; i < count; i++) rooms.shown(place, `nick${i}`, i, 'none');
    };
    for (const place of places.slice(0, 4)) fill(place, 50_000);
    assert.deepEqual([rooms.occupants, places[3]!.room.isLarge], [MAX_OCCUPANTS, false]);
    fill(places[4]!, 1);
    assert.deepEqual([rooms.occupants, places[4]!.room.isLarge], [MAX_OCCUPANTS, true]);
    fill(places[4]!, 10);
    assert.equal(rooms.occupants, MAX_OCCUPANTS);
    for (const place of places) rooms.leave(place);
    assert.deepEqual([rooms.occupants, rooms.all.size], [0, 0]);
  });

  test('320 departures are remembered; a client that was not sent more than those is told', async (t) => {
    for (const count of [MAX_DEPARTED - 1, MAX_DEPARTED]) {
      // One more has left: romeo.
      const people = Array.from({ length: count + 1 }, (_, i) => `Guest${i}`);
      const made = await stage(t, { people });
      made.client(JULIET, 'Juliet');
      made.romeo.heard();
      made.room.remove(ROMEO, { codes: ['333'] }, false);
      made.passes(1);
      for (let i = 0; i < count; i++) made.leaves(`Guest${i}`);
      made.passes(1);
      const { size } = memory(made).views.masked.departed;
      assert.ok(count < MAX_DEPARTED ? size === MAX_DEPARTED : size < MAX_DEPARTED, `${size} are remembered`);
      made.cut();
      made.passes(65);
      assert.equal(made.romeo.notices.length, count === MAX_DEPARTED ? 1 : 0);
      if (count < MAX_DEPARTED) {
        made.passes(10);
        assert.equal(made.seen().filter((line) => line.endsWith('unavailable')).length, count);
        assert.equal(memory(made).views.masked.departed.size <= MAX_DEPARTED, true);
      }
      await made.h.server.stop();
    }
  });

  test('departures are forgotten once every client was sent them', async (t) => {
    const people = Array.from({ length: 400 }, (_, i) => `Guest${i}`);
    const made = await stage(t, { people });
    for (const nick of people) made.leaves(nick);
    made.passes(1);
    assert.ok(memory(made).views.masked.departed.size <= MAX_DEPARTED);
    assert.equal(memory(made).behind.has(made.romeo.state.mucPlaces!.get(HALL)!), false);
  });

  test('the last 32 messages are remembered', async (t) => {
    const made = await stage(t);
    for (let i = 0; i < 100; i++) made.say('Alice', `${i}`);
    made.passes(1);
    assert.equal(memory(made).ring.prints.filter((print) => print !== 0).length, RING_SIZE);
    assert.equal(memory(made).ring.count, 100);
  });

  test('a payload of more than 2,048 characters is not kept: the loss is told', async (t) => {
    const made = await stage(t);
    made.romeo.says(`<presence to='${HALL}/Romeo'><status>${'x'.repeat(2_100)}</status></presence>`);
    made.loses();
    made.cut();
    made.passes(60);
    assert.equal(made.romeo.notices.length, 1);
    assert.deepEqual(made.joined(), []);
  });

  test('16 Mi characters of different payloads are kept; the place of one more has none', () => {
    const total = { characters: 0 };
    const payloads = new Payloads(total);
    const session = { state: {} } as C2SSession;
    const place = () => ({ session, payload: undefined }) as Partial<Place> as Place;
    const full = Array.from({ length: 8 * 1_024 }, (_, i) => {
      const one = place();
      payloads.set(one, String(i).padEnd(2_048));
      return one;
    });
    assert.deepEqual([total.characters, full.at(-1)!.payload?.length], [16 * 1_024 * 1_024, 2_048]);
    const [another, equal] = [place(), place()];
    payloads.set(another, 'x');
    payloads.set(equal, full[0]!.payload);
    assert.deepEqual([another.payload, equal.payload], [undefined, full[0]!.payload]);
    payloads.set(full[0]!, undefined); // `equal` has the same text.
    payloads.set(another, 'x');
    assert.equal(another.payload, undefined);
    payloads.set(full[1]!, undefined);
    payloads.set(another, 'x');
    assert.equal(another.payload, 'x');
    for (const one of [...full, another, equal]) payloads.set(one, undefined);
    assert.deepEqual([total.characters, session.state.mucPayloads?.size], [0, 0]);
  });

  test('1,000 services whose new rooms are persistent are remembered; one more replaces the oldest', () => {
    const query = xml('query', NS.DISCO_INFO, xml('feature', { var: 'muc_persistent' }));
    const stanza = xml('iq', { type: 'result' }, query);
    const context = {
      rooms: { seed: 0 },
      metrics: { roomsMade: { add() {} } },
      after: (_: number, task: () => void) => task(),
      module: {
        askIq: (_: unknown, { onAnswer }: { onAnswer(answer: object): void }) =>
          onAnswer({ kind: 'answer', stanza }),
      },
    };
    const founding = new Founding(context as never);
    const temporary = { isHidden: false, isMembersOnly: false, hasPassword: false, persists: false };
    const roomOf = (i: number) => ({ jid: `hall@rooms${i}.example`, domain: `rooms${i}.example` });
    for (let i = 0; i <= MAX_SERVICES; i++) {
      const room = { ...roomOf(i), facts: temporary };
      assert.equal(founding.mayPersist(room as never), false);
      const place = { room, session: { jid: ROMEO } } as unknown as Place;
      founding.made(place, { isIn: () => true, onEnd() {} });
    }
    const known = Array.from({ length: MAX_SERVICES + 1 }, (_, i) => founding.mayPersist(roomOf(i) as never));
    assert.deepEqual([known.indexOf(true), known.filter(Boolean).length], [1, MAX_SERVICES]);
  });

  test('a place that is forgotten, or joined again, gives its payload back', async (t) => {
    const made = await stage(t);
    const { state } = made.romeo;
    const texts = () => [...state.mucPayloads!.values()].map(({ holders }) => holders);
    made.romeo.says(`<presence to='${HALL}/Romeo'><show>away</show></presence>`);
    assert.deepEqual(texts(), [1]);
    made.romeo.joins(`${HALL}/Romeo`);
    assert.deepEqual(texts(), [1]);
    made.romeo.says(`<presence type='unavailable' to='${HALL}/Romeo'/>`);
    assert.deepEqual(texts(), []);
  });

  test('a room that nobody of ours is in is forgotten', async (t) => {
    const made = await stage(t);
    assert.equal(await gauge(made, 'rooms'), 1);
    made.romeo.says(`<presence type='unavailable' to='${HALL}/Romeo'/>`);
    made.passes(1);
    assert.equal(await gauge(made, 'rooms'), 0);
    assert.equal(await gauge(made, 'occupants'), 0);
  });
});

describe('stanzas that are held for a client', () => {
  test('500 stanzas are held for a place: with one more they are given, in their order', async (t) => {
    for (const count of [499, 500, 501]) {
      const made = await stage(t);
      made.service.onEntered = (room, full) => {
        if (full !== ROMEO) return;
        floodPeople(room, ROMEO, count);
        made.service.hold();
      };
      made.loses();
      made.cut();
      made.passes(5);
      const early = made.seen();
      assert.equal(early.length, count > 500 ? count : 0);
      const held = made.service;
      held.onEntered = () => {};
      held.release();
      made.passes(0.05);
      const seen = made.seen();
      made.passes(120);
      const all = [...early, ...seen, ...made.seen()].filter((line) => line.startsWith('presence nobody'));
      assert.equal(all.length, count);
      assert.equal(await gauge(made, 'held_bytes'), 0);
      await made.h.server.stop();
    }
  });

  test('an endless history: no more is held than the bound, and everything is given', async (t) => {
    const made = await stage(t);
    made.service.onEntered = (room, full) => {
      if (full === ROMEO) floodHistory(room, ROMEO, 2_000);
    };
    made.loses();
    made.cut();
    made.passes(20);
    const seen = made.seen().filter((line) => line.startsWith('message nobody'));
    assert.equal(seen.length, 2_000);
    assert.equal(await gauge(made, 'held_bytes'), 0);
    made.assertAlive();
  });
});
