// XEP-0160 with XEP-0198: a stored message leaves the disk when the client confirms it.

import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { emptyFolder } from '../../storage/folder.ts';
import type { ScriptedClient } from '../../support/client.ts';
import { becomeAvailable, reloadModule } from '../../support/contacts.ts';
import { archiveOf, waitingFor } from '../../support/waiting.ts';
import { BALCONY, CHAMBER, chat, JULIET, ROMEO, type Scene, SM, says, scene } from './scene.ts';

const EXPIRY_MS = 600_000;
const T0 = '2026-01-01T00:00:00.000Z';
const delay = `<delay xmlns='urn:xmpp:delay' from='capulet.lit' stamp='${T0}'/>`;
const late = (text: string, stamp = delay) => chat(ROMEO, JULIET, text, stamp);

/** Romeo has written to Juliet, who was not there. */
async function stored(there: Scene, ...texts: string[]): Promise<ScriptedClient> {
  const romeo = await there.test.client(ROMEO);
  says(romeo, JULIET, ...texts);
  await there.idle();
  await romeo.receivesNothing();
  return romeo;
}

async function onDisk({ test: { server } }: Scene): Promise<number> {
  return waitingFor(archiveOf(server), 'juliet');
}

/** Comes with stream management and is available; has read nothing but its own presence. */
async function comes(there: Scene, jid: string): Promise<{ client: ScriptedClient; id: string }> {
  const managed = await there.managed(jid);
  await becomeAvailable(managed.client);
  await there.idle();
  return managed;
}

async function confirms(there: Scene, client: ScriptedClient): Promise<void> {
  client.send(`<a ${SM} h='${there.sent(client.jid)}'/>`);
  await there.idle();
}

async function expire(there: Scene): Promise<void> {
  await there.clock.advance(EXPIRY_MS);
  await there.idle();
}

const onSqlite = (path: string) => `storage = "sqlite"\ndata_path = ${JSON.stringify(path)}`;

/** Another server with what would be on the disk if this one were killed now. */
async function afterKill(t: TestContext, folder: string): Promise<Scene> {
  const copy = join(emptyFolder(), 'data');
  cpSync(folder, copy, { recursive: true });
  return scene(t, onSqlite(copy));
}

test('XEP-0160 §2: what a client has not confirmed is delivered again after the server was killed', async (t) => {
  const folder = emptyFolder();
  const there = await scene(t, onSqlite(folder));
  await stored(there, '1', '2', '3');
  const { client } = await comes(there, BALCONY);
  for (const text of ['1', '2', '3']) await client.receives(late(text));
  client.send(`<a ${SM} h='${there.sent(BALCONY) - 2}'/>`); // The first one.
  await there.idle();

  const restarted = await afterKill(t, folder);
  const { client: back } = await comes(restarted, BALCONY);
  await back.receives(late('2'));
  await back.receives(late('3'));
  await back.receivesNothing();
});

test('XEP-0160 §2: what a client has confirmed is gone from the disk', async (t) => {
  const folder = emptyFolder();
  const there = await scene(t, onSqlite(folder));
  await stored(there, '1', '2');
  const { client } = await comes(there, BALCONY);
  await client.receives(late('1'));
  await client.receives(late('2'));
  assert.equal(await onDisk(there), 2);
  await confirms(there, client);
  assert.equal(await onDisk(there), 0);

  const { client: back } = await comes(await afterKill(t, folder), BALCONY);
  await back.receivesNothing();
});

test('XEP-0160 §2: a client without stream management has a message when it is written', async (t) => {
  const there = await scene(t);
  await stored(there, '1');
  const client = await there.test.client(BALCONY);
  await becomeAvailable(client);
  await client.receives(late('1'));
  await there.idle();
  assert.equal(await onDisk(there), 0);
});

test('another client does not get what the first was sent, unless the first ends without confirming it', async (t) => {
  const there = await scene(t);
  const romeo = await stored(there, '1', '2');
  const { client: balcony } = await comes(there, BALCONY);
  await balcony.receives(late('1'));
  await balcony.receives(late('2'));
  const chamber = await there.test.client(CHAMBER);
  await becomeAvailable(chamber);
  await chamber.receives(`<presence id='{any}' from='${BALCONY}' to='${CHAMBER}'/>`);
  await chamber.receivesNothing();
  const first = there.sent(BALCONY) - 2; // Its own presence, '1', '2', and the presence of the chamber.
  balcony.send(`<a ${SM} h='${first}'/>`);
  await there.idle();
  await there.loses(balcony);
  says(romeo, BALCONY, '3');
  await romeo.receivesNothing();
  await chamber.receivesNothing();
  await expire(there);
  await chamber.skipUntil(`<presence type='unavailable' from='${BALCONY}' to='${JULIET}'/>`);
  await chamber.receives(late('2'));
  await chamber.receives(
    chat(ROMEO, BALCONY, '3', `<delay xmlns='urn:xmpp:delay' from='capulet.lit' stamp='{any}'/>`),
  );
  await there.idle();
  assert.equal(await onDisk(there), 0);
});

test('XEP-0198 §5: a client that resumes gets it again, and it leaves the disk when that is confirmed', async (t) => {
  const there = await scene(t);
  await stored(there, '1');
  const { client, id } = await comes(there, BALCONY);
  await client.receives(late('1'));
  await there.loses(client);
  const back = await there.returning(BALCONY, id, 1);
  await back.receives(`<resumed ${SM} previd='${id}' h='1'/>`);
  await back.receives(late('1'));
  assert.equal(await onDisk(there), 1);
  await confirms(there, back);
  assert.equal(await onDisk(there), 0);
});

for (const how of ['sleeps too long', 'closes its stream', 'is there when the server stops'] as const) {
  test(`a client that ${how} without confirming leaves the message on the disk, once`, async (t) => {
    const folder = emptyFolder();
    const there = await scene(t, onSqlite(folder));
    await stored(there, '1');
    const { client } = await comes(there, BALCONY);
    await client.receives(late('1'));
    if (how === 'closes its stream') client.send('</stream:stream>');
    if (how === 'sleeps too long') await there.loses(client).then(() => expire(there));
    await there.idle();
    assert.equal(await onDisk(there), 1);
    await there.test.server.stop();
    const next = await scene(t, onSqlite(folder));
    const { client: back } = await comes(next, CHAMBER);
    await back.receives(late('1'));
    await back.receivesNothing();
  });
}

test('more than the queue of a client takes comes complete and in order, as the client confirms', async (t) => {
  const there = await scene(t, 'smacks_max_queue = 10');
  const texts = Array.from({ length: 30 }, (_, n) => `${n}`);
  await stored(there, ...texts);
  const { client } = await comes(there, BALCONY);
  for (const text of texts) {
    await client.skipUntil(late(text));
    await confirms(there, client);
  }
  await client.receivesNothing();
  assert.equal(await onDisk(there), 0);
});

test('more than its queue takes comes later also to a client that has nothing of it to confirm', async (t) => {
  const there = await scene(t, 'smacks_max_queue = 10');
  const romeo = await stored(there, '1');
  const { client } = await there.managed(BALCONY);
  says(romeo, BALCONY, ...'abcdef');
  await romeo.receivesNothing();
  await becomeAvailable(client);
  await confirms(there, client);
  await client.receivesNothing();
  await there.clock.advance(10_000);
  await there.idle();
  await client.skipUntil(late('1'));
});

test('more than its queue takes comes after a reload of the module, too', async (t) => {
  const there = await scene(t, 'smacks_max_queue = 10');
  const texts = Array.from({ length: 12 }, (_, n) => `${n}`);
  await stored(there, ...texts);
  const { client } = await comes(there, BALCONY);
  await reloadModule(there.test, 'offline');
  for (const text of texts) {
    await client.skipUntil(late(text));
    await confirms(there, client);
  }
  assert.equal(await onDisk(there), 0);
});

test('what a client had no room for goes to another one that is there when the first has ended', async (t) => {
  const there = await scene(t, 'smacks_max_queue = 10');
  const texts = Array.from({ length: 12 }, (_, n) => `${n}`);
  await stored(there, ...texts);
  const { client: chamber } = await comes(there, CHAMBER);
  const { client: balcony } = await comes(there, BALCONY);
  for (let n = 0; n < 4; n++) await confirms(there, chamber);
  balcony.send('</stream:stream>');
  await there.idle();
  for (let n = 0; n < 12; n++) await confirms(there, chamber);
  assert.equal(await onDisk(there), 0);
});

test('a client that changes its priority again and again does not make the server read the disk each time', async (t) => {
  const there = await scene(t, 'smacks_max_queue = 10');
  await stored(there, ...'0123456789');
  const { client } = await comes(there, BALCONY);
  const archive = archiveOf(there.test.server);
  const reads = t.mock.method(archive, 'page');
  for (let n = 0; n < 100; n++) {
    client.send('<presence><priority>-1</priority></presence><presence><priority>1</priority></presence>');
    client.send(`<a ${SM} h='${there.sent(BALCONY)}'/>`);
    await there.idle();
  }
  assert.ok(reads.mock.callCount() < 20, `${reads.mock.callCount()} reads`);
  assert.equal(await waitingFor(archive, 'juliet'), 0);
  for (const text of '0123456789') await client.skipUntil(late(text));
});

test('XEP-0160 §2: what is confirmed after a reload of the module is gone as well', async (t) => {
  const there = await scene(t);
  await stored(there, '1');
  const { client } = await comes(there, BALCONY);
  await client.receives(late('1'));
  await reloadModule(there.test, 'offline');
  const { client: chamber } = await comes(there, CHAMBER);
  await chamber.receives(`<presence id='{any}' from='${BALCONY}' to='${CHAMBER}'/>`);
  await chamber.receivesNothing();
  await confirms(there, client);
  assert.equal(await onDisk(there), 0);
});
