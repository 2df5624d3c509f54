// No host treats another domain of this server as a remote.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Element } from '../../../src/xml/element.ts';
import type { ScriptedClient } from '../../support/client.ts';
import { FakeClock } from '../../support/clock.ts';
import { network } from '../../support/network.ts';

const ROOM = 'hall@rooms.a.example';
const CONFIG = `
muc_autorejoin = false
modules_enabled = ["dialback", "disco", "message", "presence", "ping_muc", "track_muc_joins"]
[hosts."a.example"]
[hosts."b.example"]
[hosts."rooms.a.example"]
component = "muc"
muc_room_locking = false
`;
const USERS = ['ann@a.example/home', 'bob@b.example/home'];
const MINUTE = 60_000;

async function enter(client: ScriptedClient, nick: string): Promise<void> {
  client.send(`<presence to='${ROOM}/${nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  await client.skipUntil((it) => it.name === 'message' && it.getChild('subject') !== undefined);
}

/** The type and status codes of a notice. */
function codesIn(element: Element): string {
  const x = element.getChild('x', 'http://jabber.org/protocol/muc#user');
  const codes = x?.getChildren('status').map(({ attrs }) => attrs.code) ?? [];
  return [element.attrs.type, ...codes].join(' ');
}

test('rooms of one host unload: users of every host get the notice, and no own domain is dialled', async (t) => {
  const clock = new FakeClock();
  const net = await network(t, { ours: CONFIG }, { clock });
  const { server } = net.servers.get('ours')!;
  const clients = await Promise.all(USERS.map((jid) => net.client(jid)));
  await enter(clients[0]!, 'ann');
  await enter(clients[1]!, 'bob');
  await clients[0]!.next(); // Bob's presence
  const run = (name: string) =>
    server.commands.run(name, { name: 'muc', host: 'rooms.a.example' }, { by: 'test' });
  await run('module unload');
  for (const client of clients)
    client.send(`<message type='groupchat' to='${ROOM}'><body>?</body></message>`);
  await clock.advance(10 * MINUTE);
  for (const client of clients) {
    const bounce = await client.next();
    assert.equal(bounce.attrs.type, 'error');
  }
  await run('module load');
  await clock.advance(10 * MINUTE);
  const told = await Promise.all(clients.map((client) => client.next()));
  assert.deepEqual(told.map(codesIn), ['unavailable 110 333 330', 'unavailable 110 333 330']);
  for (const client of clients) await client.receivesNothing();
  assert.deepEqual([...net.dialled], []);
});

test('connecting to a domain of ours is refused, without a call', async (t) => {
  const net = await network(t, { ours: CONFIG });
  const { server } = net.servers.get('ours')!;
  await assert.rejects(
    server.links.connect('b.example', 'rooms.a.example'),
    /rooms\.a\.example is a domain of this server/,
  );
  assert.deepEqual([...net.dialled], []);
  assert.deepEqual(server.links.list().links, []);
});
