import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  clearHistory,
  type HistoryMemory,
  remember,
  selectHistory,
} from '../../../modules/muc/engine/ring.ts';
import type { Room } from '../../../modules/muc/model/room.ts';
import { ByteBudget } from '../../../src/util/byte-budget.ts';
import { parseElement } from '../../../src/xml/copy.ts';
import { type Attrs, type Stanza, xml } from '../../../src/xml/element.ts';
import { parseXml } from '../../support/match.ts';
import { configured, emptyRoom, HALL, joined, roomServer, roomWith, settled } from './rooms.ts';

const NOW = Date.parse('2026-01-01T12:00:00Z');
const JULIET = 'juliet@localhost/balcony';

/** A room with `count` messages, one a minute, the last one now. */
function roomWithHistory(count: number, options: Record<string, unknown> = {}): Room {
  const room = emptyRoom(options);
  for (let n = 1; n <= count; n++) {
    const message = xml(
      'message',
      { type: 'groupchat', id: `m${n}`, from: `${HALL}/Romeo` },
      xml('body', {}, `word ${n}`),
    );
    remember(alone(room), room, message, NOW - (count - n) * 60_000);
  }
  return room;
}

function chosen(room: Room, wish?: Attrs): (string | undefined)[] {
  const history = wish && xml('history', wish);
  return selectHistory(room, JULIET, history, NOW).map(({ text }) => parseElement(text).attrs.id);
}

/** The memory of a service with these rooms. */
function memoryOf(rooms: readonly Room[], max: number): HistoryMemory {
  return {
    rooms: new Map(rooms.map((room, n) => [`room${n}`, room])),
    budgets: { history: new ByteBudget(max) },
  };
}

const alone = (room: Room) => memoryOf([room], Number.POSITIVE_INFINITY);

function said(id: string, inside: string): Stanza {
  return parseXml(`<message type='groupchat' id='${id}' from='${HALL}/Romeo'>${inside}</message>`);
}

test('XEP-0045 §7.2.14: without limits, a client gets the whole history', () => {
  assert.deepEqual(chosen(roomWithHistory(3)), ['m1', 'm2', 'm3']);
});

test('XEP-0045 §7.2.14: maxstanzas limits the history to the newest messages', () => {
  assert.deepEqual(chosen(roomWithHistory(3), { maxstanzas: '2' }), ['m2', 'm3']);
  assert.deepEqual(chosen(roomWithHistory(3), { maxstanzas: '0' }), []);
});

test('XEP-0045 §7.2.14: seconds and since limit the history by age', () => {
  assert.deepEqual(chosen(roomWithHistory(3), { seconds: '61' }), ['m2', 'm3']);
  assert.deepEqual(chosen(roomWithHistory(3), { since: '2026-01-01T11:59:30Z' }), ['m3']);
  assert.deepEqual(chosen(roomWithHistory(3), { since: '1970-01-01T00:00:00Z' }), ['m1', 'm2', 'm3']);
});

test('XEP-0045 §7.2.14: maxchars counts complete stanzas, and cuts none', () => {
  const room = roomWithHistory(3);
  const length = (id: string) =>
    parseElement(room.history.find(({ text }) => text.includes(`id='${id}'`))!.text)
      .with({ to: JULIET })
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

test('XEP-0045 §7.2.14: ignores invalid limits', () => {
  assert.deepEqual(
    chosen(roomWithHistory(2), { maxstanzas: '-1', seconds: 'x', since: 'then', maxchars: '1e9' }),
    ['m1', 'm2'],
  );
});

test('the history of a room is bounded in messages and in bytes', () => {
  assert.deepEqual(chosen(roomWithHistory(30)).length, 20);
  assert.deepEqual(chosen(roomWithHistory(30, { muc_room_default_history_length: 2 })), ['m29', 'm30']);
  const room = roomWithHistory(1);
  const large = xml(
    'message',
    { type: 'groupchat', id: 'large', from: HALL },
    xml('body', {}, 'x'.repeat(200_000)),
  );
  for (let n = 0; n < 3; n++) remember(alone(room), room, large, NOW);
  assert.deepEqual(chosen(room), ['large']);
});

test('the bytes of the history are counted, and released when messages are dropped', () => {
  const room = roomWithHistory(0);
  const memory = alone(room);
  remember(memory, room, said('latin', `<body>${'x'.repeat(1000)}</body>`), NOW);
  const latin = room.historyBytes;
  remember(memory, room, said('greek', `<body>${'\u03BE'.repeat(1000)}</body>`), NOW);
  assert.ok(latin > 1000 && latin < 1600, `${latin}`);
  assert.ok(room.historyBytes > latin + 2000, 'two bytes per character');
  assert.equal(memory.budgets.history.used, room.historyBytes);
  clearHistory(memory, room);
  assert.deepEqual([room.historyBytes, memory.budgets.history.used, room.history], [0, 0, []]);
});

test('the history omits a message of many small elements, which would be expensive to parse', () => {
  const room = roomWithHistory(1);
  remember(alone(room), room, said('heavy', '<a/>'.repeat(16_000)), NOW);
  assert.deepEqual(chosen(room), ['m1']);
  for (let n = 0; n < 20; n++) remember(alone(room), room, said(`h${n}`, '<a/>'.repeat(1_000)), NOW);
  assert.equal(chosen(room).length, 6, 'the newest of many smaller messages');
});

test('when all rooms together exceed the bound, only the room with the largest history drops messages', () => {
  const rooms = [roomWithHistory(3), roomWithHistory(3), roomWithHistory(0)];
  const [quiet, loud, fresh] = rooms as [Room, Room, Room];
  const memory = memoryOf(rooms, 100_000);
  for (const room of [quiet, loud]) memory.budgets.history.force(room.historyBytes);
  for (let n = 0; n < 200; n++) {
    remember(memory, loud, said(`n${n}`, `<body>${'x'.repeat(10_000)}</body>`), NOW);
    assert.ok(memory.budgets.history.used <= 100_000);
  }
  assert.deepEqual(chosen(quiet), ['m1', 'm2', 'm3']);
  remember(memory, fresh, said('hello', `<body>${'x'.repeat(50_000)}</body>`), NOW);
  assert.deepEqual(chosen(fresh), ['hello']);
  assert.equal(chosen(loud).at(-1), 'n199');
});

test('messages of the history are equivalent to the sent ones, whatever they contain', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Rom$&amp;eo');
  const inside = `<body xml:lang='de'>a &lt; b $&amp; \u03BE \u{1F339}</body>
    <x xmlns='urn:x' a='1' p:b='2' xmlns:p='urn:p'><y/>text<z xmlns='urn:z'>]]&gt;</z></x>`;
  romeo.send(`<message to='${HALL}' type='groupchat' id='m'>${inside}</message>`);
  const live = await romeo.next();
  const seen = (await joined(juliet, 'Juliet')).find(({ attrs }) => attrs.id === 'm')!;
  const withoutStamp = seen.children.filter((node) => typeof node === 'string' || node.name !== 'delay');
  assert.equal(
    String(seen.withChildren(withoutStamp).with({ to: undefined })),
    String(live.with({ to: undefined })),
  );
});

test('XEP-0045 §7.2.13: the room stamps the history, in UTC; the subject is not part of it', async (t) => {
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

test('XEP-0045 §7.2.14: maxchars 0 omits the history, but not the subject', async (t) => {
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

test('muc#maxhistoryfetch: a smaller value drops the oldest messages', async (t) => {
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
