// Rooms with occupants from another server.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { ScriptedClient } from '../../support/client.ts';
import { FakeClock } from '../../support/clock.ts';
import { type Network, network } from '../../support/network.ts';
import { enters, HALL, joined, roomWith, settled, userOf } from './rooms.ts';

const ROOMS = `
limits = false
[hosts."localhost"]
modules_enabled = ["message", "presence"]
[hosts."rooms.localhost"]
component = "muc"`;
const ELSEWHERE = `
[hosts."montague.lit"]
modules_enabled = ["message", "presence", "dialback"]`;

interface Scene {
  readonly net: Network;
  readonly clock: FakeClock;
  readonly juliet: ScriptedClient;
  readonly romeo: ScriptedClient;
  /** More clients on Romeo's server. */
  readonly others: readonly ScriptedClient[];
}

/** Juliet and Romeo are in a room of Juliet's server, and Romeo's server is unreachable. */
async function parted(t: TestContext, count = 0): Promise<Scene> {
  const clock = new FakeClock();
  const net = await network(t, { rooms: dialback(ROOMS), elsewhere: ELSEWHERE }, { clock });
  const juliet = await net.client('juliet@localhost/balcony');
  const romeo = await net.client('romeo@montague.lit/orchard');
  await roomWith(juliet, 'Juliet');
  const seen = await joined(romeo, 'Romeo');
  assert.deepEqual(
    seen.map(({ attrs }) => attrs.from),
    [`${HALL}/Juliet`, `${HALL}/Romeo`, HALL],
  );
  const others: ScriptedClient[] = [];
  for (let i = 0; i < count; i++) {
    const other = await net.client(`user${i}@montague.lit/orchard`);
    await joined(other, `User ${i}`);
    others.push(other);
  }
  for (const client of [juliet, romeo, ...others]) await settled(client);
  net.unreachable.add('montague.lit');
  net.unreachable.add('rooms.localhost');
  net.cut('rooms.localhost', 'montague.lit');
  await clock.advance(0); // for the end of the connection to be noticed
  return { net, clock, juliet, romeo, others };
}

/** Juliet sends a message, and gets it back. */
async function speaks(juliet: ScriptedClient, id: string): Promise<void> {
  juliet.send(`<message to='${HALL}' type='groupchat' id='${id}'><body>Romeo?</body></message>`);
  assert.equal((await juliet.next()).attrs.id, id);
}

test('an occupant that is unreachable for a short time stays, and then gets all messages in order', async (t) => {
  const { net, clock, juliet, romeo } = await parted(t);
  for (let i = 0; i < 20; i++) await speaks(juliet, `m${i}`);
  await clock.advance(60_000);
  await settled(juliet); // Nobody has gone.
  net.unreachable.clear();
  await clock.advance(15_000); // beyond the pause between two attempts
  for (let i = 0; i < 20; i++) assert.equal((await romeo.next()).attrs.id, `m${i}`);
});

test('40 occupants of an unreachable server get 20 messages of 500 bytes in order, and nobody is removed', async (t) => {
  const { net, clock, juliet, romeo, others } = await parted(t, 39);
  const body = 'x'.repeat(500);
  for (let i = 0; i < 20; i++) {
    juliet.send(`<message to='${HALL}' type='groupchat' id='m${i}'><body>${body}</body></message>`);
    assert.equal((await juliet.next()).attrs.id, `m${i}`);
  }
  await settled(juliet);
  net.unreachable.clear();
  await clock.advance(15_000); // beyond the pause between two attempts
  for (const client of [romeo, ...others])
    for (let i = 0; i < 20; i++) assert.equal((await client.next()).attrs.id, `m${i}`);
  await settled(juliet);
});

test('an occupant whose messages do not fit into the queue is removed with 333, and told to the others once', async (t) => {
  const { juliet } = await parted(t);
  for (let i = 0; i < 24; i++) {
    const body = `${i} ${'x'.repeat(100_000)}`;
    juliet.send(`<message to='${HALL}' type='groupchat' id='m${i}'><body>${body}</body></message>`);
    const heard = await juliet.next();
    if (heard.name === 'message') {
      assert.equal(heard.attrs.id, `m${i}`);
      continue;
    }
    assert.ok(i > 9, `removed at ${i}`);
    assert.deepEqual(
      [heard.attrs.from, heard.attrs.type, userOf(heard).codes],
      [`${HALL}/Romeo`, 'unavailable', ['333']],
    );
    await settled(juliet);
    return;
  }
  assert.fail('never removed');
});

test('an occupant for whom too much waits is removed alone: others of its server stay', async (t) => {
  const { net, clock, juliet, romeo, others } = await parted(t, 1);
  for (let i = 0; i < 40; i++) {
    const body = `${i} ${'x'.repeat(100_000)}`;
    juliet.send(`<message to='${HALL}/Romeo' type='chat' id='private${i}'><body>${body}</body></message>`);
  }
  const removed = await juliet.skipUntil(({ name }) => name === 'presence');
  assert.deepEqual([removed.attrs.from, removed.attrs.type], [`${HALL}/Romeo`, 'unavailable']);
  const body = 'x'.repeat(200_000);
  juliet.send(`<message to='${HALL}' type='groupchat' id='all'><body>${body}</body></message>`);
  await juliet.skipUntil(({ attrs }) => attrs.id === 'all');
  await settled(juliet); // Nobody else is removed.
  net.unreachable.clear();
  await clock.advance(15_000);
  await others[0]!.skipUntil(({ attrs }) => attrs.id === 'all');
  await romeo.skipUntil(({ attrs }) => attrs.id === 'private0');
});

test('XEP-0045 §11.1: an occupant that is unreachable for long is removed with 333; its next self-ping gets not-acceptable', async (t) => {
  const { net, clock, juliet, romeo } = await parted(t);
  await speaks(juliet, 'm');
  await clock.advance(85_000);
  await speaks(juliet, 'n');
  await clock.advance(5_000); // s2s_queue_time is over
  const gone = await juliet.next();
  assert.deepEqual(
    [gone.attrs.from, gone.attrs.type, userOf(gone).codes],
    [`${HALL}/Romeo`, 'unavailable', ['333']],
  );

  net.unreachable.clear();
  await clock.advance(60_000); // beyond the pause after a failed attempt
  romeo.send(`<iq type='get' id='p' to='${HALL}/Romeo'><ping xmlns='urn:xmpp:ping'/></iq>`);
  const answer = await romeo.next(); // and nothing of what was said meanwhile
  assert.equal(answer.attrs.id, 'p');
  assert.ok(answer.getChild('error')?.getChild('not-acceptable', 'urn:ietf:params:xml:ns:xmpp-stanzas'));
});

test('by default only users of this server create rooms', async (t) => {
  const net = await network(t, { rooms: dialback(ROOMS), elsewhere: ELSEWHERE });
  const romeo = await net.client('romeo@montague.lit/orchard');
  enters(romeo, 'Romeo');
  const refused = await romeo.next();
  assert.ok(refused.getChild('error')?.getChild('not-allowed', 'urn:ietf:params:xml:ns:xmpp-stanzas'));
  const juliet = await net.client('juliet@localhost/balcony');
  await roomWith(juliet, 'Juliet');
  await joined(romeo, 'Romeo');
});

test('users of one other server share a bound on the rooms that they create', async (t) => {
  const open = `${ROOMS}\nrestrict_room_creation = false\nmuc_max_rooms_per_domain = 2\nmuc_max_rooms_per_user = 2`;
  const net = await network(t, { rooms: dialback(open), elsewhere: ELSEWHERE });
  const romeo = await net.client('romeo@montague.lit/orchard');
  const benvolio = await net.client('benvolio@montague.lit/street');
  const juliet = await net.client('juliet@localhost/balcony');
  const nurse = await net.client('nurse@localhost/house');
  await joined(romeo, 'Romeo', '', 'a@rooms.localhost');
  await joined(benvolio, 'Benvolio', '', 'b@rooms.localhost');
  enters(benvolio, 'Benvolio', '', 'c@rooms.localhost');
  const refused = await benvolio.next();
  assert.match(String(refused), /<resource-constraint.*Users of your server/);
  for (const n of [1, 2]) await joined(juliet, 'Juliet', '', `j${n}@rooms.localhost`);
  for (const n of [1, 2]) await joined(nurse, 'Nurse', '', `n${n}@rooms.localhost`);
});

/** Both hosts of the room's server authenticate by dialback. */
function dialback(config: string): string {
  return config
    .replace('["message", "presence"]', '["message", "presence", "dialback"]')
    .replace('component = "muc"', 'component = "muc"\nmodules_enabled = ["dialback", "muc"]');
}
