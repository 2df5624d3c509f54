// A join whose answer was lost with the link: nobody would ever answer it, and the client would wait for ever.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NS } from '../../../src/xml/namespaces.ts';
import { failure, presence, result } from '../../support/fake-rooms.ts';
import type { HarnessClient } from '../../support/module-harness.ts';
import { FIRST_QUESTION_S, ROMEO, type Scene, scene, states } from './scene.ts';

const GARDEN = 'garden@rooms.capulet.lit';
const JOIN = `<presence id='join' to='${GARDEN}/Romeo'><x xmlns='${NS.MUC}'/></presence>`;
const REFUSAL = `
  <presence type='error' id='join' from='${GARDEN}/Romeo' to='${ROMEO}'>
    <x xmlns='http://jabber.org/protocol/muc'/>
    <error type='wait'>
      <remote-server-timeout xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>
      <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>Connection to remote server lost</text>
    </error>
  </presence>`;

/** The hall’s romeo wants to enter the garden too, and the request is lost. */
async function lostJoin(t: Parameters<typeof scene>[0], config = ''): Promise<Scene> {
  const made = await scene(t, config);
  const { rooms, romeo } = made;
  rooms.peer.deaf = true;
  romeo.says(JOIN);
  rooms.peer.deaf = false;
  return made;
}

/** … or it arrives, and the answer is lost. */
async function lostAnswer(t: Parameters<typeof scene>[0]): Promise<Scene> {
  const made = await scene(t);
  const { h, rooms, romeo } = made;
  romeo.says(JOIN);
  h.clock.advance(rooms.peer.roundTripMs / 2);
  assert.ok(rooms.rooms.get(GARDEN)?.has(ROMEO));
  return made;
}

function presences(client: HarnessClient): string[] {
  return client.inbox.filter(({ name }) => name === 'presence').map(({ attrs }) => attrs.type ?? 'available');
}

test('the request was lost: the client is told, in the words of a join that cannot be delivered, and joins again', async (t) => {
  const { h, rooms, romeo } = await lostJoin(t);
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S - 1);
  assert.deepEqual(romeo.inbox, []);
  h.clock.seconds(2);
  assert.equal(romeo.count(REFUSAL), 1);
  assert.deepEqual(presences(romeo), ['error']);
  assert.deepEqual(await states(h), ['joined']);
  romeo.heard();
  romeo.says(JOIN);
  h.clock.seconds(3_600);
  assert.deepEqual(presences(romeo), ['available']);
  assert.deepEqual(await states(h), ['joined', 'joined']);
});

test('the answer was lost: out of the room first, so that both sides begin anew', async (t) => {
  const { h, rooms, romeo } = await lostAnswer(t);
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 1);
  assert.equal(romeo.count(REFUSAL), 1);
  assert.deepEqual(presences(romeo), ['error']);
  assert.equal(rooms.rooms.get(GARDEN)?.size, 0);
  romeo.heard();
  romeo.says(JOIN);
  h.clock.seconds(1);
  assert.deepEqual(presences(romeo), ['available']);
  assert.equal(rooms.rooms.get(GARDEN)?.get(ROMEO), 'Romeo');
});

test('nobody else is in doubt: the client that waits is asked about first', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  romeo.says(`<presence type='unavailable' to='hall@rooms.capulet.lit/Romeo'/>`);
  h.clock.seconds(1);
  romeo.heard();
  rooms.peer.deaf = true;
  romeo.says(JOIN);
  rooms.peer.deaf = false;
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 1);
  assert.equal(romeo.count(REFUSAL), 1);
  assert.deepEqual(await states(h), []);
});

test('the domain is away: told when it is back, for before that the next join would be lost too', async (t) => {
  const { h, rooms, romeo } = await lostJoin(t);
  rooms.peer.reachable = false;
  rooms.peer.cut();
  h.clock.seconds(300);
  assert.deepEqual(romeo.inbox, []);
  rooms.peer.reachable = true;
  rooms.peer.openIn();
  h.clock.seconds(6);
  assert.deepEqual(presences(romeo), ['error']);
});

test('the domain does not come back: told when all hope is gone', async (t) => {
  const { h, rooms, romeo } = await lostJoin(t);
  rooms.peer.reachable = false;
  rooms.peer.cut();
  h.clock.seconds(660);
  assert.equal(romeo.count(REFUSAL), 1);
  assert.equal(romeo.notices.length, 1, 'and of the hall as ever');
});

test('the room answers after all: nothing is asked, nothing is said', async (t) => {
  const { h, rooms, romeo } = await lostJoin(t);
  rooms.peer.cut();
  h.clock.seconds(30);
  rooms.rooms.set(GARDEN, new Map([[ROMEO, 'Romeo']]));
  rooms.peer.says(presence(`${GARDEN}/Romeo`, ROMEO, ['110']));
  h.clock.seconds(600);
  assert.deepEqual(presences(romeo), ['available']);
  assert.deepEqual(
    rooms.pings.map(({ attrs }) => attrs.to),
    ['hall@rooms.capulet.lit/Romeo'],
  );
});

test('the room lets the client in while it says that it is not: in', async (t) => {
  const { h, rooms, romeo } = await lostJoin(t);
  rooms.onPing = (ping) => {
    if (!ping.attrs.to?.startsWith(GARDEN)) return result(ping);
    rooms.rooms.set(GARDEN, new Map([[ROMEO, 'Romeo']]));
    rooms.peer.says(presence(`${GARDEN}/Romeo`, ROMEO, ['110']));
    return failure(ping, 'not-acceptable', { type: 'cancel', by: GARDEN });
  };
  rooms.peer.cut();
  h.clock.seconds(3_600);
  assert.deepEqual(presences(romeo), ['available']);
  assert.deepEqual(await states(h), ['joined', 'joined']);
});

test('a join from after the break is none of those', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  rooms.peer.cut();
  h.clock.seconds(30);
  rooms.peer.onStanza = ((take) => (stanza) => {
    if (stanza.attrs.id !== 'join') take(stanza);
  })(rooms.peer.onStanza);
  romeo.says(JOIN);
  h.clock.seconds(600);
  assert.deepEqual(romeo.inbox, []);
  assert.equal(rooms.pings.length, 1);
});

test('the client asks again while it is asked about: what was found out is void', async (t) => {
  const { h, rooms, romeo } = await lostJoin(t);
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S);
  romeo.says(JOIN);
  h.clock.seconds(600);
  assert.deepEqual(presences(romeo), ['available']);
});

test('what we say ourselves, one client after the other, is no new cause to ask everybody', async (t) => {
  const { h, rooms } = await scene(t);
  const clients = Array.from({ length: 20 }, (_, i) => h.client(`user${i}@montague.lit/x`));
  rooms.peer.deaf = true;
  for (const client of clients) client.says(JOIN);
  rooms.peer.deaf = false;
  rooms.peer.cut();
  h.clock.seconds(600);
  assert.deepEqual([...new Set(clients.flatMap(presences))], ['error']);
  assert.equal(rooms.pings.length, 21, 'each once, and the hall');
});

test('XEP-0198: a sleeping client is told when it is back', async (t) => {
  const { h, rooms, romeo } = await lostJoin(t);
  romeo.sleep();
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 1);
  assert.deepEqual(presences(romeo), []);
  romeo.resume();
  h.clock.seconds(1);
  assert.equal(romeo.count(REFUSAL), 1);
});

test('not-allowed: no presence probe, whose answer would look like that to the join', async (t) => {
  const { h, rooms, romeo } = await lostAnswer(t);
  rooms.onPing = (ping) =>
    ping.attrs.to?.startsWith(GARDEN) ? failure(ping, 'not-allowed', { by: GARDEN }) : result(ping);
  rooms.peer.cut();
  h.clock.seconds(600);
  assert.equal(rooms.probes.length, 0);
  assert.deepEqual(presences(romeo), ['error']);
  assert.equal(rooms.rooms.get(GARDEN)?.size, 0);
});
