import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommandError } from '../../../src/admin/commands.ts';
import type { TestServer } from '../../support/server.ts';
import { HALL, joined, roomServer, roomWith, USER, userOf } from './rooms.ts';

const run = ({ server }: TestServer, name: string, args: Record<string, unknown> = {}) =>
  server.commands.run(name, args, { by: 'test' });

test('rooms list and rooms show print rooms and occupants, but no password', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  await roomWith(romeo, 'Romeo', {
    'muc#roomconfig_passwordprotectedroom': '1',
    'muc#roomconfig_roomsecret': 'cauldronburn',
  });
  const { rows } = await run(server, 'rooms list');
  assert.deepEqual(
    rows?.map(({ room, clients, locked }) => [room, clients, locked]),
    [[HALL, 1, false]],
  );
  const shown = await run(server, 'rooms show', { room: HALL });
  assert.deepEqual(shown.rows?.[0]?.client, romeo.jid);
  assert.doesNotMatch(JSON.stringify(shown), /cauldronburn/);
});

test('rooms create and rooms destroy work without a client', async (t) => {
  const server = await roomServer(t, 'restrict_room_creation = true');
  const romeo = await server.client('romeo@localhost/orchard');
  await run(server, 'rooms create', { room: HALL, owner: 'romeo@localhost' });
  await assert.rejects(
    () => run(server, 'rooms create', { room: HALL, owner: 'romeo@localhost' }),
    CommandError,
  );
  const [self] = await joined(romeo, 'Romeo');
  assert.deepEqual([userOf(self!).affiliation, userOf(self!).codes], ['owner', ['110']]);
  await run(server, 'rooms destroy', { room: HALL, reason: 'spring cleaning' });
  const gone = await romeo.next();
  assert.equal(gone.getChild('x', USER)?.getChild('destroy')?.getChildText('reason'), 'spring cleaning');
  await assert.rejects(() => run(server, 'rooms destroy', { room: HALL }), CommandError);
});
