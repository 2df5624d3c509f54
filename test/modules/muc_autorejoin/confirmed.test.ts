// How many missed messages a client is given, and how fast.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MAX_BYTES, MAX_MESSAGES } from '../../../modules/muc_autorejoin/gap/gap.ts';
import type { Element } from '../../../src/xml/element.ts';
import { drop, restart } from '../../support/fake-rooms/faults.ts';
import { counted } from './counts.ts';
import { HALL, ROMEO, type Stage, type StageOptions, stage } from './stage.ts';

const ARCHIVE: StageOptions = { behaviour: { archive: 'works', historyLimit: 0, archivePageLimit: 100 } };

/** Romeo has missed `count` messages, each with this text. */
async function misses(
  t: Parameters<typeof stage>[0],
  count: number,
  text: string,
  isAsleep = false,
): Promise<Stage> {
  const made = await stage(t, ARCHIVE);
  made.say('Alice', 'before');
  made.passes(20);
  made.romeo.heard();
  if (isAsleep) made.romeo.sleep();
  made.service.peer.reachable = false;
  drop(made.room, ROMEO, { isTold: false });
  for (let i = 0; i < count; i++) made.say('Alice', `${i} ${text}`);
  made.cut();
  made.passes(20);
  return made;
}

const bodies = (stanzas: readonly Element[]) =>
  stanzas.map((stanza) => stanza.getChildText('body')?.split(' ')[0]).filter((body) => body !== undefined);

const newest = (count: number, of: number) => Array.from({ length: count }, (_, i) => `${of - count + i}`);

describe('the missed messages of a room fit into the queue of its client', () => {
  for (const [isAsleep, most] of [
    [true, MAX_MESSAGES.asleep],
    [false, 450], // Ten pages of 50 of the archive hold fewer than 1,000.
  ] as const) {
    for (const count of [most - 1, most, most + 1]) {
      test(`${count} messages, ${isAsleep ? 'asleep' : 'connected'}: at most ${isAsleep ? most : MAX_MESSAGES.connected}, the newest`, async (t) => {
        const made = await misses(t, count, '', isAsleep);
        const given = isAsleep ? Math.min(count, most) : count;
        assert.deepEqual(bodies(made.romeo.heard()), newest(given, count));
        const { 'messages given': one, 'messages left_out': other } = await counted(made);
        assert.deepEqual([one, other ?? 0], [given, count - given]);
      });
    }
  }

  test('messages of 512 KiB in all: the newest that fit', async (t) => {
    const made = await misses(t, 80, 'x'.repeat(10_000));
    const given = bodies(made.romeo.heard());
    assert.ok(
      given.length * 10_000 <= MAX_BYTES && (given.length + 1) * 11_000 > MAX_BYTES,
      `${given.length}`,
    );
    assert.deepEqual(given, newest(given.length, 80));
    const { 'messages left_out': leftOut } = await counted(made);
    assert.equal(leftOut, 80 - given.length);
  });

  test('messages of many rooms never fill the queue of a client', async (t) => {
    const made = await stage(t, { ...ARCHIVE, people: ['Alice'] });
    const rooms = [HALL, ...Array.from({ length: 19 }, (_, i) => made.service.room(`room${i}`).jid)];
    const alice = made.people.get('Alice')!;
    for (const room of rooms.slice(1)) {
      alice.join(room, 'Alice');
      made.romeo.joins(`${room}/Romeo`);
    }
    made.passes(60);
    for (const room of rooms) alice.say(room, 'before');
    made.passes(60);
    made.romeo.heard();
    const client = new Confirming(made);
    restart(made.service, { keeps: 'rooms' });
    for (const room of rooms) {
      alice.join(room, 'Alice');
      for (let i = 0; i < 90; i++) alice.say(room, `${i} ${'x'.repeat(2_000)}`);
    }
    made.cut();
    made.passes(60);
    assert.ok(client.bytes > 0 && client.mostBytes <= 1024 * 1024, `${client.mostBytes} bytes unconfirmed`);
    for (let i = 0; i < 100; i++) {
      client.confirms();
      made.passes(1);
    }
    assert.ok(client.mostBytes <= 1024 * 1024, `${client.mostBytes} bytes unconfirmed`);
    const heard = made.romeo.heard();
    for (const room of rooms)
      assert.deepEqual(
        bodies(heard.filter(({ attrs }) => attrs.from === `${room}/Alice`)),
        newest(90, 90),
        room,
      );
    const { 'rejoins alive': alive, 'messages left_out': leftOut } = await counted(made);
    assert.deepEqual([alive, leftOut], [20, undefined]);
  });

  test('the queue of a client is half full already: what does not fit is left out, and its session goes on', async (t) => {
    const made = await stage(t, ARCHIVE);
    made.say('Alice', 'before');
    made.passes(20);
    made.romeo.heard();
    const client = new Confirming(made, 100_000);
    drop(made.room, ROMEO, { isTold: false });
    for (let i = 0; i < 80; i++) made.say('Alice', `${i} ${'x'.repeat(2_000)}`);
    made.cut();
    made.passes(20);
    assert.ok(client.mostBytes <= 50_000);
    const counts = await counted(made);
    assert.equal((counts['messages given'] ?? 0) + (counts['messages left_out'] ?? 0), 80);
    client.confirms();
    made.romeo.heard();
    made.say('Alice', 'live');
    made.passes(1);
    assert.deepEqual(bodies(made.romeo.heard()), ['live']);
  });
});

/** Confirms stanzas only when told to, as a client on a slow line (XEP-0198). Its queue is like that of smacks. */
class Confirming {
  bytes = 0;
  mostBytes = 0;
  readonly #taken: (() => void)[] = [];

  constructor({ h }: Stage, queue = 2 * 1024 * 1024) {
    h.host.hooks.add(
      'c2s-commit',
      ({ element, onTaken }) => {
        if (onTaken === undefined) return undefined;
        const bytes = `${element}`.length;
        if (this.bytes + bytes > queue / 2) return 'full';
        this.bytes += bytes;
        this.mostBytes = Math.max(this.mostBytes, this.bytes);
        this.#taken.push(() => {
          this.bytes -= bytes;
          onTaken();
        });
        return 'kept';
      },
      'deliver',
      'test',
    );
  }

  confirms(): void {
    for (const taken of this.#taken.splice(0)) taken();
  }
}
