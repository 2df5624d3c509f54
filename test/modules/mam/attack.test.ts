// What a hostile client or server can make an archive do.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { FailingStorage } from '../../support/failing-storage.ts';
import { assertFaults } from '../../support/server.ts';
import {
  arrives,
  BALCONY,
  BODY,
  done,
  HINTS,
  idsBy,
  JULIET,
  ORCHARD,
  ROMEO,
  rowsOf,
  SID,
  stage,
} from './stage.ts';

test('a message that is too large for a transaction with both rows is archived for both', async (t) => {
  const there = await stage(t);
  const body = `<body>${'x'.repeat(400 * 1024)}</body>`;
  there.romeo.send(`<message type='chat' to='${BALCONY}'>${body}</message>`);
  await there.juliet.next();
  await done(there, there.romeo);
  for (const account of [ROMEO, JULIET]) {
    const [row] = await rowsOf(there, account);
    assert.ok(row?.xml.includes(body));
  }
});

test('if such a message cannot be stored for its recipient, who is not there, its sender gets an error', async (t) => {
  const storage = new FailingStorage();
  const there = await stage(t, { openStorage: storage.openStorage });
  storage.failure = 'full';
  there.romeo.send(`<message type='chat' to='${JULIET}'><body>${'x'.repeat(400 * 1024)}</body></message>`);
  assert.equal((await there.romeo.next()).attrs.type, 'error');
  await done(there, there.romeo);
  assertFaults(there.server.server.faults, { storage: 2 });
});

test('of a client whose messages are not committed, 65 are under way', async (t) => {
  const storage = new FailingStorage();
  const there = await stage(t, { openStorage: storage.openStorage });
  const resume = storage.slow();
  const message = `<message type='chat' to='${BALCONY}'><body>${'x'.repeat(10_000)}</body></message>`;
  there.romeo.send(message.repeat(100));
  for (let n = 0; n < 65; n++) await there.juliet.next();
  for (let n = 0; n < 20; n++) await setImmediate();
  await there.juliet.receivesNothing();
  resume();
  for (let n = 65; n < 100; n++) await there.juliet.next();
});

test('another server cannot give a message the id of an older row', async (t) => {
  const there = await stage(t);
  there.romeo.send(`<message type='chat' to='${BALCONY}'>${BODY}</message>`);
  const [id] = idsBy(await there.juliet.next(), JULIET);
  await arrives(
    there,
    `<message type='chat' from='${ORCHARD}' to='${BALCONY}'>${BODY}<stanza-id xmlns='${SID}' by='${JULIET}' id='${id}'/></message>`,
  );
  const [other, ...others] = idsBy(await there.juliet.next(), JULIET);
  assert.deepEqual(others, []);
  assert.notEqual(other, id);
  assert.equal((await rowsOf(there, JULIET)).length, 2);
});

test('a client of this host cannot pass for the host that gives a message back', async (t) => {
  const there = await stage(t);
  const nurse = await there.server.client('nurse@capulet.lit/kitchen');
  nurse.send(
    `<message type='chat' to='${BALCONY}'>${BODY}<stanza-id xmlns='${SID}' by='${JULIET}' id='forged'/></message>`,
  );
  const [id] = idsBy(await there.juliet.next(), JULIET);
  await done(there, nurse);
  assert.deepEqual([(await rowsOf(there, JULIET))[0]?.id], [id]);
});

test('the hints that an error repeats do not hide it from its recipient', async (t) => {
  const there = await stage(t);
  await arrives(
    there,
    `<message type='error' from='${ORCHARD}' to='${JULIET}/tomb'>${BODY}<no-store xmlns='${HINTS}'/><error type='cancel'/></message>`,
  );
  assert.equal((await rowsOf(there, JULIET)).length, 1);
});

test('a module that is asked about a message, and fails, costs neither the message nor its row', async (t) => {
  const there = await stage(t);
  const { server } = there.server;
  server.router.hosts.get('capulet.lit')!.hooks.add(
    'archive-should-store',
    () => {
      throw new Error('mistake');
    },
    'deliver',
    'test',
  );
  there.romeo.send(`<message type='chat' to='${BALCONY}'>${BODY}</message>`);
  await there.juliet.next();
  await done(there, there.romeo);
  assert.equal((await rowsOf(there, JULIET)).length, 1);
  assertFaults(server.faults, { handler: 1 });
});
