// What happens while the server joins for a client. A service that shuts down and returns. With exact counts.

import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { restart, shutDown } from '../../support/fake-rooms/faults.ts';
import { affiliate, kick } from '../../support/fake-rooms/moderation.ts';
import { lines } from '../../support/fake-rooms/scene.ts';
import { HALL, ROMEO, type Stage, stage } from './stage.ts';

const NOTICE = 'presence Romeo unavailable 110 333 330';
const MINUTE = 60;

/** What the room has let in, and what it has refused, since the server has lost it. */
interface Entries {
  readonly made: Stage;
  readonly entries: string[];
}

describe('while the server joins', () => {
  /** The room has let Romeo in, and its answer is under way. */
  async function joining(t: TestContext): Promise<Entries & { arrives(): void }> {
    const made = await stage(t);
    const entries: string[] = [];
    made.loses();
    made.service.onEntered = (_room, full) => {
      entries.push(full);
      if (full === ROMEO) made.service.hold();
    };
    made.cut();
    for (let i = 0; i < 200 && !made.service.isHolding; i++) made.h.clock.advance(50);
    assert.equal(made.romeo.state.mucPlaces!.get(HALL)!.state, 'joining');
    const arrives = () => {
      made.service.onEntered = (_room, full) => entries.push(full);
      made.service.release();
    };
    return { made, entries, arrives };
  }

  const removals: [what: string, happens: (made: Stage) => void, seen: string][] = [
    ['kicks', ({ room }) => kick(room, 'Romeo'), 'presence Romeo unavailable 110 307'],
    [
      'bans',
      ({ room }) => affiliate(room, 'romeo@montague.lit', 'outcast'),
      'presence Romeo unavailable 110 301',
    ],
  ];
  for (const [what, happens, seen] of removals) {
    test(`a moderator ${what} the client: it sees that alone, and nobody joins again`, async (t) => {
      const { made, entries, arrives } = await joining(t);
      happens(made);
      arrives();
      made.passes(30 * MINUTE);
      assert.deepEqual(made.seen(), [seen]);
      assert.deepEqual(entries, [ROMEO]);
      assert.equal(made.room.occupants.of(ROMEO), undefined);
      assert.equal(made.romeo.state.mucPlaces!.size, 0);
    });
  }

  test('the client leaves: it sees that alone, and is out of the room', async (t) => {
    const { made, entries, arrives } = await joining(t);
    made.romeo.says(`<presence type='unavailable' to='${HALL}/Romeo'/>`);
    arrives();
    made.passes(30 * MINUTE);
    assert.deepEqual(made.seen(), ['presence Romeo unavailable 110']);
    assert.deepEqual(entries, [ROMEO]);
    assert.equal(made.room.occupants.of(ROMEO), undefined);
  });

  test('the client joins: it sees a join, the room no more than two', async (t) => {
    const { made, entries, arrives } = await joining(t);
    made.romeo.joins(`${HALL}/Romeo`);
    arrives();
    made.passes(30 * MINUTE);
    const own = made.seen().filter((line) => line.startsWith('presence Romeo'));
    assert.ok(own.length >= 1 && own.every((line) => line === 'presence Romeo 110'), `${own}`);
    assert.deepEqual(entries, [ROMEO, ROMEO]);
    assert.equal(made.room.occupants.of(ROMEO)?.clients.size, 1);
    made.assertAlive();
  });
});

describe('the service shuts down (332)', () => {
  async function down(t: TestContext, options: Parameters<typeof stage>[1] = {}): Promise<Entries> {
    const made = await stage(t, options);
    const entries: string[] = [];
    made.service.onEntered = (_room, full) => entries.push(full);
    shutDown(made.service);
    restart(made.service, { keeps: 'rooms', keepsHistory: true });
    made.passes(0.1);
    made.service.peer.reachable = false;
    made.service.peer.cut();
    return { made, entries };
  }

  function returns(made: Stage): void {
    made.service.peer.reachable = true;
    for (const nick of ['Alice', 'Bob']) made.comes(nick);
  }

  test('and is back after 20 min: the client sees nothing', async (t) => {
    const { made, entries } = await down(t);
    made.passes(20 * MINUTE);
    returns(made);
    made.passes(10 * MINUTE);
    assert.deepEqual(made.seen(), []);
    assert.deepEqual(
      entries.filter((full) => full === ROMEO),
      [ROMEO],
    );
    assert.equal(made.joined().length, 1);
    made.assertAlive();
  });

  test('and is back after 70 min: a notice at 60 min, then joined as in assisted mode', async (t) => {
    const { made, entries } = await down(t);
    made.passes(59 * MINUTE);
    assert.deepEqual(made.seen(), []);
    made.passes(MINUTE + 1);
    assert.deepEqual(made.seen(), [NOTICE]);
    made.passes(10 * MINUTE);
    assert.deepEqual([made.seen(), entries], [[], []]);
    returns(made);
    made.passes(10 * MINUTE);
    const own = lines(made.romeo.heard()).filter((line) => line.startsWith('presence'));
    assert.deepEqual(
      own,
      ['presence Alice', 'presence Bob', 'presence Romeo 110'],
      'the answer to a join, as it is',
    );
    assert.deepEqual(
      entries.filter((full) => full === ROMEO),
      [ROMEO],
    );
    made.assertAlive();
  });

  test('`muc_autorejoin_patience`: a notice after that time', async (t) => {
    const { made } = await down(t, { config: 'muc_autorejoin_patience = "2 minutes"' });
    made.passes(2 * MINUTE - 5);
    assert.deepEqual(made.seen(), []);
    made.passes(6);
    assert.deepEqual(made.seen(), [NOTICE]);
  });

  test('`muc_autorejoin_patience = "never"`: no notice', async (t) => {
    const { made } = await down(t, { config: 'muc_autorejoin_patience = "never"' });
    made.passes(20 * 60 * MINUTE);
    assert.deepEqual(made.seen(), []);
    returns(made);
    made.passes(10 * MINUTE);
    assert.deepEqual(made.seen(), []);
    made.assertAlive();
  });
});
