// Rooms with people from another server.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../../support/clock.ts';
import { type Network, network } from '../../support/network.ts';
import { enters, HALL, joined, roomWith, settled, userOf } from './rooms.ts';

const ROOMS = `
[hosts."localhost"]
modules_enabled = ["message", "presence"]
[hosts."rooms.localhost"]
component = "muc"`;
const ELSEWHERE = `
[hosts."montague.lit"]
modules_enabled = ["message", "presence", "dialback"]`;

test('XEP-0045 §11.1: who cannot be reached is removed with 333, and told so on asking', async (t) => {
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
  await settled(juliet);

  net.unreachable.add('montague.lit');
  net.unreachable.add('rooms.localhost');
  net.cut('rooms.localhost', 'montague.lit');
  await clock.advance(0); // for the end of the connection to be noticed
  juliet.send(`<message to='${HALL}' type='groupchat' id='m'><body>Romeo?</body></message>`);
  assert.equal((await juliet.next()).attrs.id, 'm');
  const gone = await juliet.next();
  assert.deepEqual(
    [gone.attrs.from, gone.attrs.type, userOf(gone).codes],
    [`${HALL}/Romeo`, 'unavailable', ['333']],
  );

  net.unreachable.clear();
  await clock.advance(60_000); // beyond the pause after a failed attempt
  romeo.send(`<iq type='get' id='p' to='${HALL}/Romeo'><ping xmlns='urn:xmpp:ping'/></iq>`);
  const answer = await romeo.skipUntil((element) => element.attrs.id === 'p');
  assert.ok(answer.getChild('error')?.getChild('not-acceptable', 'urn:ietf:params:xml:ns:xmpp-stanzas'));
  hangUp(net);
});

test('restrict_room_creation = "local": only users of this server create rooms', async (t) => {
  const restricted = `${ROOMS}\nrestrict_room_creation = "local"`;
  const net = await network(t, { rooms: dialback(restricted), elsewhere: ELSEWHERE });
  const romeo = await net.client('romeo@montague.lit/orchard');
  enters(romeo, 'Romeo');
  const refused = await romeo.next();
  assert.ok(refused.getChild('error')?.getChild('not-allowed', 'urn:ietf:params:xml:ns:xmpp-stanzas'));
  const juliet = await net.client('juliet@localhost/balcony');
  await roomWith(juliet, 'Juliet');
  await joined(romeo, 'Romeo');
  hangUp(net);
});

/** Lets the servers stop without dialling each other for a last farewell. */
function hangUp(net: Network): void {
  for (const domain of ['rooms.localhost', 'montague.lit']) net.unreachable.add(domain);
}

/** Both hosts of the room's server authenticate by dialback. */
function dialback(config: string): string {
  return config
    .replace('["message", "presence"]', '["message", "presence", "dialback"]')
    .replace('component = "muc"', 'component = "muc"\nmodules_enabled = ["dialback", "muc"]');
}
