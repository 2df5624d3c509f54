// XEP-0049: private data of clients on the server.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { SqliteStorage } from '../../src/storage/drivers/sqlite.ts';
import { emptyFolder } from '../storage/folder.ts';
import type { ScriptedClient } from '../support/client.ts';
import { reloadModule } from '../support/contacts.ts';
import { settled } from '../support/duplex.ts';
import { startServer, type TestServer } from '../support/server.ts';

const JULIET = 'juliet@capulet.lit/balcony';
const BOOKMARKS = `<storage xmlns='storage:bookmarks'>
  <conference jid='balcony@rooms.capulet.lit' autojoin='true'><nick>Juliet</nick></conference></storage>`;
const PREFERENCES = `<prefs xmlns='urn:example:prefs'><colour>red</colour></prefs>`;

interface Scene {
  readonly server: TestServer;
  readonly juliet: ScriptedClient;
}

async function scene(t: TestContext, options = ''): Promise<Scene> {
  const server = await startServer(t, {
    config: `modules_enabled = ["private", "disco"]\n${options}\n[hosts."capulet.lit"]`,
  });
  return { server, juliet: await server.client(JULIET) };
}

/** The account of a client. */
function own(client: ScriptedClient): string {
  return `${client.jid}`.replace(/\/.*/, '');
}

function ask(client: ScriptedClient, type: 'get' | 'set', content: string, to = ''): void {
  client.send(`<iq type='${type}' id='q' ${to}><query xmlns='jabber:iq:private'>${content}</query></iq>`);
}

async function keeps(client: ScriptedClient, content: string): Promise<void> {
  ask(client, 'set', content);
  await client.receives(`<iq type='result' id='q' from='${own(client)}' to='${client.jid}'/>`);
}

async function has(client: ScriptedClient, asked: string, content: string): Promise<void> {
  ask(client, 'get', asked);
  await client.receives(
    `<iq type='result' id='q' from='${own(client)}' to='${client.jid}'><query xmlns='jabber:iq:private'>${content}</query></iq>`,
  );
}

async function refused(
  client: ScriptedClient,
  error: string,
  { from = own(client), text = '' } = {},
): Promise<void> {
  const [condition, type] = error.split(' ');
  const reason = `<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>${text}</text>`;
  await client.receives(`<iq type='error' id='q' from='${from}' to='${client.jid}'><error type='${type}'>
    <${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>${text === '' ? '' : reason}</error></iq>`);
}

test('XEP-0049 §2: returns a stored element unchanged, also to another client and after a reload', async (t) => {
  const { server, juliet } = await scene(t);
  await keeps(juliet, BOOKMARKS + PREFERENCES);
  await has(juliet, `<storage xmlns='storage:bookmarks'/>`, BOOKMARKS);
  await reloadModule(server, 'private');
  const chamber = await server.client('juliet@capulet.lit/chamber');
  await has(chamber, `<prefs xmlns='urn:example:prefs'/>`, PREFERENCES);
});

test('XEP-0049 §2: an element replaces only that with the same name and namespace', async (t) => {
  const { juliet } = await scene(t);
  await keeps(juliet, BOOKMARKS + PREFERENCES);
  await keeps(juliet, `<storage xmlns='storage:bookmarks'/>`);
  await has(juliet, `<storage xmlns='storage:bookmarks'/>`, `<storage xmlns='storage:bookmarks'/>`);
  await has(juliet, `<prefs xmlns='urn:example:prefs'/>`, PREFERENCES);
});

test('XEP-0049 §2: returns an empty element if none was stored', async (t) => {
  const { juliet } = await scene(t);
  await has(juliet, `<storage xmlns='storage:bookmarks'/>`, `<storage xmlns='storage:bookmarks'/>`);
});

test('XEP-0049 §2: users cannot read or write the elements of other users', async (t) => {
  const { server, juliet } = await scene(t);
  const romeo = await server.client('romeo@capulet.lit/orchard');
  await keeps(juliet, BOOKMARKS);
  for (const type of ['get', 'set'] as const) {
    ask(romeo, type, `<storage xmlns='storage:bookmarks'/>`, `to='juliet@capulet.lit'`);
    await refused(romeo, 'forbidden auth', { from: 'juliet@capulet.lit' });
  }
  await has(romeo, `<storage xmlns='storage:bookmarks'/>`, `<storage xmlns='storage:bookmarks'/>`);
  await has(juliet, `<storage xmlns='storage:bookmarks'/>`, BOOKMARKS);
});

test('XEP-0049 §2: a get needs one element, a set at least one, each with its own namespace', async (t) => {
  const { juliet } = await scene(t);
  for (const [type, content, error] of [
    ['get', '', 'bad-request modify'],
    ['get', BOOKMARKS + PREFERENCES, 'bad-request modify'],
    ['get', '<storage/>', 'not-acceptable modify'],
    ['set', '', 'not-acceptable modify'],
    ['set', `${PREFERENCES}<storage/>`, 'not-acceptable modify'],
  ] as const) {
    ask(juliet, type, content);
    await refused(juliet, error);
  }
  await has(juliet, `<prefs xmlns='urn:example:prefs'/>`, `<prefs xmlns='urn:example:prefs'/>`);
});

test('a user stores at most the limits; stored elements may still be replaced', async (t) => {
  const { juliet } = await scene(t, 'private_max_elements = 2\nprivate_max_size = 400');
  await keeps(juliet, BOOKMARKS + PREFERENCES);
  for (const more of [
    `<third xmlns='urn:example:prefs'/>`,
    `<prefs xmlns='urn:example:prefs'>${'x'.repeat(400)}</prefs>`,
  ]) {
    ask(juliet, 'set', more);
    await refused(juliet, 'resource-constraint cancel', { text: 'Your private storage is full' });
  }
  await keeps(juliet, `<prefs xmlns='urn:example:prefs'><colour>blue</colour></prefs>`);
  await has(
    juliet,
    `<prefs xmlns='urn:example:prefs'/>`,
    `<prefs xmlns='urn:example:prefs'><colour>blue</colour></prefs>`,
  );
});

test('simultaneous requests cannot exceed the limits', async (t) => {
  const { juliet } = await scene(t, 'private_max_elements = 2');
  const sets = [0, 1, 2, 3].map(
    (i) =>
      `<iq type='set' id='q'><query xmlns='jabber:iq:private'><kept xmlns='urn:example:${i}'/></query></iq>`,
  );
  juliet.send(sets.join(''));
  const types: (string | undefined)[] = [];
  for (const _ of sets) types.push((await juliet.next()).attrs.type);
  assert.deepEqual(types, ['result', 'result', 'error', 'error']);
});

test('nothing is left of an account that is deleted while its data is written', async (t) => {
  const server = await startServer(t, {
    config: `modules_enabled = ["private"]\n[hosts."capulet.lit"]`,
    openStorage: async () => SqliteStorage.open(emptyFolder()),
  });
  const juliet = await server.client(JULIET);
  const { router } = server.server;
  const host = router.hosts.get('capulet.lit')!;
  juliet.send(
    `<iq type='set' id='q'><query xmlns='jabber:iq:private'>${PREFERENCES}</query></iq>`.repeat(40),
  );
  await settled();
  await host.deleteUser('juliet');
  await router.work.idle();
  assert.deepEqual([...(await host.stores.map('private').entries('juliet'))], []);
});

test('`bookmark-change`: once for each room that was added, changed or removed (XEP-0048 §3.1)', async (t) => {
  const { server, juliet } = await scene(t);
  const seen: [string, boolean | undefined][] = [];
  server.server.router.hosts.get('capulet.lit')!.hooks.add(
    'bookmark-change',
    ({ user, room, autojoin }) => {
      assert.equal(user, 'juliet');
      seen.push([room, autojoin]);
    },
    'observe',
    'test',
  );
  const stores = async (...conferences: string[]) => {
    await keeps(juliet, `<storage xmlns='storage:bookmarks'>${conferences.join('')}</storage>`);
    return seen.splice(0);
  };
  const hall = (autojoin = '') => `<conference jid='Hall@rooms.capulet.lit' ${autojoin}/>`;
  const garden = `<conference jid='garden@rooms.capulet.lit' autojoin='1'/>`;
  const [HALL, GARDEN] = ['hall@rooms.capulet.lit', 'garden@rooms.capulet.lit'] as const;
  assert.deepEqual(await stores(hall(`autojoin='true'`), garden), [
    [HALL, true],
    [GARDEN, true],
  ]);
  assert.deepEqual(await stores(garden, hall(`autojoin='1'`)), []);
  assert.deepEqual(await stores(garden, hall(`autojoin='false'`)), [[HALL, false]]);
  assert.deepEqual(await stores(garden, hall(), `<conference/>`, `<url url='http://capulet.lit/'/>`), []);
  assert.deepEqual(await stores(hall(), hall(`autojoin='true'`)), [[GARDEN, undefined]]);
  await keeps(juliet, PREFERENCES);
  assert.deepEqual(seen, []);
  assert.deepEqual(await stores(), [[HALL, undefined]]);
});
