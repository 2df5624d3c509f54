import assert from 'node:assert/strict';
import { test } from 'node:test';
import { acceptClient } from '../../../src/c2s/index.ts';
import { StrangerLog } from '../../../src/net/stranger-log.ts';
import { type Logger, silentLogger } from '../../../src/util/logger.ts';
import { connectedPair } from '../../support/duplex.ts';
import { Client, PASSWORD, startHarness } from './harness.ts';

test('a stranger who connects and fails again and again causes 60 lines a minute, and hides no one else', async (t) => {
  const harness = await startHarness(t);
  const lines: string[] = [];
  const log: Logger = { ...silentLogger, info: (message) => lines.push(message), child: () => log };
  const context = { ...harness.context, log, strangers: new StrangerLog() };
  const connect = (remoteAddress: string): Client => {
    const { connection, peer } = connectedPair({ clock: harness.clock, remoteAddress });
    acceptClient(connection, context);
    return new Client(peer);
  };
  for (let i = 0; i < 200; i++) await connect('192.0.2.1').refused('<no-xmpp/>');
  assert.deepEqual(lines, Array(60).fill('client gone before it was bound'));
  await connect('192.0.2.2').refused('<no-xmpp/>');
  assert.equal(lines.length, 61);
  const client = connect('192.0.2.1');
  await client.login();
  await client.bind('balcony');
  client.send('</stream:stream>');
  await client.peer.readsToEnd();
  assert.deepEqual(
    lines.slice(61),
    ['client bound', 'client gone'],
    'what a user does is logged all the same',
  );
});

test('a user who logs in again and again causes 60 lines a minute, and hides no other user', async (t) => {
  const harness = await startHarness(t);
  await harness.host.createUser('romeo', PASSWORD);
  const lines: string[] = [];
  const log: Logger = {
    ...silentLogger,
    info: (message, fields) => lines.push(`${message} ${(fields as { jid?: string }).jid}`),
    child: () => log,
  };
  const context = { ...harness.context, log, strangers: new StrangerLog() };
  const session = async (user: string) => {
    const { connection, peer } = connectedPair({ clock: harness.clock, remoteAddress: '192.0.2.1' });
    acceptClient(connection, context);
    const client = new Client(peer);
    await client.login(user);
    await client.bind('x');
    client.send('</stream:stream>');
    await client.peer.readsToEnd();
  };
  for (let i = 0; i < 40; i++) await session('juliet');
  assert.equal(lines.filter((line) => / juliet@/.test(line)).length, 60);
  await session('romeo');
  assert.equal(lines.filter((line) => / romeo@/.test(line)).length, 2);
});
