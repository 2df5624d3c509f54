// Lost clients (XEP-0045 §11.1, §18.1.2).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verdict } from '../../../modules/muc/stanzas/bounce.ts';
import type { StanzaEvent } from '../../../src/api/events.ts';
import { StanzaError } from '../../../src/xml/errors.ts';
import { Jid } from '../../../src/xml/jid.ts';
import { parseXml } from '../../support/match.ts';
import { HALL, joined, romeoAndJuliet, roomServer, roomWith, settled, USER, userOf } from './rooms.ts';

const STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas';
const ID = `<occupant-id xmlns='urn:xmpp:occupant-id:0' id='{any}'/>`;

test('XEP-0045 §11.1: a client that bounces a stanza of the room is removed with 333, without 307', async (t) => {
  const { romeo, juliet } = await romeoAndJuliet(t);
  juliet.send(`
    <message to='${HALL}/Romeo' type='error' id='m'>
      <error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>
    </message>`);
  await juliet.receives(`
    <presence type='unavailable' from='${HALL}/Juliet' to='${juliet.jid}'>
      <x xmlns='${USER}'>
        <item affiliation='none' role='none' jid='${juliet.jid}'/><status code='110'/><status code='333'/>
      </x>${ID}
    </presence>`);
  await romeo.receives(`
    <presence type='unavailable' from='${HALL}/Juliet' to='${romeo.jid}'>
      <x xmlns='${USER}'><item affiliation='none' role='none' jid='${juliet.jid}'/><status code='333'/></x>${ID}
    </presence>`);
});

test('XEP-0045 §11.1: if one of several clients bounces a stanza, only it is removed and gets 333', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const phone = await server.client('romeo@localhost/phone');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(juliet, 'Juliet');
  await joined(phone, 'Romeo');
  await joined(romeo, 'Romeo');
  for (const client of [juliet, phone]) await settled(client);
  phone.send(`
    <presence to='${HALL}/Juliet' type='error'>
      <error type='wait'><recipient-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>
    </presence>`);
  assert.deepEqual(userOf(await phone.next()).codes, ['110', '333']);
  await juliet.receivesNothing();
  await romeo.receivesNothing();
});

test('the next message finds a lost client; all others get the message first', async (t) => {
  const { server, romeo, juliet } = await romeoAndJuliet(t);
  // Its server drops the client without unavailable presence.
  const host = server.server.router.hosts.get('localhost')!;
  const lost = host.hooks.add(
    'message/full',
    ({ to }) => {
      if (to.toString() === juliet.jid) throw new StanzaError('service-unavailable');
    },
    'guard',
    'test',
  );
  romeo.send(`<message to='${HALL}' type='groupchat' id='m'><body>Juliet?</body></message>`);
  assert.equal((await romeo.next()).attrs.id, 'm');
  const gone = await romeo.next();
  assert.deepEqual([gone.attrs.from, userOf(gone).codes], [`${HALL}/Juliet`, ['333']]);
  lost();
});

test('many lost clients are removed together, and are not notified of each other', async (t) => {
  const server = await roomServer(t, 'muc_room_locking = false');
  const { router } = server.server;
  const host = router.hosts.get('localhost')!;
  const romeo = await server.client('romeo@localhost/orchard');
  await joined(romeo, 'Romeo');
  let alive = true;
  let told = 0;
  const toGhosts = ({ to, stanza }: StanzaEvent) => {
    if (to.local !== 'ghost') return undefined;
    if (!alive && stanza.name === 'message') throw new StanzaError('service-unavailable');
    if (!alive) told++;
    return 'handled';
  };
  host.hooks.add('message/full', toGhosts, 'guard', 'test');
  host.hooks.add('presence/full', toGhosts, 'guard', 'test');
  host.stores.hold('ghost'); // As a session does.
  await host.ready('ghost');
  const ghosts = Array.from({ length: 200 }, (_, n) => n);
  for (const n of ghosts) {
    const to = `${HALL}/ghost ${n}`;
    const join = `<presence from='ghost@localhost/${n}' to='${to}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`;
    router.route(parseXml(join), host.origin);
  }
  await settled(romeo);
  alive = false;
  romeo.send(`<message to='${HALL}' type='groupchat' id='m'><body>Who is there?</body></message>`);
  assert.equal((await romeo.next()).attrs.id, 'm');
  for (const _ of ghosts) assert.deepEqual(userOf(await romeo.next()).codes, ['333']);
  await romeo.receivesNothing();
  assert.equal(told, ghosts.length, 'each ghost gets one presence, its own');
});

test('an error from a client outside the room changes nothing', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const other = await server.client('romeo@localhost/other');
  await roomWith(romeo, 'Romeo');
  other.send(`
    <message to='${HALL}/Romeo' type='error'>
      <error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>
    </message>`);
  await other.receivesNothing();
  await romeo.receivesNothing();
});

for (const [what, inside] of [
  ['without an error', ''],
  ['with an error that says nothing', `<error type='cancel'/>`],
  ['with a condition of a filter', `<error type='modify'><not-acceptable xmlns='${STANZAS}'/></error>`],
]) {
  for (const to of [HALL, `${HALL}/Romeo`]) {
    test(`XEP-0045 §18.1.2: presence of type error ${what} to ${to} removes that client with 333`, async (t) => {
      const server = await roomServer(t);
      const romeo = await server.client('romeo@localhost/orchard');
      const juliet = await server.client('juliet@localhost/balcony');
      await roomWith(romeo, 'Romeo');
      await joined(juliet, 'Juliet');
      await settled(romeo);
      juliet.send(`<presence to='${to}' type='error'>${inside}</presence>`);
      const own = await juliet.next();
      assert.deepEqual([own.attrs.type, userOf(own).codes], ['unavailable', ['110', '333']]);
      const seen = await romeo.next();
      assert.deepEqual([seen.attrs.from, userOf(seen).codes], [`${HALL}/Juliet`, ['333']]);
    });
  }
}

const CONDITIONS = {
  remove: [
    'gone',
    'item-not-found',
    'jid-malformed',
    'recipient-unavailable',
    'redirect',
    'service-unavailable',
    'remote-server-not-found',
    'remote-server-timeout',
    'internal-server-error',
  ],
  keep: ['policy-violation', 'not-allowed', 'not-acceptable', 'feature-not-implemented'],
} as const;

for (const [expected, conditions] of Object.entries(CONDITIONS)) {
  for (const condition of conditions) {
    test(`a message error with ${condition}: ${expected}`, () => {
      assert.equal(verdict(bounced('message', condition)), expected);
    });
    test(`a presence error of our own side with ${condition}: ${expected}`, () => {
      assert.equal(verdict(bounced('presence', condition, OURS)), expected);
    });
  }
}

test('resource-constraint: keep if the client says it, remove if the queue of our own side is full', () => {
  assert.equal(verdict(bounced('message', 'resource-constraint')), 'keep');
  for (const name of ['message', 'presence'])
    assert.equal(verdict(bounced(name, 'resource-constraint', OURS)), 'remove');
});

test('a message error without a condition: remove', () => {
  assert.equal(verdict(bounced('message', undefined)), 'remove');
});

const OURS = { kind: 'host', domain: 'rooms.localhost' } as StanzaEvent['origin'];
const THEIRS = { kind: 's2s' } as StanzaEvent['origin'];

function bounced(name: string, condition: string | undefined, origin = THEIRS) {
  const inside = condition === undefined ? '' : `<${condition} xmlns='${STANZAS}'/>`;
  const stanza = parseXml(`<${name} type='error'><error type='cancel'>${inside}</error></${name}>`);
  return { stanza, from: Jid.parse('juliet@elsewhere.example/balcony'), origin };
}
