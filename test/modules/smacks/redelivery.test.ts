// XEP-0198 §4: what becomes of what the client has not, when its session is over; and how much is kept until then.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ScriptedClient } from '../../support/client.ts';
import { becomeAvailable } from '../../support/contacts.ts';
import { parseXml } from '../../support/match.ts';
import type { ErrorLog } from '../../support/server.ts';
import { archiveOf, waitingFor } from '../../support/waiting.ts';
import { BALCONY, CHAMBER, chat, JULIET, NURSE, ROMEO, type Scene, SM, says, scene } from './scene.ts';

const EXPIRY_MS = 600_000;
const T0 = '2026-01-01T00:00:00.000Z';
const delay = (stamp: string) => `<delay xmlns='urn:xmpp:delay' from='capulet.lit' stamp='${stamp}'/>`;
const refused = (name: string, type: string) => `
  <${name} type='error' from='${BALCONY}' to='${ROMEO}'>
    <error type='${type}'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>
  </${name}>`;

/** Lets all sleeping sessions end. */
async function expire(there: Scene): Promise<void> {
  await there.clock.advance(EXPIRY_MS);
  await there.idle();
}

/** Comes, is available, and has read its messages until one with the text "end" from Romeo. */
async function texts(client: ScriptedClient, romeo: ScriptedClient, to: string): Promise<string[]> {
  says(romeo, to, 'end');
  const found: string[] = [];
  for (;;) {
    const element = await client.next();
    const text = element.name === 'message' ? element.getChildText('body') : undefined;
    if (text === 'end') return found;
    if (text !== undefined) found.push(text);
  }
}

test('XEP-0198 §4, RFC 6121 §8.5.3.2.1: chat messages go to another client, with the time at which they failed', async (t) => {
  const there = await scene(t);
  const { client } = await there.available(BALCONY);
  const chamber = await there.test.client(CHAMBER);
  await becomeAvailable(chamber);
  const romeo = await there.test.client(ROMEO);
  says(romeo, BALCONY, '1');
  await client.skipUntil(chat(ROMEO, BALCONY, '1'));
  await there.loses(client);
  await there.clock.advance(1_000);
  says(romeo, BALCONY, '2');
  await expire(there);
  await chamber.skipUntil(`<presence type='unavailable' from='${BALCONY}' to='${JULIET}'/>`);
  await chamber.receives(chat(ROMEO, BALCONY, '1', delay(T0)));
  await chamber.receives(chat(ROMEO, BALCONY, '2', delay('2026-01-01T00:00:01.000Z')));
  await chamber.receivesNothing();
});

test('XEP-0198 §4: without another client they are stored, with their first time, and delivered once', async (t) => {
  const there = await scene(t);
  const { client } = await there.available(BALCONY);
  const romeo = await there.test.client(ROMEO);
  await there.loses(client);
  says(romeo, BALCONY, '1');
  romeo.send(`<message to='${JULIET}'><body>2</body></message>`);
  await expire(there);
  const { client: next } = await there.managed(CHAMBER);
  await becomeAvailable(next);
  await next.receives(chat(ROMEO, BALCONY, '1', delay(T0)));
  const normal = `<message from='${ROMEO}' to='${JULIET}'><body>2</body>${delay(T0)}</message>`;
  await next.receives(normal);
  // And again, when this client does not confirm them either.
  await there.loses(next);
  await expire(there);
  const last = await there.test.client(BALCONY);
  await becomeAvailable(last);
  await last.receives(chat(ROMEO, BALCONY, '1', delay(T0)));
  await last.receives(normal);
  await last.receivesNothing();
  await romeo.receivesNothing();
});

test('XEP-0198 §4, RFC 6121 §8.5.3.2: what only this client could take is refused; presence and answers are dropped', async (t) => {
  const there = await scene(t);
  const { client } = await there.available(BALCONY);
  const romeo = await there.test.client(ROMEO);
  await there.loses(client);
  romeo.send(`<message to='${BALCONY}' id='m'><body>normal</body></message>`);
  romeo.send(`<message to='${BALCONY}' type='headline'><body>news</body></message>`);
  romeo.send(`<iq to='${BALCONY}' type='get' id='q'><query xmlns='urn:example:q'/></iq>`);
  romeo.send(`<iq to='${BALCONY}' type='result' id='r'/>`);
  romeo.send(`<iq to='${BALCONY}' type='error' id='e'/>`);
  romeo.send(`<presence to='${BALCONY}'/>`);
  await romeo.receivesNothing();
  assert.equal(there.management(BALCONY).outbound.queue.length, 6);
  await expire(there);
  await romeo.receives(refused('message', 'cancel'));
  await romeo.receives(refused('iq', 'cancel'));
  await romeo.receivesNothing();
});

for (const how of ['closes its stream', 'is replaced', 'does not want to come back'] as const) {
  test(`XEP-0198 §4: a client that ${how} has taken what it confirmed, and nothing else`, async (t) => {
    const there = await scene(t);
    const { client } = await there.managed(BALCONY, how === 'does not want to come back' ? '' : undefined);
    await becomeAvailable(client);
    const romeo = await there.test.client(ROMEO);
    says(romeo, BALCONY, '1', '2', '3');
    await client.skipUntil(chat(ROMEO, BALCONY, '3'));
    client.send(`<a ${SM} h='2'/>`);
    if (how === 'closes its stream') client.send('</stream:stream>');
    if (how === 'does not want to come back') client.drop();
    await there.idle();
    const next = await there.test.client(BALCONY);
    await there.idle();
    await becomeAvailable(next);
    await next.receives(chat(ROMEO, BALCONY, '2', delay(T0)));
    await next.receives(chat(ROMEO, BALCONY, '3', delay(T0)));
    await next.receivesNothing();
  });
}

test('an entry of the queue that cannot be read costs only itself, and is logged', async (t) => {
  const there = await scene(t);
  const { client } = await there.available(BALCONY);
  const romeo = await there.test.client(ROMEO);
  await there.loses(client);
  says(romeo, BALCONY, '1', '2', '3');
  await romeo.receivesNothing();
  const { queue } = there.management(BALCONY).outbound;
  queue[1] = { ...queue[1]!, text: '<message><body>' };
  await expire(there);
  const next = await there.test.client(CHAMBER);
  await becomeAvailable(next);
  assert.deepEqual(await texts(next, romeo, CHAMBER), ['1', '3']);
  assert.equal((there.test.server.log as ErrorLog).errors.length, 1);
});

test('a message for two sleeping clients is stored once when both are given up', async (t) => {
  const there = await scene(t);
  const romeo = await there.test.client(ROMEO);
  for (const jid of [BALCONY, CHAMBER]) await there.loses((await there.available(jid)).client);
  says(romeo, JULIET, 'both');
  await romeo.receivesNothing();
  await expire(there);
  const next = await there.test.client(BALCONY);
  await becomeAvailable(next);
  assert.deepEqual(await texts(next, romeo, BALCONY), ['both']);
});

test('a message for several clients does not come twice to the one that confirmed it, nor to one that confirms nothing', async (t) => {
  const there = await scene(t);
  const romeo = await there.test.client(ROMEO);
  const { client: away } = await there.available(BALCONY);
  const { client: managed } = await there.available(CHAMBER);
  await there.loses(away);
  says(romeo, JULIET, 'one');
  await managed.skipUntil(chat(ROMEO, JULIET, 'one'));
  managed.send(`<a ${SM} h='${there.sent(CHAMBER)}'/>`);
  await there.idle();
  const plain = await there.test.client(`${JULIET}/hall`);
  await becomeAvailable(plain);
  says(romeo, JULIET, 'two');
  await plain.skipUntil(chat(ROMEO, JULIET, 'two'));
  await there.loses(managed);
  await expire(there);
  assert.deepEqual(await texts(plain, romeo, `${JULIET}/hall`), []);
});

test('a message that another client still has to confirm waits for that one', async (t) => {
  const there = await scene(t);
  const romeo = await there.test.client(ROMEO);
  const { client: away } = await there.available(BALCONY);
  const { client: here, id } = await there.available(CHAMBER);
  await there.loses(away);
  says(romeo, JULIET, 'one');
  await here.skipUntil(chat(ROMEO, JULIET, 'one'));
  await there.clock.advance(EXPIRY_MS - 1_000);
  await there.loses(here);
  await there.clock.advance(1_000);
  assert.equal(there.session(BALCONY), undefined);
  const { acknowledged } = there.management(CHAMBER).outbound;
  const back = await there.returning(CHAMBER, id, acknowledged);
  await back.skipUntil(chat(ROMEO, JULIET, 'one'));
  assert.deepEqual(await texts(back, romeo, CHAMBER), []);
});

for (const [option, many] of [
  ['smacks_max_queue = 3', 3],
  ['smacks_max_queue_size = "16 KiB"', 14],
] as const) {
  test(`${option}: a sleeping session that has more to keep is given up, and nothing is lost`, async (t) => {
    const there = await scene(t, option);
    const { client } = await there.available(BALCONY);
    const romeo = await there.test.client(ROMEO);
    await there.loses(client);
    const sent = Array.from({ length: many + 1 }, (_, i) => `${i} `.padEnd(1_000, 'o'));
    says(romeo, BALCONY, ...sent.slice(0, -1));
    await romeo.receivesNothing();
    assert.equal(there.management(BALCONY).outbound.queue.length, many);
    says(romeo, BALCONY, sent.at(-1)!);
    await romeo.receivesNothing();
    assert.equal(there.session(BALCONY), undefined);
    await there.idle();
    const next = await there.test.client(CHAMBER);
    await becomeAvailable(next);
    assert.deepEqual(await texts(next, romeo, CHAMBER), sent);
  });
}

test('smacks_max_queue: a client that never confirms is told so and disconnected, and nothing is lost', async (t) => {
  const there = await scene(t, 'smacks_max_queue = 3');
  const { client } = await there.available(BALCONY);
  const romeo = await there.test.client(ROMEO);
  says(romeo, BALCONY, '1', '2', '3', '4');
  for (const text of ['1', '2', '3']) await client.receives(chat(ROMEO, BALCONY, text));
  const error = await client.next();
  assert.ok(error.getChild('resource-constraint', 'urn:ietf:params:xml:ns:xmpp-streams'));
  await there.idle();
  const next = await there.test.client(CHAMBER);
  await becomeAvailable(next);
  assert.deepEqual(await texts(next, romeo, CHAMBER), ['1', '2', '3', '4']);
});

test('smacks_max_hibernated_sessions: of too many sleeping clients of a user the first one to sleep is given up', async (t) => {
  const there = await scene(t, 'smacks_max_hibernated_sessions = 2');
  const other = await there.available(NURSE);
  await there.loses(other.client);
  const jids = ['a', 'b', 'c'].map((resource) => `${JULIET}/${resource}`);
  const clients = [];
  for (const jid of jids) clients.push((await there.available(jid)).client);
  for (const index of [1, 0, 2]) {
    await there.clock.advance(1);
    await there.loses(clients[index]!);
  }
  assert.deepEqual(
    jids.map((jid) => there.session(jid) !== undefined),
    [true, false, true],
  );
  assert.ok(there.session(NURSE));
});

test('a message for a client that is gone does not come twice to the one that has it either', async (t) => {
  const there = await scene(t);
  const romeo = await there.test.client(ROMEO);
  const { client: away } = await there.available(BALCONY);
  const plain = await there.test.client(`${JULIET}/hall`);
  await becomeAvailable(plain);
  await there.loses(away);
  says(romeo, CHAMBER, 'gone?');
  await plain.skipUntil(chat(ROMEO, CHAMBER, 'gone?'));
  assert.equal(there.management(BALCONY).outbound.queue.length, 2);
  await expire(there);
  assert.deepEqual(await texts(plain, romeo, `${JULIET}/hall`), []);
});

test('a message that breaks the connection on its way is kept, and so not stored for another client too', async (t) => {
  const there = await scene(t, 'smacks_max_queue_size = "32 MiB"');
  await there.available(BALCONY);
  const { router } = there.test.server;
  const text = 'o'.repeat(450_000);
  const messages = Array.from({ length: 20 }, () => parseXml(chat(ROMEO, BALCONY, text)));
  // More than may wait for a client that does not read, in one tick.
  for (const message of messages) router.route(message, { kind: 'host', domain: 'capulet.lit' });
  await there.idle();
  assert.equal(there.session(BALCONY)?.connected, false);
  assert.equal(there.management(BALCONY).outbound.queue.length, messages.length);
  assert.equal(await waitingFor(archiveOf(there.test.server), 'juliet'), 0);
});

test('a message that a module sends a second time is another message', async (t) => {
  const there = await scene(t);
  const { client: balcony } = await there.available(BALCONY);
  const { client: chamber } = await there.available(CHAMBER);
  const { router } = there.test.server;
  const { origin } = router.hosts.get('capulet.lit')!;
  const news = parseXml(`<message type='chat' from='capulet.lit' to='${JULIET}'><body>news</body></message>`);
  router.route(news, origin);
  for (const [client, jid] of [
    [balcony, BALCONY],
    [chamber, CHAMBER],
  ] as const) {
    await there.turns();
    client.send(`<a ${SM} h='${there.sent(jid)}'/>`);
  }
  await there.turns();
  router.route(news, origin);
  await there.loses(balcony);
  await there.loses(chamber);
  await expire(there);
  const next = await there.test.client(BALCONY);
  const romeo = await there.test.client(ROMEO);
  await becomeAvailable(next);
  assert.deepEqual(await texts(next, romeo, BALCONY), ['news']);
});
