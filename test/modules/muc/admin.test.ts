import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkSpace } from '../../../modules/muc/acts/affiliations.ts';
import { OPTIONS } from '../../../modules/muc/model/options.ts';
import type { Room } from '../../../modules/muc/model/room.ts';
import { parseOptions } from '../../../src/config/options.ts';
import { ByteBudget } from '../../../src/util/byte-budget.ts';
import type { Element } from '../../../src/xml/element.ts';
import type { ScriptedClient } from '../../support/client.ts';
import { ADMIN, enters, HALL, joined, roomServer, roomWith, settled, USER, userOf } from './rooms.ts';

const ID = `<occupant-id xmlns='urn:xmpp:occupant-id:0' id='{any}'/>`;
const STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas';

function asks(client: ScriptedClient, type: 'get' | 'set', items: string): void {
  client.send(`<iq type='${type}' id='admin' to='${HALL}'><query xmlns='${ADMIN}'>${items}</query></iq>`);
}

/** Sends changes, and reads stanzas up to the answer, which is checked. */
async function changes(client: ScriptedClient, items: string, condition?: string): Promise<void> {
  asks(client, 'set', items);
  const answer = await client.skipUntil((element) => element.attrs.id === 'admin');
  assert.equal(answer.attrs.type, condition === undefined ? 'result' : 'error', String(answer));
  if (condition !== undefined) {
    assert.ok(answer.getChild('error')?.getChild(condition, STANZAS), `${condition} expected: ${answer}`);
  }
}

async function list(client: ScriptedClient, item: string): Promise<Element['attrs'][] | string> {
  asks(client, 'get', item);
  const answer = await client.skipUntil((element) => element.attrs.id === 'admin');
  if (answer.attrs.type === 'error') return answer.getChild('error')!.elements()[0]!.name;
  return answer
    .getChild('query', ADMIN)!
    .elements()
    .map(({ attrs }) => ({ ...attrs }));
}

async function three(t: Parameters<typeof roomServer>[0], fields = {}) {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  const nurse = await server.client('nurse@localhost/house');
  await roomWith(romeo, 'Romeo', fields);
  await joined(juliet, 'Juliet');
  await joined(nurse, 'Nurse');
  for (const client of [romeo, juliet]) await settled(client);
  return { server, romeo, juliet, nurse };
}

test('XEP-0045 §8.2: a kick removes the occupant with 307, actor and reason; the moderator gets the result first', async (t) => {
  const { romeo, juliet, nurse } = await three(t);
  asks(romeo, 'set', `<item nick='Nurse' role='none'><reason>Peace!</reason></item>`);
  await romeo.receives(`<iq type='result' id='admin' from='${HALL}' to='${romeo.jid}'/>`);
  await nurse.receives(`
    <presence type='unavailable' from='${HALL}/Nurse' to='${nurse.jid}'>
      <x xmlns='${USER}'>
        <item affiliation='none' role='none' jid='${nurse.jid}'><actor nick='Romeo'/><reason>Peace!</reason></item>
        <status code='110'/><status code='307'/>
      </x>${ID}
    </presence>`);
  for (const [client, jid] of [
    [romeo, `jid='${nurse.jid}'`],
    [juliet, ''],
  ] as const) {
    await client.receives(`
      <presence type='unavailable' from='${HALL}/Nurse' to='${client.jid}'>
        <x xmlns='${USER}'>
          <item affiliation='none' role='none' ${jid}><actor nick='Romeo'/><reason>Peace!</reason></item>
          <status code='307'/>
        </x>${ID}
      </presence>`);
  }
  await joined(nurse, 'Nurse');
});

test('XEP-0045 §8.2: only moderators may kick, and no moderator may kick an owner', async (t) => {
  const { romeo, juliet, nurse } = await three(t);
  await changes(juliet, `<item nick='Nurse' role='none'/>`, 'forbidden');
  await changes(romeo, `<item jid='juliet@localhost' affiliation='admin'/>`);
  await changes(juliet, `<item nick='Romeo' role='none'/>`, 'not-allowed');
  await changes(juliet, `<item nick='Tybalt' role='none'/>`, 'item-not-found');
  await settled(nurse);
  await nurse.receivesNothing();
});

test('XEP-0045 §8.2: a kick removes all clients of the nick', async (t) => {
  const { server, romeo, juliet, nurse } = await three(t);
  const second = await server.client('nurse@localhost/chair');
  await joined(second, 'Nurse');
  for (const client of [romeo, juliet, nurse]) await settled(client);
  await changes(romeo, `<item nick='Nurse' role='none'/>`);
  for (const client of [nurse, second]) assert.deepEqual(userOf(await client.next()).codes, ['110', '307']);
  assert.deepEqual(userOf(await juliet.next()).codes, ['307']);
  await juliet.receivesNothing();
});

test('XEP-0045 §8.3, §8.4: all occupants are notified when voice is granted or revoked', async (t) => {
  const { romeo, juliet, nurse } = await three(t, { 'muc#roomconfig_moderatedroom': '1' });
  await changes(romeo, `<item nick='Nurse' role='participant'><reason>Speak!</reason></item>`);
  for (const client of [romeo, juliet, nurse]) {
    const news = await client.next();
    assert.deepEqual([news.attrs.from, userOf(news).role], [`${HALL}/Nurse`, 'participant']);
    assert.match(String(news), /<reason>Speak!<\/reason>/);
  }
  assert.deepEqual(await list(romeo, `<item role='participant'/>`), [
    { affiliation: 'none', role: 'participant', nick: 'Nurse', jid: nurse.jid },
  ]);
  await changes(romeo, `<item nick='Nurse' role='visitor'/>`);
  assert.equal(userOf(await juliet.next()).role, 'visitor');
});

test('XEP-0045 §9.1: a ban removes the user with 301 and prevents a return', async (t) => {
  const { romeo, juliet, nurse } = await three(t);
  await changes(
    romeo,
    `<item jid='nurse@localhost/house' affiliation='outcast'><reason>Treason</reason></item>`,
  );
  const { affiliation, role, codes } = userOf(await nurse.next());
  assert.deepEqual([affiliation, role, codes], ['outcast', 'none', ['110', '301']]);
  assert.deepEqual(userOf(await juliet.next()).codes, ['301']);
  enters(nurse, 'Nurse');
  assert.ok((await nurse.next()).getChild('error')?.getChild('forbidden', STANZAS));
  assert.deepEqual(await list(romeo, `<item affiliation='outcast'/>`), [
    { affiliation: 'outcast', jid: 'nurse@localhost' },
  ]);
  await changes(romeo, `<item jid='nurse@localhost' affiliation='none'/>`);
  await joined(nurse, 'Nurse');
});

test('XEP-0045 §9.1: users cannot ban themselves', async (t) => {
  const { romeo, juliet } = await three(t);
  await changes(romeo, `<item jid='juliet@localhost' affiliation='admin'/>`);
  await changes(romeo, `<item jid='romeo@localhost' affiliation='outcast'/>`, 'conflict');
  await changes(juliet, `<item jid='juliet@localhost' affiliation='outcast'/>`, 'conflict');
  await changes(juliet, `<item jid='romeo@localhost' affiliation='outcast'/>`, 'not-allowed');
});

test('XEP-0045 §9.2: a ban of a domain affects its users, except those with an affiliation', async (t) => {
  const { romeo, juliet, nurse } = await three(t);
  await changes(romeo, `<item jid='juliet@localhost' affiliation='member'/>`);
  await settled(juliet);
  await changes(romeo, `<item jid='localhost' affiliation='outcast'/>`);
  assert.deepEqual(userOf(await juliet.next()).codes, ['301']);
  await juliet.receivesNothing();
  await settled(nurse);
  enters(nurse, 'Nurse');
  assert.ok((await nurse.next()).getChild('error')?.getChild('forbidden', STANZAS));
  await changes(romeo, `<item jid='localhost' affiliation='member'/>`, 'not-acceptable');
});

test('XEP-0045 §9.2: if one item of a request is refused, none is applied', async (t) => {
  const { romeo, juliet } = await three(t);
  await changes(romeo, `<item jid='juliet@localhost' affiliation='admin'/>`);
  await changes(
    juliet,
    `<item jid='nurse@localhost' affiliation='outcast'/><item jid='romeo@localhost' affiliation='outcast'/>`,
    'not-allowed',
  );
  assert.deepEqual(await list(romeo, `<item affiliation='outcast'/>`), []);
});

test('XEP-0045 §9.3, §9.4: all occupants are notified when membership is granted or revoked', async (t) => {
  const { romeo, juliet, nurse } = await three(t);
  await changes(romeo, `<item jid='nurse@localhost' affiliation='member'/>`);
  for (const client of [juliet, nurse]) assert.equal(userOf(await client.next()).affiliation, 'member');
  assert.deepEqual(await list(romeo, `<item affiliation='member'/>`), [
    { affiliation: 'member', jid: 'nurse@localhost', nick: 'Nurse' },
  ]);
  await changes(romeo, `<item jid='nurse@localhost' affiliation='none'/>`);
  for (const client of [juliet, nurse]) assert.equal(userOf(await client.next()).affiliation, 'none');
  await changes(juliet, `<item jid='nurse@localhost' affiliation='member'/>`, 'forbidden');
});

test('XEP-0045 §9.4: revoked membership removes the user from a members-only room, with 321 and no other presence first', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  await roomWith(romeo, 'Romeo', { 'muc#roomconfig_membersonly': '1' });
  await changes(romeo, `<item jid='juliet@localhost' affiliation='member'/>`);
  await joined(juliet, 'Juliet');
  await changes(romeo, `<item jid='juliet@localhost' affiliation='none'/>`);
  const gone = await juliet.next();
  assert.deepEqual([gone.attrs.type, userOf(gone).codes], ['unavailable', ['110', '321']]);
  enters(juliet, 'Juliet');
  assert.ok((await juliet.next()).getChild('error')?.getChild('registration-required', STANZAS));
});

test('XEP-0045 §9.5: a new member of a members-only room gets an invitation', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  juliet.send('<presence/>');
  await juliet.receives(`<presence from='${juliet.jid}' to='juliet@localhost'/>`);
  await roomWith(romeo, 'Romeo', { 'muc#roomconfig_membersonly': '1' });
  await changes(romeo, `<item jid='juliet@localhost' affiliation='member'/>`);
  await juliet.receives(`
    <message from='${HALL}' to='juliet@localhost'><x xmlns='${USER}'><invite from='romeo@localhost'/></x></message>`);
});

test('XEP-0045 §9.3, §7.12: only its owner may use a reserved nick, and disco tells the owner which it is', async (t) => {
  const server = await roomServer(t);
  const romeo = await server.client('romeo@localhost/orchard');
  const juliet = await server.client('juliet@localhost/balcony');
  const nurse = await server.client('nurse@localhost/house');
  await roomWith(romeo, 'Romeo');
  await changes(romeo, `<item jid='juliet@localhost' affiliation='member' nick='Capulet'/>`);
  const node = 'x-roomuser-item';
  const query = `<iq type='get' id='nick' to='${HALL}'><query xmlns='http://jabber.org/protocol/disco#info' node='${node}'/></iq>`;
  juliet.send(query);
  await juliet.receives(`
    <iq type='result' id='nick' from='${HALL}' to='${juliet.jid}'>
      <query xmlns='http://jabber.org/protocol/disco#info' node='${node}'>
        <identity category='conference' type='text' name='Capulet'/>
      </query>
    </iq>`);
  nurse.send(query);
  await nurse.receives(`
    <iq type='result' id='nick' from='${HALL}' to='${nurse.jid}'>
      <query xmlns='http://jabber.org/protocol/disco#info' node='${node}'/>
    </iq>`);
  enters(nurse, 'Capulet');
  assert.ok((await nurse.next()).getChild('error')?.getChild('conflict', STANZAS));
  await joined(juliet, 'Capulet');
  // §9.1: a ban removes the reserved nick.
  await changes(romeo, `<item jid='juliet@localhost' affiliation='outcast'/>`);
  await joined(nurse, 'Capulet');
});

test('XEP-0045 §9.6, §9.7: admins grant and revoke moderator status', async (t) => {
  const { romeo, juliet, nurse } = await three(t);
  await changes(romeo, `<item nick='Juliet' role='moderator'/>`);
  assert.equal(userOf(await nurse.next()).role, 'moderator');
  await changes(juliet, `<item nick='Nurse' role='moderator'/>`, 'forbidden');
  assert.deepEqual(await list(juliet, `<item role='moderator'/>`), 'forbidden');
  await changes(romeo, `<item nick='Juliet' role='participant'/>`);
  assert.equal(userOf(await nurse.next()).role, 'participant');
  await changes(romeo, `<item jid='juliet@localhost' affiliation='admin'/>`);
  await changes(juliet, `<item nick='Romeo' role='participant'/>`, 'not-allowed');
});

test('XEP-0045 §10.3 to §10.8: only owners grant and revoke ownership and admin status', async (t) => {
  const { romeo, juliet, nurse } = await three(t);
  await changes(romeo, `<item jid='juliet@localhost' affiliation='admin'/>`);
  const promoted = userOf(await nurse.next());
  assert.deepEqual([promoted.affiliation, promoted.role], ['admin', 'moderator']);
  await changes(juliet, `<item jid='nurse@localhost' affiliation='admin'/>`, 'forbidden');
  await changes(juliet, `<item jid='nurse@localhost' affiliation='owner'/>`, 'forbidden');
  await changes(juliet, `<item jid='romeo@localhost' affiliation='member'/>`, 'forbidden');
  await changes(romeo, `<item jid='juliet@localhost' affiliation='owner'/>`);
  assert.equal(userOf(await nurse.next()).affiliation, 'owner');
  await changes(juliet, `<item jid='romeo@localhost' affiliation='none'/>`);
  const former = userOf(await nurse.next());
  assert.deepEqual([former.affiliation, former.role], ['none', 'participant']);
});

test('XEP-0045 §10.4: refuses to remove the last owner', async (t) => {
  const { romeo } = await three(t);
  for (const affiliation of ['admin', 'member', 'none']) {
    await changes(romeo, `<item jid='romeo@localhost' affiliation='${affiliation}'/>`, 'conflict');
  }
  await changes(
    romeo,
    `<item jid='romeo@localhost' affiliation='none'/><item jid='nurse@localhost' affiliation='owner'/>`,
  );
});

test('XEP-0045 §10.5, §10.8: only admins and owners read affiliation lists of a semi-anonymous room', async (t) => {
  const { romeo, juliet, nurse } = await three(t);
  await changes(romeo, `<item jid='juliet@localhost' affiliation='admin'/>`);
  for (const affiliation of ['owner', 'admin', 'member', 'outcast']) {
    assert.equal(await list(nurse, `<item affiliation='${affiliation}'/>`), 'forbidden');
  }
  for (const affiliation of ['owner', 'admin']) {
    assert.equal(await list(juliet, `<item affiliation='${affiliation}'/>`), 'forbidden');
  }
  for (const affiliation of ['member', 'outcast']) {
    assert.deepEqual(await list(juliet, `<item affiliation='${affiliation}'/>`), []);
  }
  assert.deepEqual(await list(romeo, `<item affiliation='owner'/>`), [
    { affiliation: 'owner', jid: 'romeo@localhost', nick: 'Romeo' },
  ]);
});

test('XEP-0045 §9.5: all occupants of a non-anonymous room may read the list of members', async (t) => {
  const { nurse } = await three(t, { 'muc#roomconfig_whois': 'anyone' });
  assert.deepEqual(await list(nurse, `<item affiliation='owner'/>`), [
    { affiliation: 'owner', jid: 'romeo@localhost', nick: 'Romeo' },
  ]);
  assert.equal(await list(nurse, `<item affiliation='outcast'/>`), 'forbidden');
});

test('XEP-0045 §17.4: one item changes a role or an affiliation, not both', async (t) => {
  const { romeo } = await three(t);
  await changes(romeo, `<item nick='Nurse' role='visitor' affiliation='member'/>`, 'bad-request');
  await changes(romeo, `<item nick='Nurse'/>`, 'bad-request');
  await changes(romeo, '', 'bad-request');
  await changes(romeo, `<item nick='Nurse' role='king'/>`, 'bad-request');
  await changes(romeo, `<item jid='@' affiliation='member'/>`, 'jid-malformed');
  assert.equal(await list(romeo, ''), 'bad-request');
});

test('muc_max_affiliations: bounds the number of users with an affiliation', async (t) => {
  const server = await roomServer(t, 'muc_max_affiliations = 2');
  const romeo = await server.client('romeo@localhost/orchard');
  await roomWith(romeo, 'Romeo');
  await changes(romeo, `<item jid='a@localhost' affiliation='member'/>`);
  await changes(romeo, `<item jid='b@localhost' affiliation='outcast'/>`, 'resource-constraint');
  await changes(romeo, `<item jid='a@localhost' affiliation='outcast'/>`);
});

test('refuses a reason of more than 1,024 characters, and changes nothing', async (t) => {
  const { romeo, juliet, nurse } = await three(t);
  const reason = (length: number) => `<reason>${'x'.repeat(length)}</reason>`;
  await changes(
    romeo,
    `<item jid='troll@x.test' affiliation='outcast'>${reason(1025)}</item>`,
    'not-acceptable',
  );
  await changes(romeo, `<item nick='Nurse' role='none'>${reason(1025)}</item>`, 'not-acceptable');
  assert.deepEqual(await list(romeo, `<item affiliation='outcast'/>`), []);
  await juliet.receivesNothing();
  await changes(romeo, `<item jid='troll@x.test' affiliation='outcast'>${reason(1024)}</item>`);
  assert.deepEqual(await list(romeo, `<item affiliation='outcast'/>`), [
    { affiliation: 'outcast', jid: 'troll@x.test' },
  ]);
  await changes(romeo, `<item nick='Nurse' role='none'>${reason(1024)}</item>`);
  assert.equal((await nurse.next()).attrs.type, 'unavailable');
});

test('a nick that is reserved with an affiliation must satisfy the rules for entering', async (t) => {
  const { romeo } = await three(t);
  const member = (nick: string) => `<item jid='mercutio@localhost' affiliation='member' nick='${nick}'/>`;
  await changes(romeo, member('&#xAD;'), 'jid-malformed');
  await changes(romeo, member('a\u200Db'), 'jid-malformed');
  await changes(romeo, member('x'.repeat(129)), 'policy-violation');
  await changes(romeo, member('Me\u0301rcutio')); // e and a combining accent
  assert.deepEqual(await list(romeo, `<item affiliation='member'/>`), [
    { affiliation: 'member', jid: 'mercutio@localhost', nick: 'M\u00E9rcutio' },
  ]);
});

test('XEP-0045 §9.3: a request that gives one nick to two users gets conflict, and changes nothing', async (t) => {
  const { romeo } = await three(t);
  await changes(
    romeo,
    `<item jid='tybalt@localhost' affiliation='member' nick='Cat'/>
     <item jid='mercutio@localhost' affiliation='member' nick='Cat'/>`,
    'conflict',
  );
  assert.deepEqual(await list(romeo, `<item affiliation='member'/>`), []);
  await changes(romeo, `<item jid='tybalt@localhost' affiliation='member' nick='Cat'/>`);
  await changes(romeo, `<item jid='mercutio@localhost' affiliation='member' nick='Cat'/>`, 'conflict');
  // A nick that is no longer reserved is free.
  await changes(romeo, `<item jid='tybalt@localhost' affiliation='member' nick=''/>`);
  await changes(romeo, `<item jid='mercutio@localhost' affiliation='member' nick='Cat'/>`);
  await changes(romeo, `<item jid='mercutio@localhost' affiliation='none'/>`);
  await changes(romeo, `<item jid='tybalt@localhost' affiliation='member' nick='Cat'/>`);
});

test('one request changes at most 500 affiliations', async (t) => {
  const { romeo } = await three(t);
  const items = (count: number) =>
    Array.from({ length: count }, (_, n) => `<item jid='m${n}@x.test' affiliation='member'/>`).join('');
  await changes(romeo, items(501), 'policy-violation');
  await changes(romeo, items(500));
});

test('the affiliations of a room are bounded in bytes', async (t) => {
  const server = await roomServer(t, 'muc_max_affiliations = 100'); // 64 KiB
  const romeo = await server.client('romeo@localhost/orchard');
  await roomWith(romeo, 'Romeo');
  const ban = (n: number) =>
    `<item jid='troll${n}@x.test' affiliation='outcast'><reason>${'ü'.repeat(1000)}</reason></item>`;
  for (let n = 0; n < 30; n++) await changes(romeo, ban(n));
  await changes(romeo, ban(30), 'resource-constraint');
  await changes(romeo, `<item jid='troll0@x.test' affiliation='none'/>`);
  await changes(romeo, ban(30));
});

test('a room can ban a user even if other rooms use all the memory for affiliations', () => {
  const options = parseOptions(OPTIONS, {});
  const affiliations = new ByteBudget(1_000);
  affiliations.force(1_000);
  const service = { module: { options }, budgets: { affiliations } };
  const room = { jid: HALL, affiliations: new Map(), affiliationBytes: 0 } as unknown as Room;
  const ban = (count: number) =>
    Array.from({ length: count }, (_, n) => ({ bare: `troll${n}@x.test`, affiliation: 'outcast' as const }));
  checkSpace(service, room, ban(60));
  assert.throws(
    () => checkSpace(service, room, ban(80)),
    /The rooms of this service have too many users with an affiliation/,
  );
});
