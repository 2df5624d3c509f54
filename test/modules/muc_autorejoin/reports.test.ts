// 9: the line in the log for each remote and outage.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { silentLogger } from '../../../src/util/logger.ts';
import { drop } from '../../support/fake-rooms/faults.ts';
import { HALL, JULIET, ROMEO, stage } from './stage.ts';

/** The lines that are logged from now on. */
function linesOf(t: TestContext): object[] {
  const found: object[] = [];
  t.mock.method(silentLogger, 'info', (message: string, fields?: object) => {
    if (message === 'rooms joined again') found.push(fields ?? {});
  });
  return found;
}

test('`rooms joined again`: one line for a remote and an outage', async (t) => {
  const found = linesOf(t);
  const made = await stage(t);
  made.client(JULIET, 'Juliet');
  made.say('Alice', 'before');
  made.passes(60);
  for (const client of [ROMEO, JULIET]) drop(made.room, client, { isTold: false });
  made.comes('Carol');
  made.say('Alice', 'meanwhile');
  made.romeo.says(`<message type='groupchat' id='own' to='${HALL}'><body>mine</body></message>`);
  made.cut();
  made.passes(20);
  assert.equal(found.length, 1);
  const { slowestMs, downMs, ...fields } = found[0] as { slowestMs: number; downMs: number };
  assert.ok(slowestMs > 0 && slowestMs < 10_000, `slowestMs: ${slowestMs}`);
  assert.ok(downMs >= 3_000 && downMs < 10_000, `downMs: ${downMs}`);
  assert.deepEqual(fields, {
    remote: 'rooms.capulet.lit',
    cause: 'lost',
    lost: 2,
    alive: 2,
    told: 0,
    people: 2,
    messages: 3, // Juliet missed Romeo's too.
    leftOut: 0,
    resent: 1,
    joins: 2,
  });
  made.passes(60);
  drop(made.room, ROMEO);
  made.passes(10);
  assert.equal(found.length, 2);
  assert.deepEqual(
    { ...found[1], slowestMs },
    { ...found[1], slowestMs, downMs: 0, lost: 1, alive: 1, joins: 1 },
  );
});

test('`rooms joined again`: clients that were told after all count, and those that left end the outage', async (t) => {
  const found = linesOf(t);
  const made = await stage(t, { config: 'muc_autorejoin_patience = "2 minutes"' });
  const juliet = made.client(JULIET, 'Juliet');
  made.service.behaviour.joinDelayMs = 3_600_000;
  for (const client of [ROMEO, JULIET]) drop(made.room, client);
  made.passes(60);
  juliet.says(`<presence type='unavailable' to='${HALL}/Juliet'/>`);
  assert.equal(found.length, 0);
  made.passes(120);
  assert.equal(found.length, 1);
  const { lost, alive, told } = found[0] as Record<string, unknown>;
  assert.deepEqual({ lost, alive, told }, { lost: 2, alive: 0, told: 1 });
});
