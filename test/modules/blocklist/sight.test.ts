// What blocked users see of the user: B10, B13, B16 to B20.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Stanza } from '../../../src/xml/element.ts';
import { becomeAvailable, requestRoster, rosters, setRoster, settled } from '../../support/contacts.ts';
import {
  arrives,
  BALCONY,
  block,
  CHAMBER,
  departures,
  enters,
  friends,
  hasCode,
  JULIET,
  lists,
  ORCHARD,
  ROMEO,
  ROOM,
  scene,
  TYBALT,
  takeAll,
  unblock,
} from './scene.ts';

const DELAY = `<delay xmlns='urn:xmpp:delay' from='capulet.lit' stamp='{any}'/>`;
const unavailable = (from: string) =>
  `<presence type='unavailable' id='{any}' from='${from}' to='${ROMEO}'/>`;

/** Recipient and type of each stanza. */
function summary(sent: readonly Stanza[]): string[] {
  return sent.map(({ name, attrs: { type = 'available', from, to } }) => `${name} ${type} ${from} → ${to}`);
}

test('B10: broadcast presence is left out for a blocked subscriber, and `unavailable` too', async (t) => {
  const { server, juliet, romeo } = await friends(t);
  await block(juliet, ROMEO);
  await romeo.receives(unavailable(BALCONY));
  juliet.send(`<presence id='a'><show>away</show></presence>`);
  const chamber = await server.client(CHAMBER);
  await becomeAvailable(chamber);
  juliet.send(`<presence type='unavailable' id='u'/>`);
  await takeAll(chamber);
  chamber.drop();
  await takeAll(juliet);
  await settled(romeo);
});

test('B13: no probes and no repeated requests go to a blocked contact', async (t) => {
  const { server, juliet } = await scene(t);
  const sent = departures(server);
  await setRoster(server, JULIET, {
    [TYBALT]: 'both',
    'mercutio@verona.lit': 'none + out',
    'paris@siena.lit': 'to',
  });
  await block(juliet, 'verona.lit');
  await becomeAvailable(juliet);
  assert.deepEqual(summary(sent), [`presence probe ${BALCONY} → paris@siena.lit`]);
});

test('B16: at block each available session sends `unavailable` to every subscriber that the item matches', async (t) => {
  const { server, juliet } = await scene(t);
  const sent = departures(server);
  const chamber = await server.client(CHAMBER);
  await server.client(`${JULIET}/hall`);
  await setRoster(server, JULIET, {
    [TYBALT]: 'from',
    'mercutio@verona.lit': 'both',
    'abram@verona.lit': 'to',
    'paris@siena.lit': 'both',
  });
  await becomeAvailable(juliet);
  await becomeAvailable(chamber);
  await takeAll(juliet);
  sent.length = 0;
  await block(juliet, 'verona.lit');
  await settled(juliet);
  assert.deepEqual(
    summary(sent).sort(),
    [TYBALT, 'mercutio@verona.lit']
      .flatMap((to) => [BALCONY, CHAMBER].map((from) => `presence unavailable ${from} → ${to}`))
      .sort(),
  );
});

test('B16: the same to every directed address, of which the end of the session then says nothing', async (t) => {
  const { server, juliet } = await scene(t);
  const sent = departures(server);
  for (const to of [`${TYBALT}/street`, `${TYBALT}/home`, 'paris@siena.lit'])
    juliet.send(`<presence to='${to}'/>`);
  await settled(juliet);
  sent.length = 0;
  await block(juliet, `${TYBALT}/street`);
  await settled(juliet);
  assert.deepEqual(summary(sent), [`presence unavailable ${BALCONY} → ${TYBALT}/street`]);
  sent.length = 0;
  juliet.send(`<presence type='unavailable'/>`);
  await settled(juliet);
  assert.deepEqual(summary(sent), [
    `presence unavailable ${BALCONY} → ${TYBALT}/home`,
    `presence unavailable ${BALCONY} → paris@siena.lit`,
  ]);
});

test('B16: who was blocked before is not told again', async (t) => {
  const { server, juliet } = await scene(t);
  const sent = departures(server);
  await setRoster(server, JULIET, { [TYBALT]: 'both', 'mercutio@verona.lit': 'both' });
  await becomeAvailable(juliet);
  await block(juliet, TYBALT);
  await settled(juliet);
  sent.length = 0;
  await block(juliet, 'verona.lit');
  await settled(juliet);
  assert.deepEqual(summary(sent), [`presence unavailable ${BALCONY} → mercutio@verona.lit`]);
});

test('B16: a matched room is left, its entry dropped; the client hears it from the room', async (t) => {
  const { server, juliet, romeo } = await scene(t);
  const chamber = await server.client(CHAMBER);
  await enters(romeo, 'Romeo');
  await enters(juliet, 'Juliet');
  await enters(chamber, 'Julia');
  for (const client of [juliet, romeo]) await takeAll(client);
  await block(juliet, 'rooms.montague.lit');
  for (const [client, nick] of [
    [juliet, 'Juliet'],
    [chamber, 'Julia'],
  ] as const) {
    const [left, ...more] = await takeAll(client);
    assert.deepEqual([left?.attrs.from, left?.attrs.type], [`${ROOM}/${nick}`, 'unavailable']);
    assert.ok(left && hasCode(left, '110'));
    assert.deepEqual(more, []);
  }
  const seen = await takeAll(romeo);
  assert.deepEqual(
    seen.map(({ attrs }) => attrs.type),
    ['unavailable', 'unavailable'],
  );
  const { rows } = await server.server.commands.run('joins', { who: JULIET }, { by: 'test' });
  assert.deepEqual(rows, []);
  juliet.drop(); // Nothing is left to say.
  await settled(romeo);
});

test('B17: a waiting request of the JID is forgotten, silently; subscriptions stay', async (t) => {
  const { server, juliet } = await scene(t);
  const sent = departures(server);
  await setRoster(server, JULIET, { [TYBALT]: 'to', 'paris@siena.lit': 'none' });
  await requestRoster(juliet);
  for (const from of [TYBALT, 'mercutio@verona.lit', 'paris@siena.lit'])
    arrives(server, `<presence type='subscribe' from='${from}' to='${JULIET}'/>`);
  await settled(juliet);
  await block(juliet, 'verona.lit');
  await settled(juliet);
  assert.deepEqual(sent, []);
  const roster = (await rosters(server, 'juliet', 'capulet.lit')).get('juliet');
  assert.deepEqual(
    Object.values(roster?.items ?? {}).map(({ jid, state }) => [jid, state]),
    [
      [TYBALT, 'to'],
      ['paris@siena.lit', 'none + in'],
    ],
  );
  const shown = await server.client(CHAMBER);
  shown.send('<presence/>');
  assert.deepEqual(
    (await takeAll(shown)).flatMap(({ attrs: { type, from } }) => (type === 'subscribe' ? [from] : [])),
    ['paris@siena.lit'],
  );
});

test('B18: unblock sends presence with delay to subscribers', async (t) => {
  const { juliet, romeo } = await friends(t);
  await block(juliet, ROMEO);
  await romeo.receives(unavailable(BALCONY));
  juliet.send(`<presence><show>dnd</show></presence>`);
  await takeAll(juliet);
  await unblock(juliet, ROMEO);
  await romeo.receives(`<presence from='${BALCONY}' to='${ROMEO}'><show>dnd</show>${DELAY}</presence>`);
  await juliet.receives(`<presence from='${ORCHARD}' to='${JULIET}'/>`);
  await settled(juliet, romeo);
});

test('B18: unblock, of all too, sends probes to those we see: they heal what changed meanwhile', async (t) => {
  const { server, juliet } = await scene(t);
  const sent = departures(server);
  await setRoster(server, JULIET, { [TYBALT]: 'both', 'paris@siena.lit': 'to', 'abram@verona.lit': 'from' });
  await becomeAvailable(juliet);
  await requestRoster(juliet);
  await block(juliet, 'verona.lit', TYBALT);
  await settled(juliet);
  sent.length = 0;
  await unblock(juliet, 'verona.lit');
  await settled(juliet);
  assert.deepEqual(summary(sent), [`presence available ${BALCONY} → abram@verona.lit`]);
  sent.length = 0;
  await unblock(juliet);
  await settled(juliet);
  assert.deepEqual(summary(sent), [
    `presence available ${BALCONY} → ${TYBALT}`,
    `presence probe ${JULIET} → ${TYBALT}`,
  ]);
  arrives(server, `<presence type='unsubscribed' from='${TYBALT}' to='${JULIET}'/>`);
  await juliet.receives(`<presence type='unsubscribed' from='${TYBALT}' to='${JULIET}'/>`);
});

test('B18: without an available session unblock sends nothing', async (t) => {
  const { server, juliet } = await scene(t);
  const sent = departures(server);
  await setRoster(server, JULIET, { [TYBALT]: 'both' });
  await block(juliet, TYBALT);
  await unblock(juliet, TYBALT);
  await settled(juliet);
  assert.deepEqual(sent, []);
});

test('B19: what waits from that JID stays', async (t) => {
  const { juliet, romeo } = await scene(t);
  romeo.send(`<message type='chat' to='${JULIET}'><body>Before</body></message>`);
  await settled(romeo);
  await block(juliet, ROMEO);
  juliet.send('<presence/>');
  const taken = await takeAll(juliet);
  assert.deepEqual(
    taken.flatMap((stanza) => stanza.getChildText('body') ?? []),
    ['Before'],
  );
  await lists(juliet, ROMEO);
});
