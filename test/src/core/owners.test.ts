// Modules of one host reach owners and events of the others: asynchronously, with plain data.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Event, Jid, type Module } from 'enjamb/api';
import { FakeClock } from '../../support/clock.ts';
import { assertFaults, startServer } from '../../support/server.ts';

declare module 'enjamb/api' {
  interface OwnerQuestions {
    'test-mood': Event<{ readonly word?: unknown }, { readonly mood: string; readonly of: string }>;
  }
  interface Events {
    'test-news': Event<{ readonly text: string; waitUntil(work: Promise<unknown>): void }>;
  }
}

const CONFIG = `
modules_enabled = ["witness"]
[hosts."a.example"]
[hosts."b.example"]
[hosts."rooms.a.example"]
component = "muc"
modules_enabled = ["witness"]
`;
const WITNESS = `
  import { defineModule } from 'enjamb/api';
  export default defineModule({
    name: 'witness', summary: 'A test', scope: 'host',
    load(module) { Reflect.get(globalThis, 'witnesses').set(module.host.domain, module); },
  });
`;

async function start(t: TestContext) {
  const witnesses = new Map<string, Module>();
  Object.assign(globalThis, { witnesses });
  const plugins = await mkdtemp(join(tmpdir(), 'enjamb-owners-'));
  t.after(() => rm(plugins, { recursive: true }));
  await writeFile(join(plugins, 'witness.ts'), WITNESS);
  const clock = new FakeClock();
  const net = await startServer(t, { config: CONFIG, plugins, clock });
  const on = (domain: string) => witnesses.get(domain)!;
  return { net, clock, a: on('a.example'), b: on('b.example'), rooms: on('rooms.a.example') };
}

const BOB = Jid.parse('bob@b.example');

test('`local` distinguishes domains with users, services, and remote domains', async (t) => {
  const { a, rooms } = await start(t);
  for (const module of [a, rooms]) {
    assert.equal(module.local('b.example'), 'users');
    assert.equal(module.local('rooms.a.example'), 'service');
    assert.equal(module.local('c.example'), undefined);
  }
});

test('`users.exists` is true for accounts of a host, and false for a service', async (t) => {
  const { net, a, b, rooms } = await start(t);
  await net.account('bob@b.example');
  assert.equal(await b.host.users.exists('bob'), true);
  assert.equal(await a.host.users.exists('bob'), false);
  assert.equal(await rooms.host.users.exists('bob'), false);
});

test('asks the host of the owner, never in the same tick', async (t) => {
  const { a, b, rooms } = await start(t);
  let asked = 0;
  b.answerFor('test-mood', (owner, { word }) => {
    asked++;
    return { mood: `merry ${word}`, of: `${owner}` };
  });
  const answer = rooms.askOwner(BOB, 'test-mood', { word: 'indeed' });
  assert.equal(asked, 0);
  assert.deepEqual(await answer, { mood: 'merry indeed', of: 'bob@b.example' });
  assert.deepEqual(await b.askOwner(BOB, 'test-mood', {}), { mood: 'merry undefined', of: 'bob@b.example' });
  assert.equal(await a.askOwner(Jid.parse('ann@a.example'), 'test-mood', {}), undefined);
  assert.equal(await a.askOwner(Jid.parse('eve@c.example'), 'test-mood', {}), undefined);
  assert.equal(asked, 2);
});

test('each question has one module that answers it, until that unloads', async (t) => {
  const { net, a, b } = await start(t);
  b.answerFor('test-mood', () => ({ mood: 'merry', of: '' }));
  assert.throws(() => b.answerFor('test-mood', () => undefined), { code: 'MODULE_HANDLER_CONFLICT' });
  await net.server.commands.run('module unload', { name: 'witness', host: 'b.example' }, { by: 'test' });
  assert.equal(await a.askOwner(BOB, 'test-mood', {}), undefined);
});

test('returns undefined for an answer that fails or takes 5 s', async (t) => {
  const { net, clock, a, b, rooms } = await start(t);
  b.answerFor('test-mood', async () => {
    throw new Error('broken');
  });
  assert.equal(await a.askOwner(BOB, 'test-mood', {}), undefined);
  assertFaults(net.server.faults, { handler: 1 });
  const late = Promise.withResolvers<{ mood: string; of: string }>();
  rooms.answerFor('test-mood', () => late.promise);
  const asked = a.askOwner(Jid.parse('hall@rooms.a.example'), 'test-mood', {});
  await clock.advance(4_999);
  assert.equal(await Promise.race([asked, 'still waiting']), 'still waiting');
  await clock.advance(1);
  assert.equal(await asked, undefined);
  late.resolve({ mood: 'late', of: '' });
});

test('hosts exchange plain data only: JIDs pass, functions and maps do not', async (t) => {
  const { net, a, b } = await start(t);
  const seen: unknown[] = [];
  b.answerFor('test-mood', (_, { word }) => void seen.push(word));
  const list = [BOB, { deep: null }];
  await a.askOwner(BOB, 'test-mood', { word: list });
  assert.deepEqual(seen, [list]);
  assert.notEqual(seen[0], list);
  for (const word of [() => 1, new Map(), a])
    await assert.rejects(a.askOwner(BOB, 'test-mood', { word }), TypeError);
  await assert.rejects(a.tellAll('test-news', { text: new Set() as never }), TypeError);
  assert.equal(net.server.router.work.size, 0);
});

test('`tellAll` notifies every host, and settles with their work', async (t) => {
  const { net, a, b, rooms } = await start(t);
  const heard: string[] = [];
  const work = Promise.withResolvers<void>();
  for (const module of [a, b, rooms])
    module.hook('test-news', ({ text, waitUntil }) => {
      heard.push(`${module.host.domain}: ${text}`);
      if (module === b) waitUntil(work.promise);
      if (module === rooms) waitUntil(Promise.reject(new Error('broken')));
    });
  const told = a.tellAll('test-news', { text: 'hear ye' });
  assert.deepEqual(heard, []);
  assert.equal(await Promise.race([told, later()]), 'later');
  assert.deepEqual(heard, ['a.example: hear ye', 'b.example: hear ye', 'rooms.a.example: hear ye']);
  work.resolve();
  assert.equal(await told, undefined);
  assertFaults(net.server.faults, { work: 1 });
});

function later(): Promise<string> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve, 'later')));
}

test('`notify` reaches the modules of this host; a failure is logged and affects no one else', async (t) => {
  const { a, b, net } = await start(t);
  const heard: string[] = [];
  const news = { text: 'a duel', waitUntil() {} };
  a.hook('test-news', () => assert.fail('on purpose'));
  a.hook('test-news', ({ text }) => void heard.push(`a ${text}`));
  a.observe('test-news', ({ text }) => void heard.push(`a sees ${text}`));
  b.hook('test-news', ({ text }) => void heard.push(`b ${text}`));
  a.notify('test-news', news);
  assert.deepEqual(heard, ['a a duel', 'a sees a duel']);
  assertFaults(net.server.faults, { handler: 1 });
});
