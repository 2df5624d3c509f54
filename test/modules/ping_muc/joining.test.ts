// A join whose answer was lost with the link: without the module, the client would wait forever.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NS } from '../../../src/xml/namespaces.ts';
import { failure, info, presence, result } from '../../support/fake-rooms.ts';
import type { HarnessClient } from '../../support/module-harness.ts';
import { FIRST_QUESTION_S, ROMEO, type Scene, scene, states } from './scene.ts';

const GARDEN = 'garden@rooms.capulet.lit';
const JOIN = `<presence id='join' to='${GARDEN}/Romeo'><x xmlns='${NS.MUC}'/></presence>`;
type Identity = { readonly category: string; readonly type: string };
const REFUSAL = `
  <presence type='error' id='join' from='${GARDEN}/Romeo' to='${ROMEO}'>
    <x xmlns='http://jabber.org/protocol/muc'/>
    <error type='wait'>
      <remote-server-timeout xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>
      <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>Connection to remote server lost</text>
    </error>
  </presence>`;

/** Romeo, who is in the hall, sends a join to the garden, which is lost. */
async function lostJoin(t: Parameters<typeof scene>[0], config = ''): Promise<Scene> {
  const made = await scene(t, config);
  const { rooms, romeo } = made;
  rooms.peer.deaf = true;
  romeo.says(JOIN);
  rooms.peer.deaf = false;
  return made;
}

/** The same, but the join arrives and its answer is lost. */
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

test('the join was lost: the client gets the error of an undeliverable join, and joins again', async (t) => {
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

test('the answer to the join was lost: the room gets a leave first, so that both sides start again', async (t) => {
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

test('the join was lost, the room has an earlier session under another nick, and another client under this one', async (t) => {
  const { h, rooms, romeo } = await lostJoin(t);
  rooms.rooms.set(
    GARDEN,
    new Map([
      [ROMEO, 'Former'],
      ['romeo@montague.lit/phone', 'Romeo'],
    ]),
  );
  rooms.onPing = (ping) =>
    ping.attrs.to === `${GARDEN}/Romeo` ? failure(ping, 'service-unavailable') : rooms.answerPing(ping);
  rooms.onInfo = (query) => info(query, [NS.MUC, NS.MUC_SELF_PING]);
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 1);
  assert.equal(romeo.count(REFUSAL), 1);
  assert.equal(rooms.rooms.get(GARDEN)?.get(ROMEO), undefined, 'a leave makes both sides agree');
});

test('if only the entering client is in doubt, it is asked about first', async (t) => {
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

test('the remote is down: the client gets the error when it is up, because an earlier join would be lost too', async (t) => {
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

test('the remote does not return: the client gets the error at the give-up', async (t) => {
  const { h, rooms, romeo } = await lostJoin(t);
  rooms.peer.reachable = false;
  rooms.peer.cut();
  h.clock.seconds(660);
  assert.equal(romeo.count(REFUSAL), 1);
  assert.equal(romeo.notices.length, 1, 'one notice for the hall');
});

test('the room answers the join after all: no question and no error', async (t) => {
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

test('the room admits the client while it answers that the client is out: the client is in', async (t) => {
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

test('a join after the break is not in doubt', async (t) => {
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

test('the client joins again during a question: the answer is void', async (t) => {
  const { h, rooms, romeo } = await lostJoin(t);
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S);
  romeo.says(JOIN);
  h.clock.seconds(600);
  assert.deepEqual(presences(romeo), ['available']);
});

test('an error that the server itself sends to a client triggers no outage', async (t) => {
  const { h, rooms } = await scene(t);
  const clients = Array.from({ length: 20 }, (_, i) => h.client(`user${i}@montague.lit/x`));
  rooms.peer.deaf = true;
  for (const client of clients) client.says(JOIN);
  rooms.peer.deaf = false;
  rooms.peer.cut();
  h.clock.seconds(600);
  assert.deepEqual([...new Set(clients.flatMap(presences))], ['error']);
  assert.equal(rooms.pings.length, 21, 'one for each join, and one for the hall');
});

test('XEP-0198: a sleeping client gets the error when it wakes up', async (t) => {
  const { h, rooms, romeo } = await lostJoin(t);
  romeo.sleep();
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 1);
  assert.deepEqual(presences(romeo), []);
  romeo.resume();
  h.clock.seconds(1);
  assert.equal(romeo.count(REFUSAL), 1);
});

test('not-allowed: sends no presence probe, whose answer would look like that to the join', async (t) => {
  const { h, rooms, romeo } = await lostAnswer(t);
  rooms.onPing = (ping) =>
    ping.attrs.to?.startsWith(GARDEN) ? failure(ping, 'not-allowed', { by: GARDEN }) : result(ping);
  rooms.peer.cut();
  h.clock.seconds(600);
  assert.equal(rooms.probes.length, 0);
  assert.deepEqual(presences(romeo), ['error']);
  assert.equal(rooms.rooms.get(GARDEN)?.size, 0);
});

/** Romeo joins a room that answers after so many seconds; pings are answered immediately. The link breaks meanwhile. */
async function joinsSlowly(t: Parameters<typeof scene>[0], seconds: number, identity: Identity, config = '') {
  const made = await scene(t, config);
  const { h, rooms, romeo } = made;
  const take = rooms.peer.onStanza;
  rooms.onInfo = (query) => info(query, [NS.MUC], identity);
  rooms.rooms.set(GARDEN, new Map());
  rooms.peer.onStanza = (stanza) => {
    if (stanza.attrs.id === 'join') h.clock.after(seconds * 1_000, () => take(stanza));
    else take(stanza);
  };
  romeo.says(JOIN);
  h.clock.seconds(1);
  rooms.peer.cut();
  return made;
}

for (const identity of [
  { category: 'gateway', type: 'matrix' },
  { category: 'conference', type: 'irc' },
]) {
  test(`${identity.category}/${identity.type} answers the join after 90 s, and pings immediately: no error, and the client is in`, async (t) => {
    const { h, rooms, romeo } = await joinsSlowly(t, 90, identity);
    h.clock.seconds(600);
    assert.deepEqual(presences(romeo), ['available']);
    assert.deepEqual(await states(h), ['joined', 'joined']);
    assert.equal(rooms.infos.length, 1, 'the service says once what it is');
  });
}

test('a gateway that has not answered a join after two minutes: the client gets the error', async (t) => {
  const { h, romeo } = await joinsSlowly(t, 1e6, { category: 'gateway', type: 'matrix' });
  h.clock.seconds(118);
  assert.deepEqual(presences(romeo), []);
  h.clock.seconds(3);
  assert.equal(romeo.count(REFUSAL), 1);
  assert.deepEqual(await states(h), ['joined']);
});

test('another service that has not answered a join after the delay: the client gets the error', async (t) => {
  const { h, romeo } = await joinsSlowly(t, 1e6, { category: 'conference', type: 'text' });
  h.clock.seconds(FIRST_QUESTION_S + 1);
  assert.equal(romeo.count(REFUSAL), 1);
});
