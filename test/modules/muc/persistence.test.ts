import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  ADMIN,
  configured,
  enters,
  HALL,
  joined,
  OWNER,
  roomServer,
  roomWith,
  settled,
  userOf,
} from './rooms.ts';

async function onDisk(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'enjamb-muc-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return () => roomServer(t, '', { top: `storage = "sqlite"\ndata_path = "${folder}"` });
}

test('a persistent room keeps configuration, affiliations, subject and occupant ids across a restart', async (t) => {
  const start = await onDisk(t);
  const first = await start();
  const romeo = await first.client('romeo@localhost/orchard');
  await roomWith(romeo, 'Romeo', {
    'muc#roomconfig_persistentroom': '1',
    'muc#roomconfig_moderatedroom': '1',
    'muc#roomconfig_roomname': 'A Hall',
  });
  romeo.send(
    `<iq type='set' id='a' to='${HALL}'><query xmlns='${ADMIN}'><item jid='juliet@localhost' affiliation='admin'/></query></iq>`,
  );
  await romeo.skipUntil((element) => element.attrs.id === 'a');
  romeo.send(`<message to='${HALL}' type='groupchat'><subject>Balconies</subject></message>`);
  await settled(romeo);
  romeo.send(`<presence to='${HALL}/Romeo' type='unavailable'/>`);
  const before = await joined(romeo, 'Romeo');
  await first.server.stop();

  const second = await start();
  const again = await second.client('romeo@localhost/orchard');
  const after = await joined(again, 'Romeo');
  assert.deepEqual(
    after.map(String),
    before.map(String).slice(1),
    'the same, without the unavailable presence',
  );
  const juliet = await second.client('juliet@localhost/balcony');
  const seen = await joined(juliet, 'Juliet');
  const self = seen.find(({ attrs }) => attrs.from === `${HALL}/Juliet`);
  assert.deepEqual([userOf(self!).affiliation, userOf(self!).role], ['admin', 'moderator']);
});

test('a restart does not restore rooms that were destroyed, temporary or locked', async (t) => {
  const start = await onDisk(t);
  const first = await start();
  const romeo = await first.client('romeo@localhost/orchard');
  await roomWith(romeo, 'Romeo', { 'muc#roomconfig_persistentroom': '1' });
  romeo.send(`<iq type='set' id='d' to='${HALL}'><query xmlns='${OWNER}'><destroy/></query></iq>`);
  await settled(romeo);
  await joined(romeo, 'Romeo', '', 'locked@rooms.localhost');
  await first.server.stop();

  const second = await start();
  const again = await second.client('romeo@localhost/orchard');
  for (const room of [HALL, 'locked@rooms.localhost']) {
    const [self] = await joined(again, 'Romeo', '', room);
    assert.deepEqual(userOf(self!).codes, ['110', '201']);
  }
});

test('occupants stay in their rooms when the module is reloaded', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo');
  await joined(juliet, 'Juliet');
  await settled(romeo);
  await server.server.commands.run('module reload', { name: 'muc' }, { by: 'test' });
  juliet.send(`<message to='${HALL}' type='groupchat' id='m'><body>hello</body></message>`);
  for (const client of [romeo, juliet]) assert.equal((await client.next()).attrs.id, 'm');
  await configured(romeo, { 'muc#roomconfig_roomname': 'Hall' });
});

test('the creator of a persistent room is known after a restart', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'enjamb-muc-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const top = `storage = "sqlite"\ndata_path = "${folder}"`;
  const start = () => roomServer(t, 'muc_max_rooms_per_user = 1', { top });
  const first = await start();
  const romeo = await first.client('romeo@localhost/orchard');
  await roomWith(romeo, 'Romeo', { 'muc#roomconfig_persistentroom': '1' });
  await first.server.stop();

  const second = await start();
  const again = await second.client('romeo@localhost/orchard');
  enters(again, 'Romeo', '', 'other@rooms.localhost');
  assert.match(String(await again.next()), /<resource-constraint/);
});
