import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ScriptedClient } from '../../support/client.ts';
import { ADMIN, HALL, joined, roomServer, roomWith, settled, USER } from './rooms.ts';

const STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas';

async function available(client: ScriptedClient): Promise<ScriptedClient> {
  client.send('<presence/>');
  await client.next();
  return client;
}

function invites(client: ScriptedClient, ...whom: string[]): void {
  const inside = whom.map((jid) => `<invite to='${jid}'><reason>Come!</reason></invite>`).join('');
  client.send(`<message to='${HALL}' id='i'><x xmlns='${USER}'>${inside}</x></message>`);
}

async function refused(client: ScriptedClient, condition: string): Promise<void> {
  const answer = await client.next();
  assert.ok(answer.getChild('error')?.getChild(condition, STANZAS), `${condition} expected: ${answer}`);
}

async function memberList(client: ScriptedClient): Promise<(string | undefined)[]> {
  client.send(
    `<iq type='get' id='l' to='${HALL}'><query xmlns='${ADMIN}'><item affiliation='member'/></query></iq>`,
  );
  const answer = await client.skipUntil((element) => element.attrs.id === 'l');
  return answer
    .getChild('query', ADMIN)!
    .elements()
    .map(({ attrs }) => attrs.jid);
}

test('XEP-0045 §7.8.2: the room relays an invitation and names the inviter', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await available(await server.client('juliet@localhost/balcony'));
  await roomWith(romeo, 'Romeo', {
    'muc#roomconfig_passwordprotectedroom': '1',
    'muc#roomconfig_roomsecret': 'cauldronburn',
  });
  invites(romeo, 'juliet@localhost');
  await juliet.receives(`
    <message from='${HALL}' to='juliet@localhost' id='i'>
      <x xmlns='${USER}'>
        <invite from='romeo@localhost'><reason>Come!</reason></invite><password>cauldronburn</password>
      </x>
    </message>`);
  assert.deepEqual(await memberList(romeo), [], '§9.5: an open room makes no member by it');
});

test('XEP-0045 §7.8.2: an invited user may decline through the room', async (t) => {
  const server = await roomServer(t);
  const romeo = await available(await server.client('romeo@localhost/orchard'));
  const juliet = await available(await server.client('juliet@localhost/balcony'));
  await roomWith(romeo, 'Romeo');
  const decline = `
    <message to='${HALL}' id='d'>
      <x xmlns='${USER}'><decline to='romeo@localhost'><reason>Too tired</reason></decline></x>
    </message>`;
  juliet.send(decline);
  await refused(juliet, 'item-not-found');
  invites(romeo, 'juliet@localhost');
  await juliet.next();
  juliet.send(decline);
  await romeo.receives(`
    <message from='${HALL}' to='romeo@localhost' id='d'>
      <x xmlns='${USER}'><decline from='juliet@localhost'><reason>Too tired</reason></decline></x>
    </message>`);
  juliet.send(decline);
  await refused(juliet, 'item-not-found');
});

test('XEP-0045 §7.8.2, §9.5: an invitation by an admin to a members-only room makes the invitee a member', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await available(await server.client('juliet@localhost/balcony'));
  await server.account('nurse@localhost');
  await roomWith(romeo, 'Romeo', { 'muc#roomconfig_membersonly': '1' });
  invites(romeo, 'juliet@localhost');
  await juliet.next();
  assert.deepEqual(await memberList(romeo), ['juliet@localhost']);
  await joined(juliet, 'Juliet');
  await settled(romeo);
  invites(juliet, 'nurse@localhost');
  await refused(juliet, 'forbidden');
  assert.deepEqual(await memberList(romeo), ['juliet@localhost']);
});

test('XEP-0045 §9.5: muc#roomconfig_allowinvites lets members invite', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await available(await server.client('juliet@localhost/balcony'));
  const nurse = await available(await server.client('nurse@localhost/house'));
  await roomWith(romeo, 'Romeo', { 'muc#roomconfig_membersonly': '1', 'muc#roomconfig_allowinvites': '1' });
  invites(romeo, 'juliet@localhost');
  await juliet.next();
  invites(juliet, 'nurse@localhost');
  assert.equal((await nurse.next()).attrs.from, HALL);
  assert.deepEqual(await memberList(romeo), ['juliet@localhost', 'nurse@localhost']);
});

test('an invitation lifts no ban, and users without affiliation outside the room may not invite', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await available(await server.client('juliet@localhost/balcony'));
  const nurse = await server.client('nurse@localhost/house');
  await roomWith(romeo, 'Romeo');
  romeo.send(
    `<iq type='set' id='b' to='${HALL}'><query xmlns='${ADMIN}'><item jid='juliet@localhost' affiliation='outcast'/></query></iq>`,
  );
  await romeo.next();
  invites(romeo, 'juliet@localhost');
  await refused(romeo, 'not-allowed');
  invites(nurse, 'juliet@localhost');
  await refused(nurse, 'not-acceptable');
  invites(romeo, '@');
  await refused(romeo, 'jid-malformed');
  invites(romeo, ...Array.from({ length: 11 }, (_, n) => `user${n}@localhost`));
  await refused(romeo, 'policy-violation');
  await juliet.receivesNothing();
});

test('the pending invitations of a room are bounded in characters; the oldest are dropped', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  juliet.send('<presence/>');
  await roomWith(romeo, 'Romeo');
  const invite = (...people: string[]) =>
    romeo.send(
      `<message to='${HALL}'><x xmlns='${USER}'>${people.map((to) => `<invite to='${to}'/>`).join('')}</x></message>`,
    );
  const declines = async () => {
    juliet.send(
      `<message to='${HALL}' id='no'><x xmlns='${USER}'><decline to='romeo@localhost'/></x></message>`,
    );
    return String(await juliet.skipUntil(({ attrs }) => attrs.id === 'no'));
  };
  const long = (n: number) => `${String(n).padStart(1000, 'x')}@localhost`;
  invite('juliet@localhost');
  for (let n = 0; n < 40; n += 10) invite(...Array.from({ length: 10 }, (_, k) => long(n + k)));
  await settled(romeo);
  assert.match(await declines(), /<item-not-found/, 'the first invitation was dropped');
});

test('a room has at most 200 pending invitations; the oldest are dropped', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const [juliet, nurse] = [
    await server.client('juliet@localhost/x'),
    await server.client('nurse@localhost/x'),
  ];
  await roomWith(romeo, 'Romeo');
  const invite = (people: string[]) =>
    romeo.send(
      `<message to='${HALL}'><x xmlns='${USER}'>${people.map((to) => `<invite to='${to}@localhost'/>`).join('')}</x></message>`,
    );
  invite(['juliet', 'nurse']);
  for (let n = 0; n < 190; n += 10) invite(Array.from({ length: 10 }, (_, k) => `u${n + k}`));
  invite(Array.from({ length: 9 }, (_, k) => `v${k}`));
  await settled(romeo);
  const declines = async (client: typeof juliet) => {
    client.send(
      `<message to='${HALL}' id='no'><x xmlns='${USER}'><decline to='romeo@localhost'/></x></message>`,
    );
    client.send(`<iq type='get' id='end' to='${HALL}'><query xmlns='urn:enjamb:test:nothing'/></iq>`);
    return (await client.skipUntil(({ attrs }) => attrs.id === 'no' || attrs.id === 'end')).attrs.id;
  };
  assert.equal(await declines(juliet), 'no', 'the first invitation was dropped');
  assert.equal(await declines(nurse), 'end', 'the second one is pending');
});
