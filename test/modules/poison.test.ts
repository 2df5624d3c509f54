// Stored stanzas of other users, and rows that a disk has damaged, never prevent a login.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Origin } from '../../src/api/session.ts';
import { ARCHIVE_FLAGS } from '../../src/storage/archive.ts';
import { parseElement } from '../../src/xml/copy.ts';
import { type Element, xml } from '../../src/xml/element.ts';
import { keptText } from '../../src/xml/kept-text.ts';
import { emptyFolder } from '../storage/folder.ts';
import type { ScriptedClient } from '../support/client.ts';
import { requestRoster, rosters, settled } from '../support/contacts.ts';
import { parseXml } from '../support/match.ts';
import { network } from '../support/network.ts';
import { ErrorLog, startServer, type TestServer } from '../support/server.ts';

const JULIET = 'juliet@capulet.lit';
const BALCONY = `${JULIET}/balcony`;
const ROMEO = 'romeo@capulet.lit';
const TYBALT = 'tybalt@capulet.lit';
const MODULES = '["roster", "presence", "message", "offline", "private", "dialback"]';
const GARBAGE = '<presence type="subscribe"><x xmlns:a=';

/** 20 prefixes on an element and the same on its child: 40 in scope once each element declares its own. */
function manyPrefixes(): string {
  const prefixes = Array.from({ length: 20 }, (_, n) => `p${n}`);
  const declared = prefixes.map((prefix) => `xmlns:${prefix}='u:${prefix}'`).join(' ');
  const used = prefixes.map((prefix) => `${prefix}:a=''`).join(' ');
  return `<x xmlns='urn:x' ${declared} ${used}><y ${used}/></x>`;
}

function nested(depth: number): Element {
  let element = xml('a', 'urn:example:deep');
  for (let n = 1; n < depth; n++) element = xml('a', 'urn:example:deep', element);
  return element;
}

function server(t: TestContext, dataPath?: string): Promise<TestServer> {
  const storage = dataPath === undefined ? '' : `storage = "sqlite"\ndata_path = ${JSON.stringify(dataPath)}`;
  return startServer(t, { config: `modules_enabled = ${MODULES}\n${storage}\n[hosts."capulet.lit"]` });
}

function stores({ server: { router } }: TestServer) {
  return router.hosts.get('capulet.lit')!.stores;
}

/** Logs in, and reads everything up to the echo of its presence and the stanzas after it. */
async function login(there: TestServer): Promise<{ client: ScriptedClient; heard: Element[] }> {
  const client = await there.client(BALCONY);
  await requestRoster(client);
  client.send(`<presence id='here'/>`);
  const heard: Element[] = [];
  const hearUntil = (id: string) =>
    client.skipUntil((element) => {
      heard.push(element);
      return element.attrs.id === id;
    });
  await hearUntil('here');
  await there.server.router.work.idle();
  client.send(`<iq type='get' id='end' to='${JULIET}'><query xmlns='jabber:iq:roster'/></iq>`);
  await hearUntil('end');
  await there.server.router.work.idle();
  return { client, heard };
}

const kinds = (heard: readonly Element[]) =>
  heard
    .filter(({ name, attrs }) => name !== 'iq' && attrs.id !== 'here')
    .map(({ name, attrs }) => `${name} ${attrs.from}`);
const isEcho = ({ attrs }: Element) => attrs.id === 'here' && attrs.type === undefined;

test("RFC 6121 §3.1.3: a request with 40 namespace prefixes in scope does not break its recipient's login, also after a restart", async (t) => {
  const folder = emptyFolder();
  const first = await server(t, folder);
  await first.account(JULIET);
  for (const [jid, content] of [
    [TYBALT, manyPrefixes()],
    [ROMEO, '<status>Hi</status>'],
  ]) {
    const client = await first.client(`${jid}/x`);
    const origin = first.server.router.hosts.get('capulet.lit')!.sessions.get(`${jid}/x`)!;
    for (const text of [
      `<presence type='subscribe' from='${jid}/x' to='${JULIET}'>${content}</presence>`,
      `<message type='chat' from='${jid}/x' to='${JULIET}'><body>Hi</body>${content}</message>`,
    ])
      first.server.router.submit(origin, parseElement(text));
    await settled(client);
    await first.server.router.work.idle();
  }
  await first.server.stop();

  const { heard } = await login(await server(t, folder));
  assert.ok(heard.some(isEcho), 'her presence is announced');
  const expected = [`presence ${TYBALT}`, `presence ${ROMEO}`, `message ${TYBALT}/x`, `message ${ROMEO}/x`];
  assert.deepEqual(kinds(heard), expected);
});

test('RFC 6121 §3.1.3: the same for a request from another server', async (t) => {
  const config = (host: string) => `modules_enabled = ${MODULES}\n[hosts."${host}"]`;
  const net = await network(t, { capulet: config('capulet.lit'), montague: config('montague.lit') });
  const there = net.of('capulet.lit');
  await there.account(JULIET);
  const { hooks } = there.server.router.hosts.get('capulet.lit')!;
  const arrives = new Promise<Origin>((resolve) => {
    hooks.add('presence/bare', ({ origin }) => resolve(origin), 'observe', 'test');
  });
  const romeo = await net.client('romeo@montague.lit/orchard');
  romeo.send(`<presence type='subscribe' to='${JULIET}'/>`);
  const origin = await arrives;
  assert.equal(origin.kind, 's2s');
  const poison = `<presence type='subscribe' from='tybalt@montague.lit' to='${JULIET}'>${manyPrefixes()}</presence>`;
  there.server.router.route(parseElement(poison), origin);
  await there.server.router.work.idle();
  for (let logins = 0; logins < 2; logins++) {
    const { client, heard } = await login(there);
    assert.ok(heard.some(isEcho), 'her presence is announced');
    assert.deepEqual(kinds(heard), ['presence romeo@montague.lit', 'presence tybalt@montague.lit']);
    client.send('</stream:stream>');
    await client.closed();
  }
});

test('an unreadable row does not hide the others, and the user can answer the request', async (t) => {
  const folder = emptyFolder();
  const first = await server(t, folder);
  await first.account(JULIET);
  const { log } = first.server;
  const item = (jid: string, request: string) => ({
    [jid]: {
      jid,
      state: 'none + in',
      listed: false,
      groups: [],
      approved: false,
      version: 1,
      request,
    } as const,
  });
  const table = await rosters(first, 'juliet', 'capulet.lit');
  const readable = `<presence type='subscribe' from='${ROMEO}' to='${JULIET}'/>`;
  const items = { ...item(TYBALT, GARBAGE), ...item(ROMEO, readable) };
  await table.set('juliet', { version: 1, since: 1, items, removed: [] });
  const archive = stores(first).archive('archive');
  const waits = (peer: string, xml: string) =>
    archive.append('juliet', {
      id: archive.nextId('juliet').id,
      with: peer,
      xml,
      flags: ARCHIVE_FLAGS.waiting | ARCHIVE_FLAGS.hidden,
    });
  await waits(TYBALT, GARBAGE);
  await waits(TYBALT, '<iq/>');
  const message = `<message type='chat' from='${ROMEO}/x' to='${JULIET}'><body>Hi</body></message>`;
  await waits(ROMEO, message);
  await first.server.stop();
  assert.ok(log instanceof ErrorLog);

  const second = await server(t, folder);
  const { client, heard } = await login(second);
  assert.ok(heard.some(isEcho), 'her presence is announced');
  assert.deepEqual(kinds(heard), [`presence ${TYBALT}`, `presence ${ROMEO}`, `message ${ROMEO}/x`]);
  const { items: stored } = (await rosters(second, 'juliet', 'capulet.lit')).get('juliet')!;
  assert.ok(parseElement(stored[TYBALT]!.request!), 'the stored request is readable again');
  client.send(`<presence type='unsubscribed' to='${TYBALT}'/>`);
  await settled(client);
  client.send('</stream:stream>');
  await client.closed();
  const again = await login(second);
  assert.deepEqual(kinds(again.heard), [`presence ${ROMEO}`]);
  const logged = (second.server.log as ErrorLog).errors.map(
    (error) => (error as { message: string }).message,
  );
  assert.deepEqual(logged, [
    'stored subscription request unreadable',
    'stored message unreadable',
    'stored message unreadable',
  ]);
});

test('XEP-0049: an unreadable element does not hide the others, and can be replaced', async (t) => {
  const there = await server(t);
  const client = await there.client(BALCONY);
  await stores(there).map<string>('private').set('juliet', 'urn:a prefs', '<prefs');
  await stores(there).map<string>('private').set('juliet', 'urn:b prefs', `<prefs xmlns='urn:b'>b</prefs>`);
  const answer = async (xmlns: string, type = 'get', content = '') => {
    client.send(
      `<iq type='${type}' id='p'><query xmlns='jabber:iq:private'><prefs xmlns='${xmlns}'>${content}</prefs></query></iq>`,
    );
    const { attrs, children } = await client.next();
    return `${attrs.type} ${children.map((child) => (child as Element).elements().map((prefs) => prefs.text())).join()}`;
  };
  assert.equal(await answer('urn:a'), 'result ');
  assert.equal(await answer('urn:a'), 'result ');
  assert.equal(await answer('urn:b'), 'result b');
  assert.equal(await answer('urn:a', 'set', 'a'), 'result ');
  assert.equal(await answer('urn:a'), 'result a');
  assert.equal((there.server.log as ErrorLog).errors.length, 1, 'it is logged once');
});

test('what could not be read again is not stored: a request loses its content, a message is refused', async (t) => {
  const there = await server(t);
  await there.account(JULIET);
  const romeo = await there.client(`${ROMEO}/x`);
  const route = (text: string) => {
    const stanza = parseXml(text).append(nested(2_000));
    there.server.router.route(stanza, { kind: 'host', domain: 'capulet.lit' });
  };
  route(`<presence type='subscribe' from='${ROMEO}' to='${JULIET}'/>`);
  await there.server.router.work.idle();
  route(`<message type='chat' from='${ROMEO}/x' to='${JULIET}'/>`);
  await romeo.receives(`<message type='error' from='${JULIET}' to='${ROMEO}/x'>
    <error type='modify'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>
      <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>{any}</text></error></message>`);
  const { heard } = await login(there);
  assert.deepEqual(kinds(heard), [`presence ${ROMEO}`]);
  assert.throws(() => keptText(nested(2_000)), { condition: 'not-acceptable' });
});
