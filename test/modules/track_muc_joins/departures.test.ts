// Unconfirmed leaves, and answers to them that must not reach the next session with the same full JID.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newDepartures } from '../../../modules/track_muc_joins/departure_data.ts';
import { Departures } from '../../../modules/track_muc_joins/departures.ts';
import type { Join } from '../../../modules/track_muc_joins/join.ts';
import type { Link } from '../../../src/api/link.ts';
import { Jid } from '../../../src/xml/jid.ts';
import { FakeRooms, failure, presence } from '../../support/fake-rooms.ts';
import { HandClock, type Harness, type HarnessClient, harness } from '../../support/module-harness.ts';

const ROOM = 'hall@rooms.capulet.lit';
const ROMEO = 'romeo@montague.lit/orchard';
const ENTERS = `<x xmlns='http://jabber.org/protocol/muc'/>`;

interface Stage {
  readonly h: Harness;
  readonly rooms: FakeRooms;
  readonly romeo: HarnessClient;
  /** `nick state` of each join. */
  joins(): Promise<string[]>;
}

async function joined(t: Parameters<typeof harness>[0]): Promise<Stage> {
  const h = await harness(t);
  const rooms = new FakeRooms(h);
  const romeo = h.client(ROMEO);
  romeo.joins(`${ROOM}/Romeo`);
  h.clock.seconds(1);
  const joins = async () => {
    const { rows = [] } = await h.command('joins');
    return rows.map(({ nick, state }) => `${nick} ${state}`);
  };
  return { h, rooms, romeo, joins };
}

test("a new session joins again immediately: it does not get the confirmation of the former session's leave", async (t) => {
  const { h, romeo, joins } = await joined(t);
  romeo.close();
  const successor = h.client(ROMEO);
  successor.joins(`${ROOM}/Romeo`);
  h.clock.seconds(1);
  assert.deepEqual(
    successor.inbox.filter(({ name }) => name === 'presence').map(({ attrs }) => attrs.type),
    [undefined],
  );
  assert.deepEqual(await joins(), ['Romeo joined']);
});

test('the same if the former session had sent unavailable presence to all', async (t) => {
  const { h, romeo } = await joined(t);
  romeo.says(`<presence/>`);
  romeo.says(`<presence type='unavailable' id='bye'/>`);
  romeo.close();
  const successor = h.client(ROMEO);
  successor.joins(`${ROOM}/Romeo`);
  h.clock.seconds(1);
  assert.deepEqual(
    successor.inbox.filter(({ name }) => name === 'presence').map(({ attrs }) => attrs.type),
    [undefined],
  );
});

for (const farewell of ['', `<presence type='unavailable' id='bye'/>`]) {
  const how = farewell === '' ? 'has ended' : 'has sent unavailable presence and ended';
  test(`a service refuses the leave of a session that ${how}: the next session gets no error`, async (t) => {
    const { h, rooms, romeo, joins } = await joined(t);
    rooms.forget({ gone: true });
    rooms.refusesStrangers = true;
    romeo.says('<presence/>');
    if (farewell) romeo.says(farewell);
    romeo.close();
    const successor = h.client(ROMEO);
    successor.says(`<presence id='join' to='${ROOM}/Romeo'>${ENTERS}</presence>`);
    h.clock.seconds(1);
    assert.deepEqual(
      successor.inbox.filter(({ name }) => name === 'presence').map(({ attrs }) => attrs.type),
      [undefined],
    );
    assert.deepEqual(await joins(), ['Romeo joined']);
  });
}

test('the answer to a join of a session that has ended does not reach the next session', async (t) => {
  const { h, romeo } = await joined(t);
  romeo.joins('garden@rooms.capulet.lit/Romeo');
  romeo.close();
  const successor = h.client(ROMEO);
  h.clock.seconds(1);
  assert.deepEqual(
    successor.inbox.filter(({ name }) => name === 'presence'),
    [],
  );
});

test('RFC 6120 §8.1.3: an error to presence before the join does not fail the join', async (t) => {
  const { h, rooms, romeo, joins } = await joined(t);
  rooms.forget();
  rooms.refusesStrangers = true;
  romeo.says(`<presence id='away' to='${ROOM}/Romeo'><show>away</show></presence>`);
  romeo.says(`<presence id='join' to='${ROOM}/Romeo'>${ENTERS}</presence>`);
  h.clock.seconds(1);
  assert.deepEqual(await joins(), ['Romeo joined']);
  assert.equal(rooms.rooms.get(ROOM)?.get(ROMEO), 'Romeo');
});

test('an error with the id of the join, or without an id, fails the join', async (t) => {
  const { h, rooms, romeo, joins } = await joined(t);
  rooms.peer.onStanza = () => {};
  for (const id of [`id='join'`, '']) {
    romeo.says(`<presence id='join' to='garden@rooms.capulet.lit/Romeo'>${ENTERS}</presence>`);
    assert.deepEqual(await joins(), ['Romeo joined', 'Romeo joining']);
    rooms.peer.says(
      `<presence type='error' ${id} from='garden@rooms.capulet.lit/Romeo' to='${ROMEO}'>
         <error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>`,
    );
    h.clock.seconds(1);
    assert.deepEqual(await joins(), ['Romeo joined']);
  }
});

test('an error without id may answer an earlier leave: the client is in once the room lets it in', async (t) => {
  const { h, rooms, romeo, joins } = await joined(t);
  rooms.forget();
  rooms.refusesStrangers = true;
  romeo.says(`<presence type='unavailable' to='${ROOM}/Romeo'/>`);
  romeo.says(`<presence id='join' to='${ROOM}/Romeo'>${ENTERS}</presence>`);
  h.clock.seconds(1);
  assert.deepEqual(await joins(), ['Romeo joined']);
  assert.equal(rooms.rooms.get(ROOM)?.get(ROMEO), 'Romeo');
});

test('XEP-0045 §7.2: the error for an undeliverable join has the muc x, like the error of a room', async (t) => {
  const { h, rooms, romeo } = await joined(t);
  rooms.peer.reachable = false;
  rooms.peer.cut();
  romeo.heard();
  romeo.says(`<presence id='join' to='garden@rooms.capulet.lit/Romeo'>${ENTERS}</presence>`);
  h.clock.seconds(1);
  const [error] = romeo.heard();
  assert.equal(error?.attrs.id, 'join');
  assert.equal(error?.attrs.type, 'error');
  assert.ok(error?.getChild('x', 'http://jabber.org/protocol/muc'));
  assert.ok(
    error?.getChild('error')?.getChild('remote-server-timeout', 'urn:ietf:params:xml:ns:xmpp-stanzas'),
  );
});

test('an undeliverable leave is owed even if no connection is attempted', async (t) => {
  const { h, rooms, romeo } = await joined(t);
  rooms.peer.paused = true;
  romeo.says(`<presence type='unavailable' id='bye' to='${ROOM}/Romeo'/>`);
  h.clock.seconds(1);
  rooms.peer.paused = false;
  rooms.peer.cut('clean');
  rooms.peer.openOut();
  h.clock.seconds(1);
  assert.equal(rooms.rooms.get(ROOM)?.size, 0);
});

test('the client does not get an error to a leave that it did not send', async (t) => {
  const { h, rooms, romeo } = await joined(t);
  rooms.peer.reachable = false;
  rooms.peer.cut();
  romeo.says(`<presence type='unavailable' id='bye' to='${ROOM}/Romeo'/>`);
  h.clock.seconds(1);
  romeo.heard();
  rooms.forget({ gone: true });
  rooms.refusesStrangers = true;
  rooms.peer.reachable = true;
  rooms.peer.openOut();
  h.clock.seconds(1);
  assert.equal(rooms.leaves.length, 1);
  assert.deepEqual(romeo.inbox, []);
});

test('§7.2.18: a room admits the client without a join after a lost leave: the leave is not sent again', async (t) => {
  const { h, rooms, romeo } = await joined(t);
  rooms.peer.openIn();
  rooms.peer.paused = true;
  romeo.says(`<presence type='unavailable' id='bye' to='${ROOM}/Romeo'/>`);
  romeo.says(`<presence to='${ROOM}/Romeo'/>`);
  h.clock.seconds(1);
  rooms.peer.says(presence(`${ROOM}/Romeo`, ROMEO, ['110']));
  h.clock.seconds(1);
  rooms.peer.paused = false;
  h.clock.seconds(600);
  assert.equal(rooms.leaves.length, 0);
});

test('an error to another stanza is not taken as the answer to a hidden leave', async (t) => {
  const { h, rooms, romeo } = await joined(t);
  rooms.peer.reachable = false;
  rooms.peer.cut();
  romeo.says(`<presence type='unavailable' id='bye' to='${ROOM}/Romeo'/>`);
  h.clock.seconds(1);
  romeo.heard();
  rooms.peer.reachable = true;
  rooms.peer.onStanza = () => {};
  rooms.peer.openOut();
  romeo.says(`<presence id='join' to='${ROOM}/Romeo'>${ENTERS}</presence>`);
  h.clock.seconds(1);
  rooms.peer.says(failure(rooms.peer.received.at(-1)!, 'forbidden'));
  h.clock.seconds(1);
  assert.equal(romeo.inbox.at(-1)?.attrs.id, 'join');
});

test('after a hidden leave, stanzas from the room are dropped until the room confirms', async (t) => {
  const { h, rooms, romeo } = await joined(t);
  rooms.peer.reachable = false;
  rooms.peer.cut();
  romeo.says(`<presence type='unavailable' id='bye' to='${ROOM}/Romeo'/>`);
  h.clock.seconds(1);
  romeo.heard();
  rooms.peer.reachable = true;
  rooms.peer.onStanza = () => {};
  rooms.peer.openOut();
  rooms.peer.says(presence(`${ROOM}/Juliet`, ROMEO, []));
  rooms.peer.says(presence(`${ROOM}/Romeo`, ROMEO, ['110'], { type: 'unavailable' }));
  rooms.peer.says(presence(`${ROOM}/Juliet`, ROMEO, []));
  h.clock.seconds(1);
  assert.equal(romeo.inbox.length, 1, 'stanzas after the confirmation are delivered');
});

function joinOf(index: number, domain = 'rooms.capulet.lit'): Join {
  const room = { jid: `hall@${domain}`, domain: { name: domain } };
  const session = { jid: Jid.parse(`user${index}@montague.lit/x`) };
  return { session, room, nick: 'x' } as unknown as Join;
}

/** The id of the stream that carries leaves while the link is up. */
const STREAM = 'stream';

/** Departures without a server. */
function departures(isEntering: (full: string) => boolean = () => false) {
  const clock = new HandClock();
  /** Wants that are not withdrawn, as `domain` or `domain soon`. */
  const wanted = new Set<{ name: string }>();
  const links = { state: 'up' as Link['state'] };
  const link = (domain: string) => ({
    state: links.state,
    want(options?: { soon: true }) {
      const want = { name: options?.soon ? `${domain} soon` : domain };
      wanted.add(want);
      return () => void wanted.delete(want);
    },
  });
  const sent: string[] = [];
  const data = newDepartures();
  const made: Departures = new Departures({
    data,
    clock,
    send({ attrs: { from = '', to = '', id } }) {
      sent.push(from);
      if (links.state === 'up') made.carried(from, Jid.parse(to).bare, id, STREAM);
    },
    after: (delayMs, task) => clock.after(delayMs, task),
    isEntering,
    link,
    settle: () => {},
    changed: () => {},
  });
  const owe = (index: number, domain?: string) => made.owe(joinOf(index, domain));
  return { clock, sent, data, made, owe, links, wanted: () => [...wanted].map(({ name }) => name) };
}

test('at most 100,000 leaves are kept for all domains; the oldest are dropped', () => {
  const { data, owe } = departures();
  for (let i = 0; i < 100_100; i++) owe(i, `rooms${i % 1_000}.lit`);
  assert.equal(data.all.size, 100_000);
  assert.equal(
    [...data.byDomain.values()].reduce((sum, { size }) => sum + size, 0),
    100_000,
  );
  assert.equal(data.all.values().next().value?.from, 'user100@montague.lit/x');
});

test('sends at most 100 leaves a second to a domain that is reachable again, and none for clients that are entering', () => {
  const { clock, sent, made, owe } = departures((full) => Number(/\d+/.exec(full)) < 150);
  for (let i = 0; i < 400; i++) owe(i);
  made.restored('rooms.capulet.lit');
  assert.equal(sent.length, 100);
  clock.seconds(10);
  assert.equal(sent.length, 250);
});

test('drops all leaves after a day', () => {
  const { clock, data, made, owe } = departures();
  for (let i = 0; i < 10; i++) owe(i);
  clock.seconds(86_401);
  made.sweep();
  assert.equal(data.all.size + data.byDomain.size, 0);
});

/** The same with a domain that answers nothing, or refuses all leaves. */
function away() {
  const made = departures();
  const refuse = () => {
    for (const { from, room, id } of [...made.data.all.values()]) made.made.refused(from, room, id, true);
  };
  return { ...made, refuse };
}

test('sends one leave at a time over an open link to a service that is down, at most 16 an hour', () => {
  const { clock, sent, owe, refuse } = away();
  for (let i = 0; i < 1_000; i++) owe(i);
  for (let hour = 0; hour < 3; hour++) {
    sent.length = 0;
    for (let second = 0; second < 3_600; second++) {
      clock.seconds(1);
      refuse();
    }
    assert.ok(sent.length >= 10 && sent.length <= 16, `${sent.length} in hour ${hour}`);
  }
});

test('sends all leaves once one is answered', () => {
  const { clock, sent, data, made, owe } = away();
  for (let i = 0; i < 150; i++) owe(i);
  clock.seconds(20);
  assert.equal(sent.length, 1);
  const tried = [...data.all.values()].find(({ state }) => state === 'sent')!;
  made.confirmed(tried.from, tried.room);
  clock.seconds(2);
  assert.equal(sent.length, 150);
});

test('sends all leaves once one is neither answered nor returned for two minutes', () => {
  const { clock, sent, owe } = away();
  for (let i = 0; i < 50; i++) owe(i);
  clock.seconds(3_600);
  assert.equal(sent.length, 50);
});

test('after a close by us, all leaves count as read; after a clean close by the peer, those sent early', () => {
  for (const [how, left] of [
    ['all', 0],
    ['early', 3],
    ['none', 3],
  ] as const) {
    const { data, made } = departures();
    for (let i = 0; i < 3; i++) made.leave(joinOf(i));
    made.broken('rooms.capulet.lit', STREAM, how);
    assert.equal(data.all.size, left, how);
  }
});

test('a leave that waits for a stream is not lost with another one, nor read by its peer', () => {
  const { data, made, links } = departures();
  links.state = 'down';
  made.leave(joinOf(1));
  made.broken('rooms.capulet.lit', STREAM, 'all');
  made.broken('rooms.capulet.lit', STREAM, 'none');
  const [departure] = data.all.values();
  assert.equal(departure?.state, 'sent');
  made.refused(departure!.from, departure!.room, departure!.id, true);
  assert.equal(departure!.state, 'owed');
});

test('a leave that is not returned in ten minutes counts as delivered', () => {
  const { clock, data, made } = departures();
  made.leave(joinOf(1));
  clock.seconds(599);
  made.sweep();
  assert.equal(data.all.size, 1);
  clock.seconds(2);
  made.sweep();
  assert.equal(data.all.size + data.byAccount.size + data.byDomain.size, 0);
});

test('wants a closed link, and sends no leave', () => {
  const { clock, sent, made, owe, links, wanted } = departures();
  links.state = 'unknown';
  for (let i = 0; i < 3; i++) owe(i);
  assert.deepEqual(wanted(), ['rooms.capulet.lit']);
  clock.seconds(3_600);
  assert.deepEqual(sent, []);
  links.state = 'up';
  made.restored('rooms.capulet.lit');
  assert.deepEqual([sent.length, wanted()], [3, []]);
});

test('wants a link that closes during retries, unless another stream is open', () => {
  const { clock, sent, made, owe, links, wanted } = departures();
  owe(1);
  made.closed('rooms.capulet.lit');
  assert.deepEqual(wanted(), []);
  links.state = 'down';
  made.closed('rooms.capulet.lit');
  assert.deepEqual(wanted(), ['rooms.capulet.lit']);
  clock.seconds(3_600);
  assert.deepEqual(sent, []);
});

test('withdraws the want when no leave is owed', () => {
  const { clock, made, owe, links, wanted } = departures();
  links.state = 'down';
  owe(1, 'one.lit');
  owe(2, 'two.lit');
  made.superseded('user2@montague.lit/x', 'hall@two.lit');
  assert.deepEqual(wanted(), ['one.lit']);
  clock.seconds(86_401);
  made.sweep();
  assert.deepEqual(wanted(), []);
});

test('at the start, wants links soon until an attempt fails; sends leaves to local services after a second', () => {
  const { clock, sent, made, owe, links, wanted } = departures();
  links.state = 'unknown';
  owe(1, 'rooms.capulet.lit');
  owe(2, 'rooms.verona.lit');
  made.begin();
  assert.deepEqual(wanted(), ['rooms.capulet.lit soon', 'rooms.verona.lit soon']);
  made.failed('rooms.verona.lit');
  made.failed('rooms.verona.lit');
  assert.deepEqual(wanted(), ['rooms.capulet.lit soon', 'rooms.verona.lit']);
  links.state = 'up';
  owe(3, 'rooms.montague.lit');
  made.begin();
  assert.deepEqual(wanted(), []);
  clock.seconds(1);
  assert.equal(sent.length, 3);
});

for (const [condition, leaves] of [
  ['forbidden', 1],
  ['remote-server-timeout', 2],
  ['remote-server-not-found', 2],
] as const) {
  test(`a leave that the other side refuses with ${condition} is ${leaves === 1 ? 'not sent again' : 'sent again over the next link'}`, async (t) => {
    const { h, rooms, romeo } = await joined(t);
    rooms.peer.onStanza = (stanza) => rooms.peer.says(failure(stanza, condition));
    romeo.close();
    h.clock.seconds(1);
    rooms.peer.onStanza = () => {};
    rooms.peer.cut('clean');
    rooms.peer.openOut();
    h.clock.seconds(1);
    assert.equal(rooms.leaves.length, leaves);
  });
}

test('the retries of a second outage begin with the shortest pause', () => {
  const { clock, sent, made, owe } = departures();
  for (let round = 1; round <= 2; round++) {
    owe(round);
    made.broken('rooms.capulet.lit', STREAM, 'none');
    made.restored('rooms.capulet.lit');
    assert.equal(sent.length, 2 * round - 1);
    made.broken('rooms.capulet.lit', STREAM, 'none');
    clock.seconds(20);
    assert.equal(sent.length, 2 * round, 'after 15 s');
    made.confirmed(`user${round}@montague.lit/x`, 'hall@rooms.capulet.lit');
  }
});
