// Further bounds on the memory of rooms.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkSpace } from '../../../modules/muc/acts/affiliations.ts';
import {
  forgetInvitation,
  forgetInvitations,
  invitationBytes,
  MAX_ALL_INVITATION_BYTES,
  rememberInvitation,
} from '../../../modules/muc/engine/invitations.ts';
import { HistoryReader } from '../../../modules/muc/engine/ring.ts';
import { checkSeats, countSeat, MAX_SEATS } from '../../../modules/muc/engine/seats.ts';
import { checkSubject, MAX_ALL_SUBJECT_BYTES, replaceSubject } from '../../../modules/muc/engine/subjects.ts';
import { MAX_ALL_AFFILIATION_BYTES } from '../../../modules/muc/model/affiliations.ts';
import { OPTIONS } from '../../../modules/muc/model/options.ts';
import type { HistoryEntry } from '../../../modules/muc/model/room.ts';
import { parseOptions } from '../../../src/config/options.ts';
import { ByteBudget } from '../../../src/util/byte-budget.ts';
import { SharedBudget } from '../../../src/util/shared-budget.ts';
import { emptyRoom, HALL, joined, roomServer, roomWith, settled } from './rooms.ts';

const STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas';
const MIB = 1024 * 1024;

test('refuses a subject of more than 4,096 characters, and keeps the former one', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  await roomWith(romeo, 'Romeo');
  const subject = (length: number) =>
    `<message type='groupchat' to='${HALL}'><subject>${'s'.repeat(length)}</subject></message>`;
  romeo.send(subject(4096));
  await romeo.skipUntil((element) => element.getChildText('subject') === 's'.repeat(4096));
  romeo.send(subject(4097));
  const refused = await romeo.next();
  assert.equal(refused.attrs.type, 'error');
  assert.ok(refused.getChild('error')?.getChild('policy-violation', STANZAS), `${refused}`);
  await settled(romeo);
  const juliet = await server.client('juliet@localhost/balcony');
  const seen = await joined(juliet, 'Juliet');
  assert.equal(seen.at(-1)?.getChildText('subject'), 's'.repeat(4096));
});

test('the subjects of all rooms take at most 8 MiB; short ones are always accepted, and a removed room releases its own', () => {
  assert.equal(MAX_ALL_SUBJECT_BYTES, 8 * MIB);
  const memory = { budgets: { subjects: new ByteBudget(MAX_ALL_SUBJECT_BYTES) } };
  const subject = (length: number) => ({ text: 's'.repeat(length), nick: 'n', occupantId: 'o', at: 0 });
  const rooms = Array.from({ length: 1_024 }, () => emptyRoom());
  for (const room of rooms) {
    checkSubject(memory, room, subject(4_096).text);
    replaceSubject(memory, room, subject(4_096));
  }
  const late = emptyRoom();
  assert.throws(() => checkSubject(memory, late, subject(257).text), { condition: 'resource-constraint' });
  assert.doesNotThrow(() => checkSubject(memory, late, subject(256).text));
  assert.doesNotThrow(() => checkSubject(memory, rooms[0]!, subject(4_096).text), 'no longer than before');
  replaceSubject(memory, rooms[0]!, undefined);
  assert.doesNotThrow(() => checkSubject(memory, late, subject(4_096).text));
});

test('the affiliations of all rooms take at most 128 MiB; at the bound they can only be removed', () => {
  assert.equal(MAX_ALL_AFFILIATION_BYTES, 128 * MIB);
  const budgets = { affiliations: new ByteBudget(MAX_ALL_AFFILIATION_BYTES) };
  const memory = { module: { options: parseOptions(OPTIONS, {}) }, budgets };
  const ban = { bare: 'troll@x.test', affiliation: 'outcast' } as const;
  const room = Object.assign(emptyRoom(), { affiliationBytes: 60_000 }); // More than a room may have in any case.
  budgets.affiliations.force(128 * MIB - 200);
  assert.doesNotThrow(() => checkSpace(memory, room, [ban]));
  assert.throws(() => checkSpace(memory, room, [{ ...ban, reason: 'x'.repeat(200) }]), {
    condition: 'resource-constraint',
  });
  room.affiliations.set(ban.bare, { affiliation: 'outcast', reason: 'x'.repeat(200) });
  budgets.affiliations.force(1_000);
  assert.doesNotThrow(() => checkSpace(memory, room, [{ bare: ban.bare, affiliation: 'none' }]));
});

test('parsed history is cached up to 16 MiB', () => {
  const reader = new HistoryReader();
  const entry = (): HistoryEntry => ({ at: 0, text: '<message/>', bytes: MIB, weight: 6 * MIB });
  const [first, second, third] = [entry(), entry(), entry()];
  const read = reader.read(first);
  reader.read(second);
  assert.equal(reader.read(first), read, '14 MiB are kept');
  reader.read(third);
  assert.notEqual(reader.read(first), read, '21 MiB are not');
});

test('the invitations of all rooms take at most 32 MiB; at the bound a room drops only its own', () => {
  assert.equal(MAX_ALL_INVITATION_BYTES, 32 * MIB);
  const memory = { budgets: { invitations: new ByteBudget(1_000) } };
  const [loud, quiet] = [emptyRoom(), emptyRoom()];
  rememberInvitation(memory, quiet, 'juliet@localhost', 'romeo@localhost');
  for (let n = 0; n < 20; n++) {
    rememberInvitation(memory, loud, `guest${n}@localhost`, 'tybalt@localhost');
    assert.ok(memory.budgets.invitations.used <= 1_000);
  }
  assert.deepEqual([...quiet.invitations.keys()], ['juliet@localhost']);
  assert.equal([...loud.invitations.keys()].at(-1), 'guest19@localhost');
  assert.equal(memory.budgets.invitations.used, invitationBytes(loud) + invitationBytes(quiet));
  forgetInvitation(memory, quiet, 'juliet@localhost');
  forgetInvitations(memory, loud);
  assert.deepEqual([memory.budgets.invitations.used, loud.invitations.size], [0, 0]);
});

test('at most 50,000 clients are in rooms: 2,500 of one account, 12,500 of one registered domain', () => {
  const module = { local: (domain: string) => (domain === 'localhost' ? ('users' as const) : undefined) };
  const service = { module, budgets: { seats: new SharedBudget(MAX_SEATS) } };
  const enter = (bare: string) => {
    checkSeats(service, HALL, bare);
    countSeat(service, { occupant: { bare } }, 1);
  };
  const fill = (count: number, bareOf: (n: number) => string) => {
    for (let n = 0; n < count; n++) enter(bareOf(n));
  };
  const isFull = { condition: 'resource-constraint', type: 'wait' };
  fill(2_500, () => 'romeo@localhost');
  assert.throws(() => enter('romeo@localhost'), isFull);
  fill(12_500, (n) => `troll${n}@s${n}.evil.lit`);
  assert.throws(() => enter('another@evil.lit'), isFull);
  for (let server = 0; server < 3; server++) {
    const left = MAX_SEATS - service.budgets.seats.used;
    fill(Math.min(12_500, left), (n) => `guest${n}@s${server}.lit`);
  }
  assert.throws(() => enter('juliet@localhost'), isFull);
  countSeat(service, { occupant: { bare: 'romeo@localhost' } }, -1);
  enter('juliet@localhost');
});

test('seats are released when occupants leave and when rooms are destroyed', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const destroy = `<iq type='set' id='d' to='${HALL}'>
      <query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query></iq>`;
  for (let n = 0; n < 5_200; n++) {
    romeo.send(`<presence to='${HALL}/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
    romeo.send(n % 2 === 0 ? `<presence type='unavailable' to='${HALL}'/>` : destroy);
    if (n % 50 === 49) await settled(romeo);
  }
  const seen = await joined(romeo, 'Romeo');
  assert.equal(seen.at(0)?.attrs.type, undefined);
});
