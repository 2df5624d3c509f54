// Q24: how much one client can ask for, and how fast it gets it.

import assert from 'node:assert/strict';
import { duplexPair } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { Connection } from '../../../src/net/connection.ts';
import { ScriptedClient } from '../../support/client.ts';
import { FakeClock } from '../../support/clock.ts';
import { reloadModule } from '../../support/contacts.ts';
import { HandClock, startHarness } from '../../support/module-harness.ts';
import { archiveOf } from '../../support/waiting.ts';
import { add, ask, ids, type Library, library, MAM, replyTo, requestOf } from './query-stage.ts';

const SM = `xmlns='urn:xmpp:sm:3'`;
const KB = 1_000;

interface Counted extends Library {
  readonly clock: FakeClock;
}

/** Juliet's client has stream management, and acknowledges nothing by itself. Her messages have this size. */
async function counted(t: TestContext, messages: number, size: number, options = ''): Promise<Counted> {
  const clock = new FakeClock();
  const there = await library(t, 0, { clock, options });
  for (let n = 1; n <= messages; n++) await add(there.archive, { n, body: 'x'.repeat(size) });
  there.juliet.send(`<enable ${SM} resume='true'/>`);
  await there.juliet.receives(`<enabled ${SM} resume='true' max='{any}' id='{any}'/>`);
  return { ...there, clock };
}

/** Her client has got more than half of what stream management keeps, and has acknowledged nothing. */
async function full(t: TestContext, options = ''): Promise<Counted> {
  const there = await counted(t, 6, 300 * KB, options);
  assert.equal((await ask(there.juliet)).end, 'm1 m3 6');
  return there;
}

test('a query waits while over 1 MiB is unconfirmed, and goes on when the client confirms', async (t) => {
  const { juliet, clock } = await full(t);
  juliet.send(requestOf('second', { set: '<after>m3</after>' }));
  await clock.advance(9_000);
  juliet.send(`<a ${SM} h='4'/>`);
  const reply = await replyTo(juliet, 'second');
  assert.deepEqual([reply.ids, reply.end], [ids(4, 6), 'm4 m6 6 complete']);
});

test('a query waits 10 s at most, then: resource-constraint (wait)', async (t) => {
  const { juliet, clock } = await full(t);
  juliet.send(requestOf('second', { set: '<after>m3</after>' }));
  await clock.advance(9_999);
  juliet.send(
    `<iq type='get' id='still-nothing' to='capulet.lit'><query xmlns='urn:enjamb:test:nothing'/></iq>`,
  );
  assert.equal((await juliet.skipUntil(({ name }) => name === 'iq')).attrs.id, 'still-nothing');
  await clock.advance(1);
  assert.equal((await replyTo(juliet, 'second')).end, 'resource-constraint wait');
});

test('a page larger than what the client may leave unconfirmed arrives whole and in order', async (t) => {
  const { juliet } = await counted(t, 40, 5 * KB, 'smacks_max_queue_size = "32 KiB"');
  juliet.send(requestOf('q', {}));
  const arrived: (string | undefined)[] = [];
  for (let handled = 0; ; ) {
    const element = await juliet.next();
    if (element.name === 'iq') break;
    if (element.name === 'message') arrived.push(element.getChild('result', MAM)?.attrs.id);
    if (element.name === 'message') juliet.send(`<a ${SM} h='${++handled}'/>`);
  }
  assert.deepEqual(arrived, ids(1, 40));
});

test('one query per session runs, 8 wait, more: resource-constraint (wait), immediately', async (t) => {
  const { juliet } = await full(t);
  const requests = Array.from({ length: 1_000 }, (_, n) => requestOf(`q${n}`, { set: '<after>m3</after>' }));
  juliet.send(requests.join(''));
  for (let n = 9; n < 1_000; n++)
    assert.equal((await replyTo(juliet, `q${n}`)).end, 'resource-constraint wait');
  for (let n = 0, handled = 4 + 991; n < 9; n++, handled += 4) {
    juliet.send(`<a ${SM} h='${handled}'/>`);
    const reply = await replyTo(juliet, `q${n}`);
    assert.deepEqual(reply.ids, ids(4, 6), `q${n}`);
  }
});

test('the results that wait for the confirmation of clients have 32 MiB together', async (t) => {
  const there = await library(t, 0, {
    clock: new FakeClock(),
    options: 'smacks_max_queue_size = "600 KiB"',
  });
  const users = ['juliet', 'nurse', 'tybalt'];
  for (const user of users)
    for (let n = 1; n <= 4; n++) await add(there.archive, { n, body: 'x'.repeat(250 * KB) }, user);
  const refused: string[] = [];
  const clients: ScriptedClient[] = [];
  for (let n = 0; n < 50; n++) {
    const client = await there.server.client(`${users[n % 3]}@capulet.lit/r${n}`);
    clients.push(client);
    client.send(`<enable ${SM}/>${requestOf('q', {})}`);
    // Half of the queue has room for one message; the other three wait.
    await client.skipUntil(({ name }) => name === 'message');
    client.send(`<iq type='get' id='end' to='capulet.lit'><query xmlns='urn:enjamb:test:nothing'/></iq>`);
    const iq = await client.skipUntil(({ name }) => name === 'iq');
    if (iq.attrs.id === 'q') refused.push(`${n}: ${iq.getChild('error')?.elements()[0]?.name}`);
  }
  const fitting = Math.floor((32 * 1024 * 1024) / (3 * 250 * KB + 3 * 150));
  assert.deepEqual(refused[0], `${fitting}: resource-constraint`);
  assert.equal(refused.length, 50 - fitting);
  for (const client of clients) client.drop();
  await there.server.server.router.work.idle();
});

test('a client that has ended does not keep its queries waiting', async (t) => {
  const { juliet, server } = await full(t, 'smacks_max_hibernated_sessions = 1');
  juliet.send(requestOf('second', { set: '<after>m3</after>' }) + requestOf('third', {}));
  juliet.send('</stream:stream>');
  await juliet.closed();
  await server.server.router.work.idle();
});

test('a module that unloads answers the queries that wait', async (t) => {
  const there = await full(t);
  there.juliet.send(requestOf('second', { set: '<after>m3</after>' }));
  await there.clock.advance(0);
  await reloadModule(there.server, 'mam');
  assert.equal((await replyTo(there.juliet, 'second')).end, 'resource-constraint wait');
});

test('results that a client has not confirmed go to no other client when its session ends', async (t) => {
  const { juliet, server, archive } = await full(t);
  const chamber = await server.client('juliet@capulet.lit/chamber');
  chamber.send('<presence/>');
  await chamber.next();
  juliet.send('</stream:stream>');
  await juliet.closed();
  await server.server.router.work.idle();
  await chamber.receivesNothing();
  assert.equal((await archive.page('juliet', { limit: 9, rows: 'waiting' })).rows.length, 0);
});

test('results that a client has not confirmed are not sent to the session that replaces its own', async (t) => {
  const { juliet, server } = await full(t);
  const next = await server.client(juliet.jid);
  await juliet.closed();
  next.send(`<enable ${SM}/>`);
  await next.receives(`<enabled ${SM}/>`);
  await next.receivesNothing();
});

for (const how of ['without stream management', 'with stream management']) {
  test(`a client ${how} that stops reading in 250 pages makes the server keep two pages`, async (t) => {
    const there = await library(t, 0);
    for (let n = 1; n <= 4; n++) await add(there.archive, { n, body: 'x'.repeat(250 * KB) });
    const [ours, theirs] = duplexPair();
    const { clock, faults } = there.server.server;
    const connection = new Connection(theirs, { remoteAddress: '192.0.2.1', clock, faults });
    there.server.server.acceptClient(connection);
    const client = await new ScriptedClient(ours).login('juliet@capulet.lit/cellar');
    if (how === 'with stream management') client.send(`<enable ${SM}/>`);
    await client.receivesNothing().catch(() => {}); // The answer to `enable`.
    ours.pause();
    let largest = 0;
    ours.write(Array.from({ length: 250 }, (_, n) => requestOf(`q${n}`, {})).join(''));
    for (let turn = 0; turn < 50; turn++) {
      await new Promise(setImmediate);
      largest = Math.max(largest, connection.queuedBytes);
    }
    assert.ok(largest > 500 * KB && largest <= 2.5 * 1024 * 1024, `${largest} bytes`);
    assert.equal(connection.closed, false);
    ours.destroy();
    assert.equal((await ask(there.juliet, { set: '<max>1</max>' })).ids.length, 1, 'others are served');
  });
}

test('each result counts 128 bytes for the rate of the account', async (t) => {
  const h = await startHarness(new HandClock(), '', ['message', 'disco', 'mam']);
  t.after(() => h.server.stop());
  await h.host.createUser('juliet', 'secret');
  const archive = archiveOf(h.server, h.host.domain);
  for (let n = 1; n <= 30; n++) await add(archive, { n });
  const juliet = h.client(`juliet@${h.host.domain}/balcony`);
  juliet.says(requestOf('q', { set: '<max>25</max>' }));
  await h.server.router.work.idle();
  assert.equal(juliet.charged, 25 * 128);
});

test('a form of 10,000 fields, or with 5,000 ids, is refused', async (t) => {
  const { juliet } = await library(t, 2);
  const form = (count: number) =>
    `<x xmlns='jabber:x:data' type='submit'>${`<field var='x'/>`.repeat(count)}</x>`;
  assert.equal((await ask(juliet, { more: form(10_000) })).end, 'policy-violation modify');
  assert.equal((await ask(juliet, { more: form(5_000) })).end, 'bad-request modify');
  assert.equal((await ask(juliet, { fields: { ids: ids(1, 5_000) } })).end, 'bad-request modify');
  const unknown = Object.fromEntries(ids(1, 3_000).map((name) => [name, 'x']));
  assert.equal((await ask(juliet, { fields: unknown })).end, 'feature-not-implemented cancel');
});
