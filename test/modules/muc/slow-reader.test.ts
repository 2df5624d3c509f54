// An occupant that does not read, in a room with many messages.

import assert from 'node:assert/strict';
import { duplexPair } from 'node:stream';
import { test } from 'node:test';
import { Connection } from '../../../src/net/connection.ts';
import { ScriptedClient } from '../../support/client.ts';
import { enters, HALL, joined, roomServer, roomWith } from './rooms.ts';

test('an occupant that does not read is disconnected at 8 MiB and leaves the room; the others miss nothing', async (t) => {
  const server = await roomServer(t);
  const [romeo, juliet] = [
    await server.client('romeo@localhost/orchard'),
    await server.client('juliet@localhost/balcony'),
  ];
  await roomWith(romeo, 'Romeo');
  await joined(juliet, 'Juliet');
  await server.account('nurse@localhost');
  const [ours, theirs] = duplexPair();
  server.server.acceptClient(new Connection(theirs, { faults: server.server.faults }));
  const nurse = await new ScriptedClient(ours).login('nurse@localhost/garden');
  enters(nurse, 'Nurse');
  await juliet.skipUntil(({ attrs }) => attrs.from === `${HALL}/Nurse`);
  ours.pause();
  const body = 'x'.repeat(100_000);
  let isGone = false;
  for (let n = 0; n < 120; n++) {
    romeo.send(`<message type='groupchat' id='m${n}' to='${HALL}'><body>${body}</body></message>`);
    await juliet.skipUntil(({ attrs: { id, from, type } }) => {
      if (from === `${HALL}/Nurse` && type === 'unavailable') isGone = true;
      return id === `m${n}`;
    });
    if (n * body.length < 7_000_000) assert.equal(isGone, false);
  }
  assert.equal(isGone, true);
  await juliet.receivesNothing();
  assert.equal(
    server.server.router.hosts.get('localhost')!.sessions.get('nurse@localhost/garden'),
    undefined,
  );
});
