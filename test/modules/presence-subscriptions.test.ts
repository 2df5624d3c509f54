// Subscription requests, approvals and cancellations (RFC 6121 §3) between accounts of two hosts.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Roster } from '../../modules/roster/roster.ts';
import type { ScriptedClient } from '../support/client.ts';
import {
  becomeAvailable,
  befriend,
  IM_MODULES,
  requestRoster,
  rosters,
  setRoster,
  settled,
} from '../support/contacts.ts';
import { startServer, type TestServer } from '../support/server.ts';

const CONFIG = `${IM_MODULES}\nroster_max_requests = 3\n[hosts."capulet.lit"]\n[hosts."montague.lit"]`;
const ROMEO = 'romeo@montague.lit';
const JULIET = 'juliet@capulet.lit';

/** Romeo and Juliet, available, and both have requested their roster. */
async function strangers(t: TestContext): Promise<[TestServer, ScriptedClient, ScriptedClient]> {
  const server = await startServer(t, { config: CONFIG });
  return [server, await online(server, `${ROMEO}/orchard`), await online(server, `${JULIET}/balcony`)];
}

async function online(server: TestServer, jid: string): Promise<ScriptedClient> {
  const client = await server.client(jid);
  await requestRoster(client);
  await becomeAvailable(client);
  return client;
}

const push = (item: string) =>
  `<iq type='set' to='{any}'><query xmlns='jabber:iq:roster' ver='{any}'>${item}</query></iq>`;
const presence = (type: string, from: string, to: string) =>
  `<presence${type === '' ? '' : ` type='${type}'`} from='${from}' to='${to}'/>`;

/** `jid` → `subscription`, `ask` and `approved` of the client's roster. */
async function rosterOf(client: ScriptedClient): Promise<Record<string, string>> {
  client.send(`<iq type='get' id='see'><query xmlns='jabber:iq:roster'/></iq>`);
  const answer = await client.skipUntil((element) => element.attrs.id === 'see');
  const items = answer.getChild('query', 'jabber:iq:roster')?.getChildren('item') ?? [];
  return Object.fromEntries(
    items.map(({ attrs }) => [
      attrs.jid,
      [attrs.subscription, attrs.ask, attrs.approved && 'approved'].filter(Boolean).join(' '),
    ]),
  );
}

async function stored(server: TestServer, account: string): Promise<Roster | undefined> {
  const [user = '', domain = ''] = account.split('@');
  return (await rosters(server, user, domain)).get(user);
}

test('RFC 6121 §3.1: Romeo requests a subscription, Juliet approves it, and he gets her presence', async (t) => {
  const [server, romeo, juliet] = await strangers(t);
  romeo.send(
    `<presence type='subscribe' to='${JULIET}/balcony' id='s1'><status>Art thou there?</status></presence>`,
  );
  await romeo.receives(push(`<item jid='${JULIET}' subscription='none' ask='subscribe'/>`));
  await juliet.receives(
    `<presence type='subscribe' from='${ROMEO}' to='${JULIET}'><status>Art thou there?</status></presence>`,
  );
  assert.deepEqual(await rosterOf(juliet), {}, 'a request adds no item to the roster');

  juliet.send(`<presence type='subscribed' to='${ROMEO}'/>`);
  await juliet.receives(push(`<item jid='${ROMEO}' subscription='from'/>`));
  await romeo.receives(presence('subscribed', JULIET, ROMEO));
  await romeo.receives(push(`<item jid='${JULIET}' subscription='to'/>`));
  await romeo.receives(presence('', `${JULIET}/balcony`, ROMEO));
  assert.equal((await stored(server, JULIET))?.items[ROMEO]?.request, undefined, 'the request is answered');
  await settled(romeo, juliet);
});

test('RFC 6121 §3.1.3: a request is stored unchanged, and delivered once per login', async (t) => {
  const server = await startServer(t, { config: CONFIG });
  await server.account(JULIET);
  const romeo = await online(server, `${ROMEO}/orchard`);
  const ask = `<presence type='subscribe' to='${JULIET}'><status>Hi</status><x xmlns='urn:example:nick'><n>R</n></x></presence>`;
  romeo.send(ask);
  romeo.send(ask);
  await romeo.receives(push(`<item jid='${JULIET}' subscription='none' ask='subscribe'/>`));
  await settled(romeo);
  for (const resource of ['balcony', 'chamber']) {
    const juliet = await server.client(`${JULIET}/${resource}`);
    await becomeAvailable(juliet);
    await juliet.receives(
      `<presence type='subscribe' from='${ROMEO}' to='${JULIET}'><status>Hi</status><x xmlns='urn:example:nick'><n>R</n></x></presence>`,
    );
    juliet.send(`<presence><show>away</show></presence>`); // not a new resource
    await juliet.next();
    await settled(juliet);
    juliet.send('</stream:stream>');
    await juliet.closed();
  }
});

test('RFC 6121 §3.1.3: every available client gets a request, even if it has not requested the roster', async (t) => {
  const server = await startServer(t, { config: CONFIG });
  const bot = await server.client(`${JULIET}/bot`);
  await becomeAvailable(bot, '<priority>-1</priority>');
  const silent = await server.client(`${JULIET}/silent`);
  const romeo = await server.client(`${ROMEO}/orchard`);
  romeo.send(`<presence type='subscribe' to='${JULIET}'/>`);
  await bot.receives(presence('subscribe', ROMEO, JULIET));
  await settled(romeo, silent);
});

test('RFC 6121 §3.2.2: Juliet denies a request; it is removed, and Romeo is notified', async (t) => {
  const [server, romeo, juliet] = await strangers(t);
  romeo.send(`<presence type='subscribe' to='${JULIET}'/>`);
  await romeo.next();
  await juliet.receives(presence('subscribe', ROMEO, JULIET));
  juliet.send(`<presence type='unsubscribed' to='${ROMEO}'/>`);
  await romeo.receives(presence('unsubscribed', JULIET, ROMEO));
  await romeo.receives(push(`<item jid='${JULIET}' subscription='none'/>`));
  await settled(juliet, romeo); // no unavailable presence: he never saw her
  assert.deepEqual((await stored(server, JULIET))?.items, {});
});

test("RFC 6121 §3.2.2: Juliet cancels Romeo's subscription; he gets her unavailable presence first", async (t) => {
  const [server, romeo, juliet] = await strangers(t);
  await setRoster(server, ROMEO, { [JULIET]: 'to' });
  await setRoster(server, JULIET, { [ROMEO]: 'from' });
  juliet.send(`<presence type='unsubscribed' to='${ROMEO}'/>`);
  await romeo.receives(presence('unavailable', `${JULIET}/balcony`, ROMEO));
  await romeo.receives(presence('unsubscribed', JULIET, ROMEO));
  await romeo.receives(push(`<item jid='${JULIET}' subscription='none'/>`));
  await juliet.receives(push(`<item jid='${ROMEO}' subscription='none'/>`));
});

test('RFC 6121 §3.2.2: cancelling a subscription that does not exist notifies no one', async (t) => {
  const [, romeo, juliet] = await strangers(t);
  juliet.send(`<presence type='unsubscribed' to='${ROMEO}'/>`);
  await settled(juliet, romeo);
});

test('RFC 6121 §3.3: Romeo unsubscribes; Juliet is notified, and he gets her unavailable presence', async (t) => {
  const [server, romeo, juliet] = await strangers(t);
  await setRoster(server, ROMEO, { [JULIET]: 'both' });
  await setRoster(server, JULIET, { [ROMEO]: 'both' });
  romeo.send(`<presence type='unsubscribe' to='${JULIET}'/>`);
  await romeo.receives(push(`<item jid='${JULIET}' subscription='from'/>`));
  await juliet.receives(presence('unsubscribe', ROMEO, JULIET));
  await juliet.receives(push(`<item jid='${ROMEO}' subscription='to'/>`));
  await romeo.receives(presence('unavailable', `${JULIET}/balcony`, ROMEO));
});

test('RFC 6121 §3.3.3: withdrawing a request removes the stored one', async (t) => {
  const server = await startServer(t, { config: CONFIG });
  await server.account(JULIET);
  const romeo = await server.client(`${ROMEO}/orchard`);
  romeo.send(`<presence type='subscribe' to='${JULIET}'/>`);
  await settled(romeo);
  assert.ok((await stored(server, JULIET))?.items[ROMEO]?.request);
  romeo.send(`<presence type='unsubscribe' to='${JULIET}'/>`);
  await settled(romeo);
  assert.deepEqual((await stored(server, JULIET))?.items, {});
});

test('RFC 6121 §3.1.3: a request of a subscribed user is answered immediately and not delivered', async (t) => {
  const [server, romeo, juliet] = await strangers(t);
  await setRoster(server, JULIET, { [ROMEO]: 'from' });
  romeo.send(`<presence type='subscribe' to='${JULIET}'/>`);
  await romeo.receives(push(`<item jid='${JULIET}' subscription='none' ask='subscribe'/>`));
  await romeo.receives(presence('subscribed', JULIET, ROMEO));
  await romeo.receives(push(`<item jid='${JULIET}' subscription='to'/>`));
  await romeo.receives(presence('', `${JULIET}/balcony`, ROMEO));
  await settled(juliet);
});

test('RFC 6121 §3.1.6, §3.2.3: an unsolicited answer changes nothing and is not delivered', async (t) => {
  const [, romeo, juliet] = await strangers(t);
  juliet.send(`<presence type='subscribed' to='${ROMEO}'/>`);
  await juliet.receives(push(`<item jid='${ROMEO}' subscription='none' approved='true'/>`));
  await settled(juliet, romeo);
  assert.deepEqual(await rosterOf(romeo), {});
});

test('RFC 6121 §3.4: a pre-approved request is granted and not delivered', async (t) => {
  const [, romeo, juliet] = await strangers(t);
  juliet.send(`<presence type='subscribed' to='${ROMEO}'/>`);
  await juliet.receives(push(`<item jid='${ROMEO}' subscription='none' approved='true'/>`));
  romeo.send(`<presence type='subscribe' to='${JULIET}'/>`);
  await romeo.next();
  await romeo.receives(presence('subscribed', JULIET, ROMEO));
  await romeo.receives(push(`<item jid='${JULIET}' subscription='to'/>`));
  await romeo.receives(presence('', `${JULIET}/balcony`, ROMEO));
  await juliet.receives(push(`<item jid='${ROMEO}' subscription='from'/>`));
});

test('RFC 6121 §3.4.2: a pre-approval can be cancelled; that is not routed to the contact', async (t) => {
  const [, romeo, juliet] = await strangers(t);
  juliet.send(`<presence type='subscribed' to='${ROMEO}'/><presence type='unsubscribed' to='${ROMEO}'/>`);
  await juliet.receives(push(`<item jid='${ROMEO}' subscription='none' approved='true'/>`));
  await juliet.receives(push(`<item jid='${ROMEO}' subscription='none'/>`));
  await settled(romeo);
});

test('RFC 6121 §2.5.2: removing a contact ends both subscriptions', async (t) => {
  const [server, romeo, juliet] = await strangers(t);
  await setRoster(server, ROMEO, { [JULIET]: 'both' });
  await setRoster(server, JULIET, { [ROMEO]: 'both' });
  romeo.send(
    `<iq type='set' id='rm'><query xmlns='jabber:iq:roster'><item jid='${JULIET}' subscription='remove'/></query></iq>`,
  );
  await juliet.receives(presence('unsubscribe', ROMEO, JULIET));
  await juliet.receives(push(`<item jid='${ROMEO}' subscription='to'/>`));
  await juliet.receives(presence('unavailable', `${ROMEO}/orchard`, JULIET));
  await juliet.receives(presence('unsubscribed', ROMEO, JULIET));
  await juliet.receives(push(`<item jid='${ROMEO}' subscription='none'/>`));
  await romeo.receivesInAnyOrder(
    push(`<item jid='${JULIET}' subscription='remove'/>`),
    presence('unavailable', `${JULIET}/balcony`, ROMEO),
    `<iq type='result' from='${ROMEO}' to='${ROMEO}/orchard'/>`,
  );
});

test("RFC 6121 §2.5.2: removing a contact withdraws the user's request and denies the contact's", async (t) => {
  const [server, romeo, juliet] = await strangers(t);
  await setRoster(server, ROMEO, { [JULIET]: 'none + out + in' });
  await setRoster(server, JULIET, { [ROMEO]: 'none + out + in' });
  romeo.send(
    `<iq type='set' id='rm'><query xmlns='jabber:iq:roster'><item jid='${JULIET}' subscription='remove'/></query></iq>`,
  );
  await juliet.receives(presence('unsubscribe', ROMEO, JULIET));
  await juliet.receives(presence('unsubscribed', ROMEO, JULIET));
  await juliet.receives(push(`<item jid='${ROMEO}' subscription='none'/>`));
  await romeo.receivesInAnyOrder(
    push(`<item jid='${JULIET}' subscription='remove'/>`),
    `<iq type='result' from='${ROMEO}' to='${ROMEO}/orchard'/>`,
  );
});

test('deleting an account ends its subscriptions', async (t) => {
  const server = await startServer(t, { config: CONFIG });
  await befriend(server, ROMEO, JULIET);
  const juliet = await online(server, `${JULIET}/balcony`);
  await juliet.next();
  await server.server.commands.run('user delete', { jid: ROMEO }, { by: 'test' });
  await juliet.receives(presence('unsubscribe', ROMEO, JULIET));
  await juliet.receives(push(`<item jid='${ROMEO}' subscription='to'/>`));
  await juliet.receives(presence('unsubscribed', ROMEO, JULIET));
  await juliet.receives(push(`<item jid='${ROMEO}' subscription='none'/>`));
});

test('ignores subscription requests to oneself', async (t) => {
  const [, romeo] = await strangers(t);
  for (const type of ['subscribe', 'subscribed', 'unsubscribe', 'unsubscribed']) {
    romeo.send(`<presence type='${type}' to='${ROMEO}'/><presence type='${type}'/>`);
  }
  await settled(romeo);
  assert.deepEqual(await rosterOf(romeo), {});
});

test('stores at most roster_max_requests requests of unknown users, and shortens very large ones', async (t) => {
  const server = await startServer(t, { config: CONFIG });
  await server.account(JULIET);
  for (const name of ['a', 'b', 'c', 'd']) {
    const stranger = await server.client(`${name}@montague.lit/x`);
    stranger.send(
      `<presence type='subscribe' to='${JULIET}'><status>${'!'.repeat(9000)}</status></presence>`,
    );
    await settled(stranger);
  }
  const { items } = (await stored(server, JULIET))!;
  assert.deepEqual(
    Object.keys(items),
    ['a', 'b', 'c'].map((name) => `${name}@montague.lit`),
  );
  for (const { request = '' } of Object.values(items)) assert.ok(request.length < 300, request);
});

test('RFC 6121 §3.1.1: subscriptions work the same within one host and between two', async (t) => {
  const server = await startServer(t, { config: CONFIG });
  const nurse = await online(server, 'nurse@capulet.lit/hall');
  const juliet = await online(server, `${JULIET}/balcony`);
  juliet.send(
    `<presence type='subscribed' to='nurse@capulet.lit'/><presence type='subscribe' to='nurse@capulet.lit'/>`,
  );
  await nurse.receives(presence('subscribe', JULIET, 'nurse@capulet.lit'));
  nurse.send(`<presence type='subscribed' to='${JULIET}'/><presence type='subscribe' to='${JULIET}'/>`);
  await nurse.skipUntil(presence('', `${JULIET}/balcony`, 'nurse@capulet.lit'));
  await juliet.skipUntil(presence('', 'nurse@capulet.lit/hall', JULIET));
  assert.deepEqual(await rosterOf(juliet), { 'nurse@capulet.lit': 'both' });
  assert.deepEqual(await rosterOf(nurse), { [JULIET]: 'both' });
});
