// How much of what is remembered of a room is read for each of its stanzas.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Place, ViewName } from '../../../modules/muc_autorejoin/memory/memory.ts';
import { MAX_DEPARTED, Rooms } from '../../../modules/muc_autorejoin/memory/rooms.ts';
import { HALL, JULIET, type Stage, stage } from './stage.ts';

const PLACES = 50;

/** A map that counts which of its entries are read. */
class CountedMap<K, V> extends Map<K, V> {
  reads = 0;

  override get(key: K): V | undefined {
    this.reads++;
    return super.get(key);
  }

  override *[Symbol.iterator](): MapIterator<[K, V]> {
    for (const entry of super[Symbol.iterator]()) {
      this.reads++;
      yield entry;
    }
  }

  override *keys(): MapIterator<K> {
    for (const [key] of this) yield key;
  }

  override *values(): MapIterator<V> {
    for (const [, value] of this) yield value;
  }
}

/** Counts what is read of the rolls of romeo's room. */
function watchRolls({ romeo }: Stage): () => number {
  const { views } = romeo.state.mucPlaces!.get(HALL)!.room;
  const rolls = Object.values(views).map((view) => {
    const roll = new CountedMap(view.roll);
    Object.assign(view, { roll });
    roll.reads = 0;
    return roll;
  });
  return () => rolls.reduce((sum, { reads }) => sum + reads, 0);
}

function show(made: Stage, nick: string, to: string, view: ViewName): void {
  const jid = view === 'open' ? `jid='${nick}@capulet.lit/x'` : '';
  made.service.peer.says(
    `<presence from='${HALL}/${nick}' to='${to}'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant' ${jid}/></x></presence>`,
  );
}

describe('a leave', () => {
  for (const lags of ['for ever', 'by 300 leaves']) {
    test(`reads the clients of the room seldom, though one lags ${lags}`, () => {
      const rooms = new Rooms({ rooms: new Map(), seed: 0, occupants: 0 }, 2_000);
      let reads = 0;
      const places = Array.from({ length: PLACES }, () =>
        rooms.enter(HALL, 'rooms.capulet.lit', (room) => {
          let seen = 0;
          return {
            room,
            view: 'masked',
            get seen() {
              reads++;
              return seen;
            },
            set seen(seq) {
              seen = seq;
            },
          } as Partial<Place> as Place;
        }),
      );
      const [slow, ...others] = places;
      const leaves = 10 * MAX_DEPARTED;
      const seqs: number[] = [];
      for (let i = 0; i < leaves; i++) {
        for (const place of others) place.seen = rooms.shown(place, `${i}`, i, 'none');
        for (const place of others) place.seen = rooms.left(place, `${i}`);
        seqs.push(others[0]!.room.seq);
        if (lags !== 'for ever') slow!.seen = seqs.at(-300) ?? 0;
      }
      assert.ok(reads / PLACES < leaves / 16, `${reads / PLACES} times for ${leaves} leaves`);
      assert.equal(slow!.room.behind.has(slow!), true);
      assert.ok(others.every((place) => !place.room.behind.has(place)));
    });
  }
});

describe('a presence that moves a client to the other view', () => {
  const PEOPLE = 200;

  test('reads no other occupant', async (t) => {
    const made = await stage(t, { people: Array.from({ length: PEOPLE }, (_, i) => `Guest${i}`) });
    const reads = watchRolls(made);
    for (let i = 0; i < 100; i++) show(made, `Guest${i}`, `${made.romeo.jid}`, i % 2 ? 'masked' : 'open');
    made.passes(1);
    assert.ok(reads() < 100 * 10, `${reads()} reads`);
  });

  test('reads only those since the last move, while the client enters', async (t) => {
    const made = await stage(t);
    made.service.behaviour.joinDelayMs = 1e9;
    made.client(JULIET, 'Juliet');
    for (let i = 0; i < PEOPLE; i++) show(made, `Guest${i}`, JULIET, 'open');
    made.passes(1);
    const reads = watchRolls(made);
    for (let i = 0; i < 100; i++) show(made, `Guest${i}`, JULIET, i % 2 ? 'open' : 'masked');
    made.passes(1);
    assert.ok(reads() < PEOPLE + 100 * 10, `${reads()} reads`);
  });
});
