// XEP-0160: messages for users who are not there.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Usage } from '../../modules/offline/usage.ts';
import { StorageError } from '../../src/storage/error.ts';
import type { ScriptedClient } from '../support/client.ts';
import { becomeAvailable, reloadModule, setRoster, settled } from '../support/contacts.ts';
import { assertFaults, type ErrorLog, startServer, type TestServer } from '../support/server.ts';
import { archiveOf, waitingFor } from '../support/waiting.ts';

const ROMEO = 'romeo@montague.lit/orchard';
const JULIET = 'juliet@capulet.lit';
const BALCONY = `${JULIET}/balcony`;

interface Scene {
  readonly server: TestServer;
  readonly romeo: ScriptedClient;
}

/** Romeo is there; Juliet has an account. */
async function scene(t: TestContext, options = ''): Promise<Scene> {
  const server = await startServer(t, {
    config: `
modules_enabled = ["roster", "presence", "message", "offline", "disco"]
${options}
[hosts."capulet.lit"]
[hosts."montague.lit"]`,
  });
  await server.account(JULIET);
  return { server, romeo: await server.client(ROMEO) };
}

/** Everything that stanzas left to do is done. */
async function stored({ server, romeo }: Scene): Promise<void> {
  await settled(romeo);
  await server.server.router.work.idle();
}

function says(romeo: ScriptedClient, text: string, more = '', to = JULIET, type = 'chat'): void {
  romeo.send(`<message type='${type}' to='${to}'><body>${text}</body>${more}</message>`);
}

const kept = (text: string, type = 'chat', to = JULIET) => `
  <message type='${type}' from='${ROMEO}' to='${to}'>
    <body>${text}</body><delay xmlns='urn:xmpp:delay' from='capulet.lit' stamp='{any}'/>
  </message>`;
const refused = (type: string, condition = 'service-unavailable', to = JULIET, text = '') => `
  <message type='error' from='${to}' to='${ROMEO}'>
    <error type='${type}'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>${text}</error>
  </message>`;
const REASON = `<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>{any}</text>`;
const full = refused('cancel', 'service-unavailable', JULIET, REASON);

/** Comes, and becomes available with everything that was waiting taken. */
async function arrives({ server }: Scene, jid = BALCONY, content = ''): Promise<ScriptedClient> {
  const juliet = await server.client(jid);
  await becomeAvailable(juliet, content);
  return juliet;
}

/** Nothing is waiting for delivery, and nothing is under way. */
async function hearsNothing({ server }: Scene, client: ScriptedClient): Promise<void> {
  await server.server.router.work.idle();
  await settled(client);
}

test('XEP-0160 §2: messages wait, and come in order with the time since when they have waited', async (t) => {
  const there = await scene(t);
  says(there.romeo, 'one');
  says(there.romeo, 'two');
  await stored(there);
  const juliet = await arrives(there);
  const first = await juliet.receives(kept('one'));
  const stamp = Date.parse(first.getChild('delay', 'urn:xmpp:delay')?.attrs.stamp ?? '');
  assert.ok(Math.abs(Date.now() - stamp) < 60_000, `stamped ${stamp}`);
  await juliet.receives(kept('two'));
  await hearsNothing(there, juliet);
});

test('XEP-0160 §2: what has been delivered is not delivered again', async (t) => {
  const there = await scene(t);
  says(there.romeo, 'once');
  await stored(there);
  const balcony = await arrives(there);
  await balcony.receives(kept('once'));
  const chamber = await arrives(there, `${JULIET}/chamber`);
  await chamber.receives(`<presence id='{any}' from='${BALCONY}' to='${JULIET}/chamber'/>`);
  await hearsNothing(there, chamber);
});

for (const [type, waits] of [
  ['normal', true],
  ['chat', true],
  ['no-such-type', true],
  ['groupchat', false],
  ['headline', false],
  ['error', false],
] as const) {
  test(`XEP-0160 §3: a message of type ${type} ${waits ? 'waits' : 'does not wait'}`, async (t) => {
    const there = await scene(t);
    says(there.romeo, 'Hi', '', JULIET, type);
    if (type === 'groupchat') await there.romeo.receives(refused('cancel'));
    await stored(there);
    const juliet = await arrives(there);
    if (waits) await juliet.receives(kept('Hi', type));
    await hearsNothing(there, juliet);
  });
}

test('RFC 6121 §8.5.3.2.1: a chat message for a client that is gone waits for the account', async (t) => {
  const there = await scene(t);
  says(there.romeo, 'Hi', '', `${JULIET}/tomb`);
  await stored(there);
  const juliet = await arrives(there);
  await juliet.receives(kept('Hi', 'chat', `${JULIET}/tomb`));
});

test('XEP-0160 §2: a client of negative priority gets nothing until it is not negative any more', async (t) => {
  const there = await scene(t);
  says(there.romeo, 'Hi');
  await stored(there);
  const juliet = await arrives(there, BALCONY, '<priority>-1</priority>');
  await hearsNothing(there, juliet);
  says(there.romeo, 'Still there?');
  await stored(there);
  await hearsNothing(there, juliet);
  await becomeAvailable(juliet, '<priority>0</priority>');
  await juliet.receives(kept('Hi'));
  await juliet.receives(kept('Still there?'));
});

test('XEP-0160 §3: what says only that somebody is typing is dropped without a word', async (t) => {
  const there = await scene(t);
  const composing = `<composing xmlns='http://jabber.org/protocol/chatstates'/>`;
  const aside = `<thread>t</thread><no-store xmlns='urn:xmpp:hints'/>`;
  there.romeo.send(`<message type='chat' to='${JULIET}'>${composing}</message>`);
  there.romeo.send(`<message type='chat' to='${JULIET}'>${composing}${aside}</message>`);
  says(there.romeo, 'Hi', composing);
  await stored(there);
  const juliet = await arrives(there);
  await juliet.receives(`
    <message type='chat' from='${ROMEO}' to='${JULIET}'>
      <body>Hi</body>${composing}<delay xmlns='urn:xmpp:delay' from='capulet.lit' stamp='{any}'/>
    </message>`);
  await hearsNothing(there, juliet);
});

test('XEP-0334 §4.2: what must not be stored is refused', async (t) => {
  const there = await scene(t);
  says(there.romeo, 'Hush', `<no-store xmlns='urn:xmpp:hints'/>`);
  await there.romeo.receives(refused('cancel'));
  await hearsNothing(there, await arrives(there));
});

test('XEP-0160 §2: beyond offline_max_messages the sender hears service-unavailable, until some are taken', async (t) => {
  const there = await scene(t, 'offline_max_messages = 10');
  for (const text of ['one', 'two', 'three']) says(there.romeo, text);
  await there.romeo.receives(full);
  const juliet = await arrives(there);
  await juliet.receives(kept('one'));
  await juliet.receives(kept('two'));
  await hearsNothing(there, juliet);
  juliet.send(`<presence type='unavailable'/>`);
  await juliet.skipUntil((element) => element.attrs.type === 'unavailable');
  says(there.romeo, 'four');
  await stored(there);
  await becomeAvailable(juliet);
  await juliet.receives(kept('four'));
});

test('XEP-0160 §2: beyond offline_max_size too, for this user alone, and after a reload', async (t) => {
  const there = await scene(t, 'offline_max_size = 5000');
  await there.server.account('nurse@capulet.lit');
  says(there.romeo, 'x'.repeat(500));
  await stored(there);
  says(there.romeo, 'y'.repeat(500));
  await there.romeo.receives(full);
  await reloadModule(there.server, 'offline');
  says(there.romeo, 'z'.repeat(500));
  await there.romeo.receives(full);
  says(there.romeo, 'n'.repeat(500), '', 'nurse@capulet.lit');
  await stored(there);
  const juliet = await arrives(there);
  await juliet.receives(kept('x'.repeat(500)));
  await hearsNothing(there, juliet);
});

test('a message that is longer than could be read again is refused', async (t) => {
  const there = await scene(t);
  says(there.romeo, 'x'.repeat(400 * 1024));
  await there.romeo.receives(full);
  await hearsNothing(there, await arrives(there));
});

test('a message that the disk refuses is not lost without a word', async (t) => {
  const there = await scene(t);
  const archive = archiveOf(there.server.server);
  t.mock.method(archive, 'append', () => Promise.reject(new Error('disk full')), { times: 1 });
  says(there.romeo, 'Hi');
  await there.romeo.receives(refused('cancel', 'internal-server-error'));
  says(there.romeo, 'Again');
  await stored(there);
  const isFull = new StorageError('resource-constraint', 'Not written: disk is full', { driver: 'sqlite' });
  t.mock.method(archive, 'append', () => Promise.reject(isFull), { times: 1 });
  says(there.romeo, 'Too much');
  await there.romeo.receives(refused('wait', 'resource-constraint', JULIET, REASON));
  await (await arrives(there)).receives(kept('Again'));
  assertFaults(there.server.server.faults, { task: 1, storage: 1 });
});

test('a disk that stays full costs 20 lines of the log in a minute', async (t) => {
  const there = await scene(t);
  const { server } = there.server;
  const archive = archiveOf(server);
  const isFull = new StorageError('full', 'Not written: database or disk is full', { driver: 'sqlite' });
  t.mock.method(archive, 'append', () => Promise.reject(isFull));
  for (let n = 0; n < 50; n++) says(there.romeo, `${n}`);
  for (let n = 0; n < 50; n++)
    await there.romeo.receives(refused('wait', 'resource-constraint', JULIET, REASON));
  assert.equal((server.log as ErrorLog).errors.length, 20);
  assertFaults(server.faults, { storage: 50 });
});

test('more messages than are read at once come complete and in order', async (t) => {
  const there = await scene(t, 'offline_max_messages = 1000');
  for (let n = 0; n < 120; n++) says(there.romeo, `${n}`);
  await stored(there);
  const juliet = await arrives(there);
  for (let n = 0; n < 120; n++) await juliet.receives(kept(`${n}`));
  await hearsNothing(there, juliet);
});

test('XEP-0203 §4: nobody else says in the name of this host since when a message has waited', async (t) => {
  const there = await scene(t);
  const delay = (from: string) =>
    `<delay xmlns='urn:xmpp:delay' from='${from}' stamp='2002-09-10T23:08:25Z'/>`;
  says(there.romeo, 'Hi', `${delay('capulet.lit')}${delay('CAPULET.Lit')}${delay('montague.lit')}`);
  await stored(there);
  const message = await (await arrives(there)).next();
  const said = message.getChildren('delay', 'urn:xmpp:delay').map(({ attrs }) => attrs);
  assert.deepEqual(
    said.map(({ from }) => from),
    ['montague.lit', 'capulet.lit'],
  );
  assert.notEqual(said[1]?.stamp, '2002-09-10T23:08:25Z');
});

test('RFC 6121 §8.5.1: nothing is kept for an account that does not exist', async (t) => {
  const there = await scene(t);
  says(there.romeo, 'Hi', '', 'nobody@capulet.lit');
  await there.romeo.receives(refused('cancel', 'service-unavailable', 'nobody@capulet.lit'));
  await hearsNothing(there, await arrives(there, 'nobody@capulet.lit/balcony'));
});

test('what waits for an account goes with the account', async (t) => {
  const there = await scene(t, 'offline_max_messages = 5');
  says(there.romeo, 'Hi');
  await stored(there);
  await there.server.server.router.hosts.get('capulet.lit')!.deleteUser('juliet');
  await there.server.account(JULIET);
  says(there.romeo, 'Who are you?');
  await stored(there);
  const juliet = await arrives(there);
  await juliet.receives(kept('Who are you?'));
  await hearsNothing(there, juliet);
});

test('XEP-0160 §4: the domain says that it keeps messages', async (t) => {
  const { romeo } = await scene(t);
  romeo.send(
    `<iq type='get' id='d' to='montague.lit'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`,
  );
  const info = (await romeo.next()).getChild('query', 'http://jabber.org/protocol/disco#info');
  assert.ok(info?.getChildren('feature').some(({ attrs }) => attrs.var === 'msgoffline'));
});

/** How many of 20 messages of each sender are kept, one after the other. */
async function keptOf(
  server: TestServer,
  senders: readonly string[],
  text = 'Hi',
): Promise<Record<string, number>> {
  const archive = archiveOf(server.server);
  const counts: Record<string, number> = {};
  for (const sender of senders) {
    const client = await server.client(`${sender}/x`);
    for (let n = 0; n < 20; n++) says(client, text);
    client.send(`<iq type='get' id='end' to='${sender}'><query xmlns='urn:example:end'/></iq>`);
    await client.skipUntil(({ attrs }) => attrs.id === 'end');
    await server.server.router.work.idle();
    counts[sender] = await waitingFor(archive, 'juliet', sender);
  }
  return counts;
}

for (const [limit, text] of [
  ['offline_max_messages = 20', 'Hi'],
  ['offline_max_size = 21400', 'x'.repeat(960)],
] as const) {
  test(`XEP-0160 §2: ${limit}: strangers have half of it, each domain and each account of this domain a fifth of all`, async (t) => {
    const domains = ['montague.lit', 'a.example', 'b.example'].map((name) => `[hosts."${name}"]`).join('\n');
    const modules = 'modules_enabled = ["roster", "presence", "message", "offline"]';
    const server = await startServer(t, {
      config: `${modules}\n${limit}\n[hosts."capulet.lit"]\n${domains}`,
    });
    await server.account(JULIET);
    await setRoster(server, JULIET, { 'romeo@montague.lit': 'from', 'nurse@capulet.lit': 'both' });
    const senders = ['a@a.example', 'b@a.example', 'tybalt@capulet.lit', 'b@b.example', 'c@capulet.lit'];
    assert.deepEqual(await keptOf(server, senders, text), {
      'a@a.example': 4,
      'b@a.example': 0,
      'tybalt@capulet.lit': 4,
      'b@b.example': 2,
      'c@capulet.lit': 0,
    });
    const friends = ['romeo@montague.lit', 'nurse@capulet.lit'];
    assert.deepEqual(await keptOf(server, friends, text), {
      'romeo@montague.lit': 10,
      'nurse@capulet.lit': 0,
    });
  });
}

test('XEP-0160 §2: the domains below one of a stranger share its fifth', () => {
  const usage = new Usage();
  for (let n = 0; n < 4; n++) usage.add(`u@s${n}.evil.example/x`, 100);
  const limits = { maxMessages: 20, maxBytes: 1_000_000 };
  const who = { host: 'capulet.lit', isContact: () => false };
  assert.match(usage.refusal('u@s5.evil.example/x', 100, limits, who) ?? '', /your server/);
  assert.equal(usage.refusal('u@good.example/x', 100, limits, who), undefined);
});
