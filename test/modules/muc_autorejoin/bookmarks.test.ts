// A room that its user does not want to be in any more, as a bookmark says.

import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { drop } from '../../support/fake-rooms/faults.ts';
import { HALL, PHONE, ROMEO, type Stage, stage } from './stage.ts';

const NOTICE = 'presence Romeo unavailable 110 333 330';

const bookmark = (made: Stage, autojoin: boolean | undefined, room = HALL) =>
  made.h.host.hooks.notify('bookmark-change', { user: 'romeo', room, autojoin });

for (const mode of ['silent', 'assisted'] as const) {
  const scene = (t: TestContext) =>
    stage(t, { config: mode === 'assisted' ? 'muc_autorejoin = "assisted"' : '' });

  describe(`the server joins only rooms that the user wants to be in, ${mode} mode`, () => {
    for (const [what, autojoin] of [
      ['was removed', undefined],
      ['has no autojoin any more', false],
    ] as const) {
      test(`a bookmark that ${what} since the join: a notice, and no join`, async (t) => {
        const made = await scene(t);
        bookmark(made, autojoin);
        made.loses();
        made.cut();
        made.passes(1_000);
        assert.deepEqual(made.seen(), [NOTICE]);
        assert.deepEqual(made.joined(), []);
      });
    }

    test('another room, or a bookmark that wants it: joined', async (t) => {
      const made = await scene(t);
      bookmark(made, undefined, 'garden@rooms.capulet.lit');
      bookmark(made, false);
      bookmark(made, true);
      made.loses();
      made.cut();
      made.passes(200);
      assert.equal(made.joined().length, 1);
    });

    test("the client's own join counts anew", async (t) => {
      const made = await scene(t);
      bookmark(made, undefined);
      made.romeo.joins(`${HALL}/Romeo`);
      made.passes(10);
      made.joined();
      made.loses();
      made.cut();
      made.passes(200);
      assert.equal(made.joined().length, 1);
    });
  });
}

test('a removed bookmark counts for all clients of the user', async (t) => {
  const made = await stage(t);
  const phone = made.client(PHONE, 'Romeo');
  made.joined();
  made.romeo.heard();
  bookmark(made, undefined);
  made.loses();
  made.cut();
  made.passes(200);
  assert.deepEqual([made.seen(), made.seen(phone)], [[NOTICE], [NOTICE]]);
  assert.deepEqual(
    made.joined().filter(({ attrs }) => attrs.from === ROMEO || attrs.from === PHONE),
    [],
  );
});

test('a bookmark that is removed while the link is down: a notice, and no join', async (t) => {
  const made = await stage(t);
  drop(made.room, ROMEO);
  made.service.peer.reachable = false;
  made.service.peer.cut();
  made.passes(30);
  bookmark(made, undefined);
  made.service.peer.reachable = true;
  made.passes(300);
  assert.deepEqual(made.seen(), [NOTICE]);
  assert.deepEqual(made.joined(), []);
});

test('a bookmark that is removed while the room has not answered the join: in, and not joined again', async (t) => {
  const made = await stage(t);
  made.service.behaviour.joinDelayMs = 5_000;
  drop(made.room, ROMEO);
  made.passes(2);
  assert.equal(made.joined().length, 1);
  bookmark(made, undefined);
  made.passes(20);
  assert.deepEqual(made.seen(), []);
  made.assertAlive();
  drop(made.room, ROMEO);
  made.passes(100);
  assert.deepEqual(made.joined(), []);
  assert.equal(made.room.occupants.of(ROMEO), undefined);
});
