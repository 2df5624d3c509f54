import assert from 'node:assert/strict';
import { test } from 'node:test';
import { remember, selectHistory } from '../../../modules/muc/history.ts';
import { OPTIONS } from '../../../modules/muc/options.ts';
import type { Room } from '../../../modules/muc/room.ts';
import { initialConfig } from '../../../modules/muc/settings/index.ts';
import { parseOptions } from '../../../src/config/options.ts';
import { type Attrs, xml } from '../../../src/xml/element.ts';
import { configured, HALL, joined, roomServer, roomWith, settled } from './rooms.ts';

const NOW = Date.parse('2026-01-01T12:00:00Z');
const JULIET = 'juliet@localhost/balcony';

/** A room that was told `count` messages, one a minute, the last one just now. */
function roomWithHistory(count: number, options: Record<string, unknown> = {}): Room {
  const room: Room = {
    name: 'hall',
    jid: HALL,
    config: initialConfig(parseOptions(OPTIONS, options)),
    standings: new Map(),
    reserved: new Map(),
    standingBytes: 0,
    occupants: new Map(),
    seats: new Map(),
    history: [],
    subject: undefined,
    secret: 'secret',
    lockedSince: undefined,
    configuring: false,
    invitations: new Map(),
    turn: 0,
  };
  for (let n = 1; n <= count; n++) {
    const message = xml(
      'message',
      { type: 'groupchat', id: `m${n}`, from: `${HALL}/Romeo` },
      xml('body', {}, `word ${n}`),
    );
    remember(room, message, NOW - (count - n) * 60_000, message.toString().length);
  }
  return room;
}

function chosen(room: Room, wish?: Attrs): (string | undefined)[] {
  const history = wish && xml('history', wish);
  return selectHistory(room, JULIET, history, NOW).map(({ stanza }) => stanza.attrs.id);
}

test('XEP-0045 §7.2.14: without a wish, all that the room keeps', () => {
  assert.deepEqual(chosen(roomWithHistory(3)), ['m1', 'm2', 'm3']);
});

test('XEP-0045 §7.2.14: maxstanzas limits to the newest messages', () => {
  assert.deepEqual(chosen(roomWithHistory(3), { maxstanzas: '2' }), ['m2', 'm3']);
  assert.deepEqual(chosen(roomWithHistory(3), { maxstanzas: '0' }), []);
});

test('XEP-0045 §7.2.14: seconds and since limit by age', () => {
  assert.deepEqual(chosen(roomWithHistory(3), { seconds: '61' }), ['m2', 'm3']);
  assert.deepEqual(chosen(roomWithHistory(3), { since: '2026-01-01T11:59:30Z' }), ['m3']);
  assert.deepEqual(chosen(roomWithHistory(3), { since: '1970-01-01T00:00:00Z' }), ['m1', 'm2', 'm3']);
});

test('XEP-0045 §7.2.14: maxchars counts the complete stanzas, and sends no part of one', () => {
  const room = roomWithHistory(3);
  const length = (id: string) =>
    room.history
      .find(({ stanza }) => stanza.attrs.id === id)!
      .stanza.with({ to: JULIET })
      .toString().length;
  const two = length('m2') + length('m3');
  assert.deepEqual(chosen(room, { maxchars: String(two) }), ['m2', 'm3']);
  assert.deepEqual(chosen(room, { maxchars: String(two - 1) }), ['m3']);
  assert.deepEqual(chosen(room, { maxchars: '0' }), []);
});

test('XEP-0045 §7.2.14: "the smallest amount of traffic that meets any combination"', () => {
  const room = roomWithHistory(5);
  assert.deepEqual(chosen(room, { maxstanzas: '4', seconds: '121', maxchars: '100000' }), ['m3', 'm4', 'm5']);
  assert.deepEqual(chosen(room, { maxstanzas: '1', seconds: '121' }), ['m5']);
});

test('XEP-0045 §7.2.14: nonsense limits nothing', () => {
  assert.deepEqual(
    chosen(roomWithHistory(2), { maxstanzas: '-1', seconds: 'x', since: 'then', maxchars: '1e9' }),
    ['m1', 'm2'],
  );
});

test('a room keeps as many messages as it is configured to, and no large amount of them', () => {
  assert.deepEqual(chosen(roomWithHistory(30)).length, 20);
  assert.deepEqual(chosen(roomWithHistory(30, { muc_room_default_history_length: 2 })), ['m29', 'm30']);
  const room = roomWithHistory(1);
  const large = xml(
    'message',
    { type: 'groupchat', id: 'large', from: HALL },
    xml('body', {}, 'x'.repeat(200_000)),
  );
  for (let n = 0; n < 3; n++) remember(room, large, NOW, large.toString().length);
  assert.deepEqual(chosen(room), ['large']);
});

test('XEP-0045 §7.2.13: history is stamped by the room, in UTC; the subject is no part of it', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo');
  romeo.send(`<message to='${HALL}' type='groupchat' id='m1'><subject>old</subject></message>`);
  romeo.send(`<message to='${HALL}' type='groupchat' id='m2' xml:lang='en'><body>hello</body></message>`);
  romeo.send(
    `<message to='${HALL}' type='groupchat' id='m3'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`,
  );
  romeo.send(`<message to='${HALL}' type='groupchat' id='m4'><subject>new</subject></message>`);
  await settled(romeo);
  const messages = (await joined(juliet, 'Juliet')).filter(({ name }) => name === 'message');
  assert.deepEqual(
    messages.map((message) => [
      message.attrs.id,
      message.getChildText('body'),
      message.getChildText('subject'),
    ]),
    [
      ['m2', 'hello', undefined],
      [undefined, undefined, 'new'],
    ],
  );
  const delay = messages[0]?.getChild('delay', 'urn:xmpp:delay');
  assert.equal(delay?.attrs.from, HALL);
  assert.match(delay?.attrs.stamp ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.equal(messages[0]?.attrs['xml:lang'], 'en');
});

test('XEP-0045 §7.2.14: maxchars 0 asks for no history at all, the subject still comes', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo');
  romeo.send(`<message to='${HALL}' type='groupchat' id='m2'><body>hello</body></message>`);
  await settled(romeo);
  const seen = await joined(juliet, 'Juliet', `<history maxchars='0'/>`);
  assert.deepEqual(
    seen.map(({ name }) => name),
    ['presence', 'presence', 'message'],
  );
});

test('muc#maxhistoryfetch: a smaller value forgets what is too much', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo');
  for (const id of ['a', 'b', 'c'])
    romeo.send(`<message to='${HALL}' type='groupchat' id='${id}'><body>${id}</body></message>`);
  await configured(romeo, { 'muc#maxhistoryfetch': '1' });
  const seen = await joined(juliet, 'Juliet');
  assert.deepEqual(
    seen.map(({ attrs }) => attrs.id).filter((id) => id !== undefined && id !== 'join'),
    ['c'],
  );
});
