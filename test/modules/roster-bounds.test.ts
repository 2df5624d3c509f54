// The size of a roster, the number of its writes, and the number of pending requests.

import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { RosterItem } from '../../modules/roster/item.ts';
import { fitting } from '../../modules/roster/requests.ts';
import type { Clock } from '../../src/util/clock.ts';
import { emptyFolder } from '../storage/folder.ts';
import type { ScriptedClient } from '../support/client.ts';
import { FakeClock } from '../support/clock.ts';
import { becomeAvailable, IM_MODULES, reloadModule, rosters, settled } from '../support/contacts.ts';
import { ownersLoaded } from '../support/late-storage.ts';
import { harness } from '../support/module-harness.ts';
import { assertFaults, startServer, type TestServer } from '../support/server.ts';

const JULIET = 'juliet@capulet.lit';
const BALCONY = `${JULIET}/balcony`;
const HOSTS = ['capulet.lit', 'montague.lit', 'a.example', 'b.example', 'c.example'];

async function server(t: TestContext, options = '', clock?: Clock): Promise<TestServer> {
  const hosts = HOSTS.map((host) => `[hosts."${host}"]`).join('\n');
  const config = `${IM_MODULES}\n${options}\n${hosts}`;
  const there = await startServer(t, { config, ...(clock ? { clock } : {}) });
  await there.account(JULIET);
  return there;
}

const tableOf = (there: TestServer) => rosters(there, 'juliet', 'capulet.lit');

async function stored(there: TestServer): Promise<readonly RosterItem[]> {
  await there.server.router.work.idle();
  return Object.values((await tableOf(there)).get('juliet')?.items ?? {});
}

const set = (item: string, id = 's') =>
  `<iq type='set' id='${id}'><query xmlns='jabber:iq:roster'>${item}</query></iq>`;
const result = `<iq type='result' from='${JULIET}' to='${BALCONY}'/>`;
const constraint = (type: string) => `<error type='${type}'>
  <resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>
  <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>{any}</text></error>`;
const refused = `<iq type='error' from='${JULIET}' to='${BALCONY}'>${constraint('cancel')}</iq>`;

async function sets(client: ScriptedClient, item: string, answer = result): Promise<void> {
  client.send(set(item));
  await client.receives(answer);
}

const onSqlite = (path: string) => `storage = "sqlite"\ndata_path = ${JSON.stringify(path)}`;

test('RFC 6121 §2.3.3: refuses changes beyond roster_max_size, in names, groups or addresses; smaller ones are always accepted', async (t) => {
  const there = await server(t, 'roster_max_size = "2 KiB"');
  const client = await there.client(BALCONY);
  const long = 'x'.repeat(960);
  await sets(client, `<item jid='one@b' name='${long}'/>`);
  await sets(client, `<item jid='two@b' name='${long}'/>`, refused);
  await sets(
    client,
    `<item jid='two@b'><group>${long.slice(0, 256)}</group><group>${long.slice(1, 256)}</group></item>`,
  );
  await sets(client, `<item jid='${long}@b'/>`, refused);
  client.send(`<presence type='subscribe' to='${long}@b'/>`);
  await client.receives(
    `<presence type='error' from='${long}@b' to='${BALCONY}'>${constraint('cancel')}</presence>`,
  );
  await sets(client, `<item jid='two@b'><group>${long.slice(0, 200)}</group></item>`);
  await sets(client, `<item jid='one@b' subscription='remove'/>`);
  await sets(client, `<item jid='three@b' name='${long}'/>`);
  assert.deepEqual(
    (await stored(there)).map(({ jid }) => jid),
    ['two@b', 'three@b'],
  );
});

test('a stored roster beyond the limit may be changed as long as it does not grow', async (t) => {
  const there = await server(t, 'roster_max_size = "1 KiB"');
  const client = await there.client(BALCONY);
  const item = {
    jid: 'old@b',
    state: 'none',
    listed: true,
    groups: [],
    approved: false,
    version: 1,
  } as const;
  const items = { 'old@b': { ...item, name: 'o'.repeat(1024) } };
  await (await tableOf(there)).set('juliet', { version: 1, since: 1, items, removed: [] });
  await sets(client, `<item jid='new@b'/>`, refused);
  await sets(client, `<item jid='old@b' name='${'p'.repeat(1024)}'/>`);
  await sets(client, `<item jid='old@b' name='p'/>`);
  await sets(client, `<item jid='new@b'/>`);
});

test('many changes share a few writes, and each is on disk before it is acknowledged', async (t) => {
  const folder = emptyFolder();
  const there = await server(t, onSqlite(folder));
  const client = await there.client(BALCONY);
  const table = await tableOf(there);
  const write = table.set.bind(table);
  const begun = Promise.withResolvers<void>();
  const writes = t.mock.method(table, 'set', async (...row: Parameters<typeof write>) => {
    await begun.promise;
    return write(...row);
  });
  client.send(Array.from({ length: 50 }, (_, n) => set(`<item jid='contact${n}@b'/>`)).join(''));
  client.send(`<iq type='get' id='all' to='capulet.lit'><ping xmlns='urn:xmpp:ping'/></iq>`);
  await client.skipUntil(({ attrs }) => attrs.id === 'all');
  begun.resolve();
  for (let n = 0; n < 50; n++) await client.receives(result);
  const copy = join(emptyFolder(), 'data'); // What would be there if the server was killed now.
  cpSync(folder, copy, { recursive: true });
  assert.ok(writes.mock.callCount() <= 3, `${writes.mock.callCount()} writes`);
  assert.equal((await stored(await server(t, onSqlite(copy)))).length, 50);
});

test('changes during a reload of the module are not lost', async (t) => {
  const there = await server(t);
  const client = await there.client(BALCONY);
  client.send(Array.from({ length: 30 }, (_, n) => set(`<item jid='contact${n}@b'/>`)).join(''));
  await reloadModule(there, 'roster');
  client.send(set(`<item jid='last@b'/>`, 'last'));
  await client.skipUntil(({ attrs }) => attrs.id === 'last');
  assert.equal((await stored(there)).length, 31);
});

test('changes that wait after the write of a large roster are written when the module unloads', async (t) => {
  const clock = new FakeClock();
  const there = await server(t, '', clock);
  const client = await there.client(BALCONY);
  const long = 'x'.repeat(960);
  const item = { state: 'none', listed: true, name: long, groups: [], approved: false, version: 1 } as const;
  const jids = Array.from({ length: 20 }, (_, n) => `contact${n}@b`);
  const items = Object.fromEntries(jids.map((jid) => [jid, { ...item, jid }]));
  await (await tableOf(there)).set('juliet', { version: 1, since: 1, items, removed: [] });
  await sets(client, `<item jid='first@b'/>`);
  client.send(set(`<item jid='second@b'/>`));
  await client.receivesNothing(); // The clock stands still, so the pause lasts.
  await reloadModule(there, 'roster');
  await client.receives(result);
  await clock.advance(1_000);
  assert.equal((await stored(there)).length, 22);
});

test('an edit is on disk before it is pushed; one that the disk refuses is not pushed', async (t) => {
  const there = await server(t);
  const client = await there.client(BALCONY);
  const other = await there.client('juliet@capulet.lit/chamber');
  other.send(`<iq type='get' id='all'><query xmlns='jabber:iq:roster'/></iq>`);
  await other.next();
  const keyval = there.server.router.hosts.get('capulet.lit')!.stores.keyval('roster');
  for (const isFailing of [true, false]) {
    const begun = Promise.withResolvers<void>();
    const write = Promise.withResolvers<void>();
    const slow = () => {
      begun.resolve();
      return write.promise;
    };
    t.mock.method(keyval, 'set', slow, { times: 1 });
    client.send(set(`<item jid='romeo@b'/>`, 'romeo'));
    await begun.promise;
    await other.receivesNothing();
    if (isFailing) write.reject(new Error('disk full'));
    else write.resolve();
    assert.equal((await client.next()).attrs.type, isFailing ? 'error' : 'result');
    if (isFailing) await other.receivesNothing();
    else assert.match(`${await other.next()}`, /<item jid='romeo@b'/);
  }
  assertFaults(there.server.faults, { handler: 1 });
});

test('a request for the roster during a write is answered from the disk', async (t) => {
  const there = await server(t);
  const client = await there.client(BALCONY);
  const other = await there.client('juliet@capulet.lit/chamber');
  const keyval = there.server.router.hosts.get('capulet.lit')!.stores.keyval('roster');
  const begun = Promise.withResolvers<void>();
  const write = Promise.withResolvers<void>();
  const fails = () => {
    begun.resolve();
    return write.promise;
  };
  t.mock.method(keyval, 'set', fails, { times: 1 });
  client.send(set(`<item jid='romeo@b'/>`, 'romeo'));
  await begun.promise;
  other.send(`<iq type='get' id='all'><query xmlns='jabber:iq:roster' ver=''/></iq>`);
  await other.receivesNothing();
  write.reject(new Error('disk full'));
  assert.doesNotMatch(`${await other.next()}`, /romeo/);
  await client.next();
  client.send(set(`<item jid='paris@b'/>`, 'paris'));
  assert.match(`${await other.next()}`, /paris/); // It gets pushes.
  assertFaults(there.server.faults, { handler: 1 });
});

test('refuses changes that the disk refuses and those made meanwhile; keeps the roster that is on disk', async (t) => {
  const there = await server(t);
  const client = await there.client(BALCONY);
  await sets(client, `<item jid='kept@b'/>`);
  const keyval = there.server.router.hosts.get('capulet.lit')!.stores.keyval('roster');
  const begun = Promise.withResolvers<void>();
  const write = Promise.withResolvers<void>();
  const fails = () => {
    begun.resolve();
    return write.promise;
  };
  t.mock.method(keyval, 'set', fails, { times: 1 });
  client.send(set(`<item jid='a@b'/>`, 'a'));
  await begun.promise;
  client.send(set(`<item jid='b@b'/>`, 'b')); // It builds on the roster with a@b.
  await client.receivesNothing();
  write.reject(new Error('disk full'));
  for (const id of ['a', 'b']) {
    const answer = await client.next();
    assert.deepEqual([answer.attrs.id, answer.attrs.type], [id, 'error']);
  }
  assert.deepEqual(
    (await stored(there)).map(({ jid }) => jid),
    ['kept@b'],
  );
  await sets(client, `<item jid='c@b'/>`);
  assert.deepEqual(
    (await stored(there)).map(({ jid }) => jid),
    ['kept@b', 'c@b'],
  );
  assertFaults(there.server.faults, { handler: 2 });
});

/** Sends Juliet a subscription request of a user. Returns whether it was refused. */
async function asks(there: TestServer, jid: string, content = ''): Promise<boolean> {
  const client = await there.client(`${jid}/x`);
  await becomeAvailable(client);
  client.send(`<presence type='subscribe' to='${JULIET}'>${content}</presence>`);
  await ownersLoaded();
  client.send(`<iq type='get' id='end' to='${jid}'><query xmlns='urn:example:end'/></iq>`);
  const answer = await client.next();
  client.drop();
  if (answer.attrs.id === 'end') return false;
  assert.equal(answer.name, 'presence');
  assert.ok(answer.getChild('error')?.getChild('resource-constraint', 'urn:ietf:params:xml:ns:xmpp-stanzas'));
  return true;
}

test('RFC 6121 §3.1.3: one domain uses at most its share of the places for requests, and leaves the others free', async (t) => {
  const there = await server(t, 'roster_max_requests = 5\nroster_max_requests_per_domain = 2');
  const taken: Record<string, number> = {};
  for (const host of ['montague.lit', 'a.example', 'b.example', 'c.example', 'capulet.lit']) {
    for (let n = 0; n < 3; n++)
      if (!(await asks(there, `u${n}@${host}`))) taken[host] = (taken[host] ?? 0) + 1;
  }
  assert.deepEqual(taken, { 'montague.lit': 2, 'a.example': 2, 'b.example': 1, 'capulet.lit': 3 });
  for (let n = 3; n < 5; n++) assert.equal(await asks(there, `u${n}@capulet.lit`), false);
  assert.equal(await asks(there, 'u5@capulet.lit'), true);

  const juliet = await there.client(BALCONY);
  await becomeAvailable(juliet);
  for (let n = 0; n < 10; n++) assert.equal((await juliet.next()).attrs.type, 'subscribe');
  juliet.send(`<presence type='unsubscribed' to='u0@montague.lit'/>`);
  await settled(juliet);
  assert.equal(await asks(there, 'u2@montague.lit'), false, 'an answered request makes space');
});

test('RFC 6121 §3.1.3: the subdomains of a foreign domain share its places', () => {
  const limits = { places: 5, perDomain: 2 };
  const items = ['u@s1.evil.example', 'u@s2.evil.example'].map(
    (jid) => ({ jid, listed: false, request: '<presence/>' }) as unknown as RosterItem,
  );
  const places = (contact: string) => fitting(['<presence/>'], contact, items, 'capulet.lit', limits);
  assert.equal(places('u@s3.evil.example'), undefined);
  assert.equal(places('u@good.example'), '<presence/>');
});

test('RFC 6121 §3.1.3: requests of unknown users never displace those of contacts in the roster', async (t) => {
  const there = await server(t, 'roster_max_requests = 1');
  const juliet = await there.client(BALCONY);
  await sets(juliet, `<item jid='friend@a.example'/>`);
  assert.equal(await asks(there, 'stranger@a.example'), false);
  assert.equal(await asks(there, 'other@a.example'), true);
  assert.equal(await asks(there, 'friend@a.example'), false);
});

test('requests are bounded in bytes; beyond that they are stored without their content', async (t) => {
  const there = await server(t);
  const content = `<status>${'!'.repeat(1_800)}</status>`;
  for (let n = 0; n < 20; n++) assert.equal(await asks(there, `u${n}@a.example`, content), false);
  const requests = (await stored(there)).map(({ request = '' }) => request.length);
  const whole = requests.filter((length) => length > 1_800).length;
  assert.ok(whole >= 2 && whole <= 4, `${whole} with their content`);
  assert.ok(requests.reduce((sum, length) => sum + length, 0) < (64 * 1024) / 5);
});

test('attributes of a request without content are bounded too', async (t) => {
  const there = await server(t);
  const romeo = await there.client('romeo@montague.lit/x');
  romeo.send(
    `<presence type='subscribe' to='${JULIET}' id='${'i'.repeat(100_000)}' xml:lang='${'l'.repeat(50_000)}'/>`,
  );
  await settled(romeo);
  const [item] = await stored(there);
  assert.ok(item?.request && item.request.length < 200, `${item?.request?.length}`);
});

test('a request for the roster counts 100 bytes for each contact, also if the client has the version', async (t) => {
  const h = await harness(t);
  await h.host.createUser('romeo', 'secret');
  const romeo = h.client('romeo@montague.lit/orchard');
  const items = (count: number) =>
    Array.from({ length: count }, (_, i) => romeo.says(set(`<item jid='contact${i}@verona.lit'/>`)));
  items(50);
  await new Promise(setImmediate); // They are stored.
  romeo.says(`<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>`);
  assert.equal(romeo.charged, 5_000);
  const ver = romeo.inbox.at(-1)?.getChild('query', 'jabber:iq:roster')?.attrs.ver;
  romeo.says(`<iq type='get' id='2'><query xmlns='jabber:iq:roster' ver='${ver}'/></iq>`);
  assert.equal(romeo.charged, 10_000);
});
