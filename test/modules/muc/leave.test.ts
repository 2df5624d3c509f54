import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  configured,
  enters,
  HALL,
  joined,
  romeoAndJuliet,
  romeoTwice,
  roomServer,
  roomWith,
  settled,
  USER,
  userOf,
} from './rooms.ts';

const ID = `<occupant-id xmlns='urn:xmpp:occupant-id:0' id='{any}'/>`;

test('XEP-0045 §7.14: a client that leaves gets 110; the others get its status and role none', async (t) => {
  const { romeo, juliet } = await romeoAndJuliet(t);
  juliet.send(`<presence to='${HALL}/Juliet' type='unavailable'><status>Good night</status></presence>`);
  await juliet.receives(`
    <presence type='unavailable' from='${HALL}/Juliet' to='${juliet.jid}'>
      <status>Good night</status>
      <x xmlns='${USER}'><item affiliation='none' role='none' jid='${juliet.jid}'/><status code='110'/></x>${ID}
    </presence>`);
  await romeo.receives(`
    <presence type='unavailable' from='${HALL}/Juliet' to='${romeo.jid}'>
      <status>Good night</status>
      <x xmlns='${USER}'><item affiliation='none' role='none' jid='${juliet.jid}'/></x>${ID}
    </presence>`);
  await juliet.receivesNothing();
});

test("XEP-0045 §7.14: unavailable presence to the room's own address is a leave", async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  const nurse = await server.client('nurse@localhost/hall');
  await roomWith(romeo, 'Romeo');
  await joined(juliet, 'Juliet');
  await settled(romeo);
  juliet.send(`<presence to='${HALL}' type='unavailable' id='adieu'><status>Good night</status></presence>`);
  await juliet.receives(`
    <presence type='unavailable' from='${HALL}/Juliet' to='${juliet.jid}' id='adieu'>
      <status>Good night</status>
      <x xmlns='${USER}'><item affiliation='none' role='none' jid='${juliet.jid}'/><status code='110'/></x>${ID}
    </presence>`);
  await romeo.receives(`
    <presence type='unavailable' from='${HALL}/Juliet' to='${romeo.jid}'>
      <status>Good night</status>
      <x xmlns='${USER}'><item affiliation='none' role='none' jid='${juliet.jid}'/></x>${ID}
    </presence>`);
  const seen = await joined(nurse, 'Juliet'); // The nick is free.
  assert.deepEqual(userOf(seen[1]!).codes, ['110']);
});

test("XEP-0045 §7.14: ignores a leave to the room's address by a client outside the room", async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo');
  juliet.send(`<presence to='${HALL}' type='unavailable'/>`);
  juliet.send(`<presence to='hole@rooms.localhost' type='unavailable'/>`);
  await juliet.receivesNothing();
  await romeo.receivesNothing();
});

test("a leave to the room's own address removes the tracked join", async (t) => {
  const server = await roomServer(t, '', { modules: ['message', 'presence', 'track_muc_joins'] });
  const romeo = await server.client('romeo@localhost/orchard');
  await roomWith(romeo, 'Romeo');
  const joins = async () => (await server.server.commands.run('joins', {}, { by: 'test' })).rows;
  assert.equal((await joins())?.length, 1);
  romeo.send(`<presence to='${HALL}' type='unavailable'/>`);
  assert.deepEqual(userOf(await romeo.next()).codes, ['110']);
  assert.deepEqual(await joins(), []);
});

test('XEP-0045 §7.14: only the client that leaves gets the id of its own presence', async (t) => {
  const { romeo, juliet } = await romeoAndJuliet(t);
  juliet.send(`<presence to='${HALL}/Juliet' type='unavailable' id='adieu'/>`);
  assert.equal((await juliet.next()).attrs.id, 'adieu');
  assert.equal((await romeo.next()).attrs.id, undefined);
});

test('XEP-0045 §17.3: ignores unavailable presence of a client outside the room', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo');
  juliet.send(`<presence to='${HALL}/Romeo' type='unavailable'/>`);
  juliet.send(`<presence to='hole@rooms.localhost/Juliet' type='unavailable'/>`);
  await juliet.receivesNothing();
  await romeo.receivesNothing();
});

test('XEP-0045 §17.3: ignores presence of other types', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  await roomWith(romeo, 'Romeo');
  for (const type of ['probe', 'subscribe', 'unsubscribed']) {
    romeo.send(`<presence to='${HALL}/Romeo' type='${type}'/>`);
    romeo.send(`<presence to='other@rooms.localhost/Romeo' type='${type}'/>`);
  }
  await settled(romeo);
  romeo.send(`<message to='${HALL}' type='groupchat' id='m'><body>still here</body></message>`);
  assert.equal((await romeo.next()).attrs.id, 'm');
});

test('XEP-0045 §7.14: a temporary room ends with its last occupant', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo');
  romeo.send(`<presence to='${HALL}/Romeo' type='unavailable'/>`);
  await romeo.next();
  enters(juliet, 'Juliet');
  assert.deepEqual(userOf(await juliet.next()).codes, ['110', '201']);
});

test('XEP-0045 §10: a persistent room stays, and keeps its owner', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  await roomWith(romeo, 'Romeo', { 'muc#roomconfig_persistentroom': '1' });
  romeo.send(`<presence to='${HALL}/Romeo' type='unavailable'/>`);
  await romeo.next();
  const [self] = await joined(romeo, 'Romeo');
  const { affiliation, codes } = userOf(self!);
  assert.deepEqual([affiliation, codes], ['owner', ['110']]);
});

test('XEP-0045 §10.1.3: a new room ends if its owner leaves while configuring it', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  await joined(romeo, 'Romeo');
  romeo.send(
    `<iq type='get' id='form' to='${HALL}'><query xmlns='http://jabber.org/protocol/muc#owner'/></iq>`,
  );
  await romeo.next();
  romeo.send(`<presence to='${HALL}/Romeo' type='unavailable' id='adieu'/>`);
  await romeo.receives(`
    <presence type='unavailable' from='${HALL}/Romeo' to='${romeo.jid}' id='adieu'>
      <x xmlns='${USER}'><item affiliation='none' role='none'/><destroy/><status code='110'/></x>${ID}
    </presence>`);
});

test('XEP-0045 §7.14: an owner who did not request the form simply leaves; the new room ends, persistent or not', async (t) => {
  const server = await roomServer(t, 'muc_room_default_persistent = true');
  const romeo = await server.client('romeo@localhost/orchard');
  for (let time = 0; time < 2; time++) {
    const [self] = await joined(romeo, 'Romeo');
    assert.deepEqual(userOf(self!).codes, ['110', '201']);
    romeo.send(`<presence to='${HALL}/Romeo' type='unavailable' id='adieu'/>`);
    await romeo.receives(`
      <presence type='unavailable' from='${HALL}/Romeo' to='${romeo.jid}' id='adieu'>
        <x xmlns='${USER}'><item affiliation='owner' role='none' jid='${romeo.jid}'/><status code='110'/></x>${ID}
      </presence>`);
  }
});

test('RFC 6121 §4.5.3: a client that disconnects leaves its rooms', async (t) => {
  const { romeo, juliet } = await romeoAndJuliet(t);
  juliet.drop();
  const gone = await romeo.next();
  assert.deepEqual([gone.attrs.type, gone.attrs.from], ['unavailable', `${HALL}/Juliet`]);
});

test('XEP-0045 §7.14: only the leaving client of a nick is notified, and the nick stays', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const phone = await server.client('romeo@localhost/phone');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(juliet, 'Juliet');
  await joined(romeo, 'Romeo');
  await joined(phone, 'Romeo');
  for (const client of [juliet, romeo]) await settled(client);
  // The phone's presence is the latest. When it leaves, the nick has the presence of the other client.
  phone.send(`<presence to='${HALL}/Romeo' type='unavailable'/>`);
  const told = await phone.next();
  assert.deepEqual([told.attrs.type, userOf(told).codes], ['unavailable', ['110']]);
  const seen = await juliet.next();
  assert.deepEqual(
    [seen.attrs.type, seen.attrs.from, userOf(seen).jid],
    [undefined, `${HALL}/Romeo`, romeo.jid],
  );
  await settled(romeo);
  juliet.send(`<message to='${HALL}' type='groupchat' id='m'><body>Romeo?</body></message>`);
  assert.equal((await romeo.next()).attrs.id, 'm');
  await phone.receivesNothing();
});

test('XEP-0045 §7.7: relays a presence update with role and affiliation', async (t) => {
  const { romeo, juliet } = await romeoAndJuliet(t);
  juliet.send(`<presence to='${HALL}/Juliet' id='p'><show>xa</show><status>asleep</status></presence>`);
  await romeo.receives(`
    <presence from='${HALL}/Juliet' to='${romeo.jid}'>
      <show>xa</show><status>asleep</status>
      <x xmlns='${USER}'><item affiliation='none' role='participant' jid='${juliet.jid}'/></x>${ID}
    </presence>`);
  const own = await juliet.next();
  assert.deepEqual([own.attrs.id, userOf(own).codes], ['p', ['110']]);
});

test('other occupants see the client of a nick with the highest priority', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const phone = await server.client('romeo@localhost/phone');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(juliet, 'Juliet');
  await joined(romeo, 'Romeo', '');
  romeo.send(`<presence to='${HALL}/Romeo'><priority>5</priority></presence>`);
  await settled(romeo); // Else the phone may enter first.
  await joined(phone, 'Romeo');
  await settled(juliet);
  phone.send(`<presence to='${HALL}/Romeo' id='p'><show>away</show></presence>`);
  assert.equal((await phone.next()).attrs.id, 'p');
  await juliet.receivesNothing();
});

test('XEP-0045 §7.6: announces a nick change with 303, then the presence of the new nick', async (t) => {
  const { romeo, juliet } = await romeoAndJuliet(t);
  juliet.send(`<presence to='${HALL}/Capulet' id='n'/>`);
  for (const [client, own] of [
    [romeo, ''],
    [juliet, `<status code='110'/>`],
  ] as const) {
    await client.receives(`
      <presence type='unavailable' from='${HALL}/Juliet' to='${client.jid}'>
        <x xmlns='${USER}'>
          <item affiliation='none' role='participant' jid='${juliet.jid}' nick='Capulet'/>${own}<status code='303'/>
        </x>${ID}
      </presence>`);
    await client.receives(`
      <presence from='${HALL}/Capulet' to='${client.jid}'>
        <x xmlns='${USER}'><item affiliation='none' role='participant' jid='${juliet.jid}'/>${own}</x>${ID}
      </presence>`);
  }
  juliet.send(`<message to='${HALL}' type='groupchat' id='m'><body>Deny thy father</body></message>`);
  assert.equal((await romeo.next()).attrs.from, `${HALL}/Capulet`);
});

test('XEP-0045 §7.6: a change to the nick of another user gets conflict, and changes nothing', async (t) => {
  const { romeo, juliet } = await romeoAndJuliet(t);
  juliet.send(`<presence to='${HALL}/Romeo' id='n'/>`);
  await juliet.receives(`
    <presence type='error' from='${HALL}/Romeo' to='${juliet.jid}' id='n'>
      <x xmlns='http://jabber.org/protocol/muc'/>
      <error type='cancel' by='${HALL}'>
        <conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>
        <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>{any}</text>
      </error>
    </presence>`);
  await romeo.receivesNothing();
  juliet.send(`<message to='${HALL}' type='groupchat' id='m'><body>hello</body></message>`);
  assert.equal((await romeo.next()).attrs.from, `${HALL}/Juliet`);
});

test('XEP-0045 §7.6: a nick change renames all clients of the nick', async (t) => {
  const { romeo, phone } = await romeoTwice(t);
  phone.send(`<presence to='${HALL}/Montague'/>`);
  for (const client of [romeo, phone]) {
    const old = await client.next();
    assert.deepEqual([old.attrs.type, userOf(old).codes], ['unavailable', ['110', '303']]);
    const now = await client.next();
    assert.deepEqual([now.attrs.from, userOf(now).codes], [`${HALL}/Montague`, ['110']]);
  }
});

test('XEP-0045 §7.2.8: a client may take the nick of another client of its user', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const phone = await server.client('romeo@localhost/phone');
  await roomWith(romeo, 'Romeo');
  await joined(phone, 'Montague');
  await settled(romeo);
  phone.send(`<presence to='${HALL}/Romeo'/>`);
  const old = await romeo.next();
  assert.deepEqual(
    [old.attrs.from, old.attrs.type, userOf(old).nick],
    [`${HALL}/Montague`, 'unavailable', 'Romeo'],
  );
  const now = await romeo.next();
  assert.deepEqual([now.attrs.from, userOf(now).codes], [`${HALL}/Romeo`, ['110']]);
  await settled(phone);
  romeo.send(`<message to='${HALL}' type='groupchat' id='m'><body>hello</body></message>`);
  assert.equal((await phone.next()).attrs.id, 'm');
  await phone.receivesNothing();
});

test('a client that enters again under another nick leaves the other clients of its user under the old one', async (t) => {
  const { romeo, phone } = await romeoTwice(t);
  const seen = await joined(phone, 'Phone');
  assert.deepEqual(
    seen.map(({ attrs }) => attrs.from),
    [`${HALL}/Romeo`, `${HALL}/Phone`, HALL],
  );
  await settled(romeo);
  romeo.send(`<message to='${HALL}' type='groupchat' id='m'><body>hello</body></message>`);
  assert.equal((await romeo.next()).attrs.from, `${HALL}/Romeo`);
  await configured(romeo);
});
