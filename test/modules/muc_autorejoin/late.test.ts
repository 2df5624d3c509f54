// Answers of rooms to joins of the server that come after their time.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drop } from '../../support/fake-rooms/faults.ts';
import { ROMEO, type Stage, stage } from './stage.ts';

/** The room loses romeo without a word, and the link breaks. */
function loses(made: Stage): void {
  drop(made.room, ROMEO, { isTold: false });
  made.cut();
}

test('two joins are answered at once: the client gets nothing that it has, and the rest once', async (t) => {
  const made = await stage(t, { room: { persistent: false } }); // So it is not asked whether it exists.
  made.say('Alice', 'first');
  made.passes(95);
  made.say('Alice', 'second'); // The second join asks for older history, too.
  made.passes(1);
  made.romeo.heard();
  drop(made.room, ROMEO);
  made.say('Alice', 'meanwhile');
  made.passes(0.1);
  made.service.hold();
  made.passes(40); // The server has joined again after 30 s.
  made.service.release();
  made.passes(30);
  assert.equal(made.joined().length, 2);
  assert.deepEqual(made.seen(), ['message Alice delayed meanwhile']);
});

test('a client that a late answer has let in is not joined again', async (t) => {
  const made = await stage(t, { behaviour: { archive: 'silent' } });
  made.say('Alice', 'before');
  for (let i = 0; i < 2; i++) {
    loses(made);
    made.passes(30);
  }
  made.service.behaviour.joinDelayMs = 295_000; // The next join is allowed after 300 s.
  loses(made);
  made.passes(60);
  assert.equal(made.joined().length, 3);
  made.passes(600);
  assert.deepEqual(made.joined(), []);
  made.assertAlive();
});
