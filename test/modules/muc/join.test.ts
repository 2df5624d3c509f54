import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forgetPresence, readPresence, storePresence } from '../../../modules/muc/engine/presence_payload.ts';
import type { Occupant, Room, Seat } from '../../../modules/muc/model/room.ts';
import { ByteBudget } from '../../../src/util/byte-budget.ts';
import type { ScriptedClient } from '../../support/client.ts';
import { parseXml } from '../../support/match.ts';
import {
  configured,
  enters,
  HALL,
  joined,
  MUC,
  roomServer,
  roomWith,
  settled,
  USER,
  userOf,
} from './rooms.ts';

const ID = `<occupant-id xmlns='urn:xmpp:occupant-id:0' id='{any}'/>`;

/** Checks for the error of a join, with its `x`. */
async function isRefused(
  client: ScriptedClient,
  nick: string,
  type: string,
  condition: string,
): Promise<void> {
  await client.receives(`
    <presence type='error' id='join' from='${HALL}/${nick}' to='${client.jid}'>
      <x xmlns='${MUC}'/>
      <error type='${type}' by='${HALL}'>
        <${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>
        <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>{any}</text>
      </error>
    </presence>`);
}

test('XEP-0045 §10.1.1: a client that enters a room that does not exist creates and owns it (201)', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  enters(romeo, 'Romeo');
  const self = await romeo.receives(`
    <presence from='${HALL}/Romeo' to='romeo@localhost/orchard'>
      <x xmlns='${USER}'>
        <item affiliation='owner' role='moderator' jid='romeo@localhost/orchard'/>
        <status code='110'/><status code='201'/>
      </x>
      ${ID}
    </presence>`);
  assert.equal(self.attrs.id, 'join', '§7.2.2: the id of the join comes back');
  await romeo.receives(`
    <message type='groupchat' from='${HALL}' to='romeo@localhost/orchard'><subject/></message>`);
  await romeo.receivesNothing();
});

test('XEP-0045 §7.1: a new occupant gets the other occupants, its self-presence, the history, the subject, then live messages', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const nurse = await server.client('nurse@localhost/house');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo');
  await joined(nurse, 'Nurse');
  romeo.send(`<message to='${HALL}' type='groupchat' id='s'><subject>Verona</subject></message>`);
  romeo.send(`<message to='${HALL}' type='groupchat' id='1'><body>But soft!</body></message>`);
  await nurse.skipUntil((element) => element.attrs.id === '1');

  enters(juliet, 'Juliet');
  await juliet.receivesInAnyOrder(
    `<presence from='${HALL}/Romeo' to='${juliet.jid}'>
      <x xmlns='${USER}'><item affiliation='owner' role='moderator'/></x>${ID}
    </presence>`,
    `<presence from='${HALL}/Nurse' to='${juliet.jid}'>
      <x xmlns='${USER}'><item affiliation='none' role='participant'/></x>${ID}
    </presence>`,
  );
  await juliet.receives(
    `<presence from='${HALL}/Juliet' to='${juliet.jid}'>
      <x xmlns='${USER}'>
        <item affiliation='none' role='participant' jid='${juliet.jid}'/><status code='110'/>
      </x>${ID}
    </presence>`,
  );
  await juliet.receives(
    `<message type='groupchat' from='${HALL}/Romeo' to='${juliet.jid}' id='1'>
      <body>But soft!</body>${ID}<delay xmlns='urn:xmpp:delay' from='${HALL}' stamp='{any}'/>
    </message>`,
  );
  await juliet.receives(
    `<message type='groupchat' from='${HALL}/Romeo' to='${juliet.jid}'>
      <subject>Verona</subject><delay xmlns='urn:xmpp:delay' from='${HALL}' stamp='{any}'/>${ID}
    </message>`,
  );
  romeo.send(`<message to='${HALL}' type='groupchat' id='2'><body>It is the east</body></message>`);
  await juliet.receives(
    `<message type='groupchat' from='${HALL}/Romeo' to='${juliet.jid}' id='2'>
      <body>It is the east</body>${ID}
    </message>`,
  );
});

test('XEP-0045 §7.2.4: only moderators of a semi-anonymous room see real addresses', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const nurse = await server.client('nurse@localhost/house');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo');
  await joined(nurse, 'Nurse');
  await settled(romeo);
  enters(juliet, 'Juliet');
  const open = await romeo.receives(`
    <presence from='${HALL}/Juliet' to='${romeo.jid}'>
      <x xmlns='${USER}'><item affiliation='none' role='participant' jid='${juliet.jid}'/></x>${ID}
    </presence>`);
  const closed = await nurse.receives(`
    <presence from='${HALL}/Juliet' to='${nurse.jid}'>
      <x xmlns='${USER}'><item affiliation='none' role='participant'/></x>${ID}
    </presence>`);
  assert.equal(
    open.getChild('occupant-id', 'urn:xmpp:occupant-id:0')?.attrs.id,
    closed.getChild('occupant-id', 'urn:xmpp:occupant-id:0')?.attrs.id,
  );
});

test('XEP-0045 §7.2.3: a non-anonymous room shows all addresses, and warns each new occupant (100)', async (t) => {
  const server = await roomServer(t, 'muc_room_default_public_jids = true');
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo');
  const seen = (await joined(juliet, 'Juliet')).filter(({ name }) => name === 'presence').map(userOf);
  assert.deepEqual(seen, [
    { affiliation: 'owner', role: 'moderator', jid: romeo.jid, nick: undefined, codes: [] },
    { affiliation: 'none', role: 'participant', jid: juliet.jid, nick: undefined, codes: ['100', '110'] },
  ]);
});

test('XEP-0045 §7.2.10: a room that its owner has not configured does not exist for other users', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await joined(romeo, 'Romeo');
  enters(juliet, 'Juliet');
  await isRefused(juliet, 'Juliet', 'cancel', 'item-not-found');
  await configured(romeo);
  await joined(juliet, 'Juliet');
});

test('muc_room_locking = false: other users may enter a new room immediately', async (t) => {
  const server = await roomServer(t, 'muc_room_locking = false');
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await joined(romeo, 'Romeo');
  await joined(juliet, 'Juliet');
});

test('XEP-0045 §7.2.8: refuses a nickname that another user holds', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo');
  enters(juliet, 'Romeo');
  await isRefused(juliet, 'Romeo', 'cancel', 'conflict');
  await romeo.receivesNothing();
});

test('XEP-0045 §7.2.8: several clients of one user share a nick, and each gets all messages', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const phone = await server.client('romeo@localhost/phone');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo');
  await joined(juliet, 'Juliet');
  await settled(romeo);

  const seen = await joined(phone, 'Romeo');
  assert.deepEqual(
    seen.map(({ attrs }) => attrs.from),
    [`${HALL}/Juliet`, `${HALL}/Romeo`, HALL],
    'the nick is shown once',
  );
  juliet.send(`<message to='${HALL}' type='groupchat' id='1'><body>Ay me!</body></message>`);
  for (const client of [romeo, phone]) await client.skipUntil((element) => element.attrs.id === '1');
  phone.send(`<message to='${HALL}' type='groupchat' id='2'><body>She speaks.</body></message>`);
  const said = await juliet.skipUntil((element) => element.attrs.id === '2');
  assert.equal(said.attrs.from, `${HALL}/Romeo`);
  juliet.send(`<message to='${HALL}/Romeo' type='chat' id='3'><body>Romeo?</body></message>`);
  for (const client of [romeo, phone]) await client.skipUntil((element) => element.attrs.id === '3');
});

test('XEP-0045 §7.2.1: a join without a nick gets jid-malformed', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  romeo.send(`<presence to='${HALL}' id='join'><x xmlns='${MUC}'/></presence>`);
  await romeo.receives(`
    <presence type='error' from='${HALL}' to='${romeo.jid}'>
      <x xmlns='${MUC}'/>
      <error type='modify' by='${HALL}'>
        <jid-malformed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>
        <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>{any}</text>
      </error>
    </presence>`);
});

for (const [nick, characters] of [
  ['🏳\uFE0F\u200D🌈', 'U+FE0F, U+200D'],
  ['👩\u200D💻', 'U+200D'],
] as const) {
  test(`XEP-0045 §7.2, RFC 8265 §4.2: the addressed JID refuses ${nick}, with a text`, async (t) => {
    const server = await roomServer(t);
    const romeo = await server.client('romeo@localhost/orchard');
    await roomWith(romeo, 'Romeo');
    for (const room of [HALL, 'nowhere@rooms.localhost', 'hall@rooms.elsewhere.example']) {
      romeo.send(`<presence to='${room}/${nick}' id='join'><x xmlns='${MUC}'/></presence>`);
      await romeo.receives(`
        <presence type='error' from='${room}/${nick}' to='${romeo.jid}' id='join'>
          <x xmlns='${MUC}'/>
          <error type='modify'>
            <jid-malformed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>
            <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'
              >The part after the /, such as a nickname, has characters that addresses cannot have: ${characters}</text>
          </error>
        </presence>`);
    }
  });
}

test('RFC 6120 §8.3.1: errors come from the addressed JID, whichever part of it is malformed', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const long = 'x'.repeat(1024);
  for (const [to, text] of [
    ['a\u200Db@localhost', 'The part before the @ has characters that addresses cannot have: U+200D'],
    ['@localhost', 'The part before the @ is empty'],
    ['romeo@localhost/', 'The part after the /, such as a nickname, is empty'],
    ['romeo@local host', 'The domain has characters that addresses cannot have: U+0020'],
    ['romeo@', 'The domain is empty'],
    [`romeo@localhost/${long}`, 'The part after the /, such as a nickname, is longer than 1023 bytes'],
  ]) {
    for (const [name, inside] of [
      ['message', ''],
      ['iq', `<ping xmlns='urn:xmpp:ping'/>`],
    ]) {
      romeo.send(`<${name} type='get' to='${to}' id='1'>${inside}</${name}>`);
      await romeo.receives(`
        <${name} type='error' from='${to}' to='${romeo.jid}' id='1'>
          <error type='modify'>
            <jid-malformed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>
            <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>${text}</text>
          </error>
        </${name}>`);
    }
  }
});

test('XEP-0045 §17.1: refuses a nick that is invisible or too long', async (t) => {
  const server = await roomServer(t, 'muc_max_nick_length = 5');
  const romeo = await server.client('romeo@localhost/orchard');
  enters(romeo, 'Romeo!');
  await isRefused(romeo, 'Romeo!', 'modify', 'policy-violation');
  romeo.send(`<presence to='${HALL}/&#xAD;' id='join'><x xmlns='${MUC}'/></presence>`);
  const refused = await romeo.next();
  assert.equal(refused.attrs.type, 'error');
  assert.ok(refused.getChild('error')?.getChild('jid-malformed', 'urn:ietf:params:xml:ns:xmpp-stanzas'));
});

test('XEP-0045 §7.2.5: refuses a missing or wrong password', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo', {
    'muc#roomconfig_passwordprotectedroom': '1',
    'muc#roomconfig_roomsecret': 'cauldronburn',
  });
  enters(juliet, 'Juliet');
  await isRefused(juliet, 'Juliet', 'auth', 'not-authorized');
  enters(juliet, 'Juliet', '<password>double</password>');
  await isRefused(juliet, 'Juliet', 'auth', 'not-authorized');
  const seen = await joined(juliet, 'Juliet', '<password>cauldronburn</password>');
  assert.doesNotMatch(seen.join(''), /cauldronburn/);
  assert.doesNotMatch(String(await romeo.next()), /cauldronburn/);
});

test('XEP-0045 §7.2.6: a members-only room refuses users who are not members', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo', { 'muc#roomconfig_membersonly': '1' });
  enters(juliet, 'Juliet');
  await isRefused(juliet, 'Juliet', 'auth', 'registration-required');
});

test('XEP-0045 §7.2.9: a full room refuses all users but admins and owners', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const phone = await server.client('romeo@localhost/phone');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo', { 'muc#roomconfig_maxusers': '1' });
  enters(juliet, 'Juliet');
  await isRefused(juliet, 'Juliet', 'wait', 'service-unavailable');
  await joined(phone, 'Romeo II');
});

test('XEP-0045 §7.2.17: presence without the muc x from outside gets unavailable presence with 110, 307 and 333', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo');
  juliet.send(`<presence to='${HALL}/Juliet'/>`);
  await juliet.receives(`
    <presence type='unavailable' from='${HALL}/Juliet' to='${juliet.jid}'>
      <x xmlns='${USER}'>
        <item affiliation='none' role='none'><reason>You are not in the room.</reason></item>
        <status code='110'/><status code='307'/><status code='333'/>
      </x>
    </presence>`);
  await romeo.receivesNothing();
});

test('XEP-0045 §17.3: an occupant that enters again gets the whole state again, and the others get nothing', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo');
  const first = await joined(juliet, 'Juliet');
  await settled(romeo);
  const second = await joined(juliet, 'Juliet');
  assert.deepEqual(second.map(String), first.map(String));
  await romeo.receivesNothing();
});

test('XEP-0045 §17.3: if an occupant enters again with different presence, the others get it', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo');
  await joined(juliet, 'Juliet');
  await settled(romeo);
  juliet.send(`<presence to='${HALL}/Juliet'><show>away</show><x xmlns='${MUC}'/></presence>`);
  const news = await romeo.next();
  assert.equal(news.getChildText('show'), 'away');
  assert.deepEqual(userOf(news).codes, []);
});

test('XEP-0045 §17.3: a room removes elements from presence that only the room may send', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo');
  juliet.send(`
    <presence to='${HALL}/Juliet'>
      <x xmlns='${MUC}'/>
      <status>hello</status>
      <x xmlns='${USER}'><item affiliation='owner' role='moderator'/><status code='110'/></x>
      <occupant-id xmlns='urn:xmpp:occupant-id:0' id='somebody else'/>
      <c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='v'/>
    </presence>`);
  await romeo.receives(`
    <presence from='${HALL}/Juliet' to='${romeo.jid}'>
      <status>hello</status>
      <c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='v'/>
      <x xmlns='${USER}'><item affiliation='none' role='participant' jid='${juliet.jid}'/></x>
      ${ID}
    </presence>`);
});

test('XEP-0045 §7.2.11: restrict_room_creation limits who creates rooms', async (t) => {
  const server = await roomServer(t, 'restrict_room_creation = true');
  const romeo = await server.client('romeo@localhost/orchard');
  enters(romeo, 'Romeo');
  await isRefused(romeo, 'Romeo', 'cancel', 'not-allowed');
});

test('muc_max_rooms: bounds the number of rooms', async (t) => {
  const server = await roomServer(t, 'muc_max_rooms = 1');
  const romeo = await server.client('romeo@localhost/orchard');
  await joined(romeo, 'Romeo', '', 'first@rooms.localhost');
  enters(romeo, 'Romeo');
  await isRefused(romeo, 'Romeo', 'wait', 'resource-constraint');
});

test('a room refuses presence of more than 16,384 characters', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  romeo.send(
    `<presence to='${HALL}/Romeo' id='join'><status>${'x'.repeat(20_000)}</status><x xmlns='${MUC}'/></presence>`,
  );
  await isRefused(romeo, 'Romeo', 'modify', 'policy-violation');
  enters(romeo, 'Romeo');
  assert.deepEqual(userOf(await romeo.next()).codes, ['110', '201'], 'no room was left behind');
});

test('XEP-0421 §4: the occupant id of a user is the same at each visit, and differs from those of other users', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  const idOf = (seen: Awaited<ReturnType<typeof joined>>, nick: string) =>
    seen
      .find(({ name, attrs }) => name === 'presence' && attrs.from === `${HALL}/${nick}`)
      ?.getChild('occupant-id', 'urn:xmpp:occupant-id:0')?.attrs.id;
  await roomWith(romeo, 'Romeo');
  const first = await joined(juliet, 'Juliet');
  juliet.send(`<presence to='${HALL}/Juliet' type='unavailable'/>`);
  await juliet.next();
  const second = await joined(juliet, 'Capulet');
  assert.ok(idOf(first, 'Juliet'));
  assert.equal(idOf(second, 'Capulet'), idOf(first, 'Juliet'));
  assert.notEqual(idOf(second, 'Romeo'), idOf(first, 'Juliet'));
});

test('one user may have created at most 100 existing rooms; other users and administrators may create more', async (t) => {
  const server = await roomServer(t, 'muc_max_rooms_per_user = 2', { top: 'admins = ["abbot@localhost"]' });
  const romeo = await server.client('romeo@localhost/orchard');
  const phone = await server.client('romeo@localhost/phone');
  const juliet = await server.client('juliet@localhost/balcony');
  const abbot = await server.client('abbot@localhost/cell');
  const room = (n: number) => `room${n}@rooms.localhost`;
  for (const n of [1, 2]) await joined(romeo, 'Romeo', '', room(n));
  for (const client of [romeo, phone]) {
    enters(client, 'Romeo', '', room(3));
    await client.receives(`
      <presence type='error' id='join' from='${room(3)}/Romeo' to='${client.jid}'>
        <x xmlns='${MUC}'/>
        <error type='wait' by='${room(3)}'>
          <resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>
          <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'
            >You have created too many rooms on this service</text>
        </error>
      </presence>`);
  }
  await joined(juliet, 'Juliet', '', room(4));
  for (const n of [5, 6, 7]) await joined(abbot, 'Abbot', '', room(n));
  // A destroyed room no longer counts.
  romeo.send(`<presence to='${room(1)}/Romeo' type='unavailable'/>`);
  await settled(romeo);
  await joined(romeo, 'Romeo', '', room(3));
});

test('restrict_room_creation: the default is "local"; administrators may always create rooms', async (t) => {
  for (const [value, user] of [
    ['', 'allowed'],
    ['restrict_room_creation = "local"', 'allowed'],
    ['restrict_room_creation = false', 'allowed'],
    ['restrict_room_creation = true', 'refused'],
    ['restrict_room_creation = "admin"', 'refused'],
  ] as const) {
    const server = await roomServer(t, value, { top: 'admins = ["abbot@localhost"]' });
    const romeo = await server.client('romeo@localhost/orchard');
    const abbot = await server.client('abbot@localhost/cell');
    await joined(abbot, 'Abbot', '', 'cell@rooms.localhost');
    enters(romeo, 'Romeo');
    const answer = await romeo.next();
    assert.equal(answer.attrs.type === 'error' ? 'refused' : 'allowed', user, value);
    if (user === 'refused') assert.match(String(answer), /<not-allowed/);
  }
});

test('a room refuses presence that takes more than 48 KiB of memory', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  enters(romeo, 'Romeo', '<a/>'.repeat(1_000));
  await roomWith(romeo, 'Romeo'); // What is in the x is not kept.
  romeo.send(`<presence to='${HALL}/Romeo' id='p'><x xmlns='urn:x'>${'<a/>'.repeat(1_000)}</x></presence>`);
  const refused = await romeo.skipUntil((element) => element.attrs.id === 'p');
  assert.match(String(refused), /<policy-violation/);
});

test('the presence in all rooms is bounded; at the bound, clients with large presence enter without its payload', () => {
  const budgets = { presence: new ByteBudget(33_000) };
  const room = { presenceBytes: 0, turn: 0 } as Room;
  const seats = Array.from({ length: 5 }, () => seat());
  const received = readPresence(parseXml(`<presence><status>${'x'.repeat(1_700)}</status></presence>`), HALL);
  for (const one of seats) storePresence({ budgets }, room, one, received);
  assert.ok(budgets.presence.used <= 33_000);
  assert.equal(budgets.presence.used, room.presenceBytes);
  assert.deepEqual(
    seats.map(({ presence }) => presence.length),
    [1, 1, 1, 0, 0],
  );
  const usual = readPresence(
    parseXml(`<presence><show>away</show><status>${'x'.repeat(300)}</status></presence>`),
    HALL,
  );
  storePresence({ budgets }, room, seats[3]!, usual);
  assert.equal(seats[3]!.presence.length, 2, 'presence of usual size is stored');
  for (const one of [seats[0]!, seats[3]!])
    storePresence({ budgets }, room, one, readPresence(parseXml('<presence/>'), HALL));
  storePresence({ budgets }, room, seats[4]!, received);
  assert.equal(seats[4]!.presence.length, 1);
  for (const one of seats) forgetPresence({ budgets }, room, one);
  assert.deepEqual([budgets.presence.used, room.presenceBytes], [0, 0]);
});

test('the presence in one room takes at most 32 MiB', () => {
  const budgets = { presence: new ByteBudget(Number.POSITIVE_INFINITY) };
  const received = readPresence(parseXml(`<presence><status>${'x'.repeat(8_000)}</status></presence>`), HALL);
  const room = { presenceBytes: 32 * 1024 * 1024 - received.bytes, turn: 0 } as Room;
  const [fits, doesNot] = [seat(), seat()];
  for (const one of [fits, doesNot]) storePresence({ budgets }, room, one, received);
  assert.deepEqual([fits.presence.length, doesNot.presence.length], [1, 0]);
});

function seat(): Seat {
  const occupant = { seats: new Map(), view: {} } as unknown as Occupant;
  return { jid: '', occupant, presence: [], presenceBytes: 0, priority: 0, turn: 0 };
}
