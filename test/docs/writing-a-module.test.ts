// docs/writing-a-module.md: writes, checks and runs the files in its code blocks.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import type { Event } from 'enjamb/api';
import { readConfig } from '../../src/cli/configuration.ts';
import { Server } from '../../src/server.ts';
import type { Clock } from '../../src/util/clock.ts';
import { silentLogger } from '../../src/util/logger.ts';
import { NS } from '../../src/xml/namespaces.ts';
import { FakeClock } from '../support/clock.ts';
import { FakeRooms } from '../support/fake-rooms.ts';
import { assertXml } from '../support/match.ts';
import { HandClock, Harness } from '../support/module-harness.ts';
import { TestServer } from '../support/server.ts';

declare module 'enjamb/api' {
  interface Events {
    'pulse-may-count': Event<{ readonly user: string }, boolean>;
  }
}

const ROOT = join(import.meta.dirname, '../..');
const PAGE = readFileSync(join(ROOT, 'docs/writing-a-module.md'), 'utf8');
const TESTING = `
storage = "memory"
certificates = "."
c2s_ports = []
c2s_direct_tls_ports = []
s2s_ports = []
s2s_direct_tls_ports = []
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
limits = false
`;

interface Block {
  readonly language: string;
  readonly text: string;
}

/** The code blocks of the introduction, which all steps share, and of each step. */
const [introduction = [], ...steps] = PAGE.split(/^## /m).map((section): Block[] =>
  [...section.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language = '', text = '']) => ({
    language,
    text,
  })),
);

const folder = mkdtempSync(join(tmpdir(), 'enjamb-docs-'));
after(() => rmSync(folder, { recursive: true }));
// What `npm install` puts beside the configuration file.
mkdirSync(join(folder, 'node_modules/@xmpp'), { recursive: true });
symlinkSync(ROOT, join(folder, 'node_modules/enjamb'));
for (const name of ['ltx', '@xmpp/xml'])
  symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name));

/** Writes the files of one step; returns the path of the configuration file. */
function writeStep(number: number): string {
  const blocks = [...introduction, ...(steps[number - 1] ?? [])];
  const path = join(folder, `step-${number}`);
  mkdirSync(join(path, 'plugins'), { recursive: true });
  for (const { language, text } of blocks) {
    if (language === 'ts') writeFileSync(join(path, nameIn(text, '//')), text);
    if (language === 'json') writeFileSync(join(path, 'package.json'), text);
    if (language === 'toml') writeFileSync(join(path, nameIn(text, '#')), TESTING + text);
  }
  return join(path, 'enjamb.toml');
}

/** Blocks begin with the name of their file. */
function nameIn(text: string, comment: string): string {
  const [first = ''] = text.split('\n', 1);
  assert.ok(
    first.startsWith(`${comment} `),
    `a block must begin with the name of its file, but begins with: ${first}`,
  );
  return first.slice(comment.length + 1);
}

async function startStep(t: TestContext, number: number, clock: Clock): Promise<Server> {
  const config = await readConfig(writeStep(number));
  const dial = () => Promise.reject(new Error('this test has no network'));
  const server = new Server({ config, log: silentLogger, clock, dial });
  await server.start();
  t.after(() => server.stop());
  return server;
}

test('each of five steps and the section on other libraries has its whole module; every block is tested', () => {
  const modules = steps.map((blocks) => blocks.filter(({ language }) => language === 'ts').length);
  assert.deepEqual(modules, [1, 1, 1, 1, 1, 1, 0]);
  const languages = new Set([introduction, ...steps].flat().map(({ language }) => language));
  assert.deepEqual([...languages].sort(), ['json', 'toml', 'ts', 'xml']);
});

test('the modules of all steps pass the type check of a project that depends on enjamb', () => {
  for (const number of [1, 2, 3, 4, 5, 6]) writeStep(number);
  const settings = {
    extends: join(ROOT, 'tsconfig.json'),
    compilerOptions: { typeRoots: [join(ROOT, 'node_modules/@types')] },
    include: ['step-*/plugins'],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(settings));
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const { stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });
  const ours = stdout.split('\n').filter((line) => line.includes('step-'));
  assert.deepEqual(ours, []);
});

test('step 1: the request on the page gets the answer on the page', async (t) => {
  const server = new TestServer(await startStep(t, 1, new FakeClock()));
  const romeo = await server.client('romeo@montague.lit/orchard');
  const conversation = steps[0]?.find(({ language }) => language === 'xml')?.text ?? '';
  const [said = '', heard = ''] = conversation.trim().split('\n');
  romeo.send(said);
  const answer = await romeo.receives(heard);
  assert.equal(answer.attrs.id, 'p1');
});

test('step 2: the command lists quiet clients by the option of the page', async (t) => {
  const clock = new FakeClock();
  const server = new TestServer(await startStep(t, 2, clock));
  const romeo = await server.client('romeo@montague.lit/orchard');
  await server.client('benvolio@montague.lit/square');
  const pulse = (args = {}) => server.server.commands.run('pulse', args, { by: 'test' });
  await clock.advance(100_000);
  romeo.send(`<iq type='get' id='p1'><ping xmlns='urn:xmpp:ping'/></iq>`);
  await romeo.receives(`<iq type='result' from='romeo@montague.lit' to='romeo@montague.lit/orchard'/>`);
  await clock.advance(30_000);
  assert.deepEqual((await pulse()).rows, [
    { client: 'romeo@montague.lit/orchard', quiet: false },
    { client: 'benvolio@montague.lit/square', quiet: true },
  ]);
  const { rows } = await pulse({ account: 'romeo@montague.lit' });
  assert.deepEqual(rows, [{ client: 'romeo@montague.lit/orchard', quiet: false }]);
});

test('step 2: the state of clients survives a reload of the module', async (t) => {
  const clock = new FakeClock();
  const server = new TestServer(await startStep(t, 2, clock));
  const romeo = await server.client('romeo@montague.lit/orchard');
  await clock.advance(100_000);
  romeo.send(`<iq type='get' id='p1'><ping xmlns='urn:xmpp:ping'/></iq>`);
  await romeo.receives(`<iq type='result' from='romeo@montague.lit' to='romeo@montague.lit/orchard'/>`);
  await server.server.commands.run('module reload', { name: 'pulse' }, { by: 'test' });
  await clock.advance(100_000);
  const { rows } = await server.server.commands.run('pulse', {}, { by: 'test' });
  assert.deepEqual(rows, [{ client: 'romeo@montague.lit/orchard', quiet: false }]);
});

test('step 3: the configured recipient receives the number of clients that ping_muc found outside', async (t) => {
  t.mock.method(Math, 'random', () => 0.5);
  const clock = new HandClock();
  const h = new Harness(await startStep(t, 3, clock), clock);
  const rooms = new FakeRooms(h);
  const romeo = h.client('romeo@montague.lit/orchard');
  romeo.joins('hall@rooms.capulet.lit/Romeo');
  await h.host.createUser('benvolio', 'secret');
  const benvolio = h.client('benvolio@montague.lit/square');
  benvolio.says('<presence/>');
  clock.seconds(10);
  assert.deepEqual((await h.command('pulse', { account: 'romeo@montague.lit' })).rows, [
    { client: 'romeo@montague.lit/orchard', quiet: false, rooms: 1 },
  ]);
  benvolio.heard();
  rooms.forget();
  rooms.peer.cut();
  clock.seconds(290);
  assert.equal(romeo.notices.length, 1);
  const [report, ...more] = benvolio.heard();
  assert.equal(more.length, 0);
  assertXml(
    report!,
    `<message type='chat' from='montague.lit' to='benvolio@montague.lit'><body>Clients that fell out of a room elsewhere: 1</body></message>`,
  );
  clock.seconds(3_600);
  assert.deepEqual(benvolio.heard(), []);
});

test('step 4: the command reaches users of all hosts, and all hosts are told of new accounts', async (t) => {
  const server = new TestServer(await startStep(t, 4, new FakeClock()));
  const [montague, capulet] = ['montague.lit', 'capulet.lit'].map(
    (domain) => server.server.router.hosts.get(domain)!,
  );
  await server.client('romeo@montague.lit/orchard');
  const pulse = async (account: string) => {
    const args = { account, host: 'capulet.lit' };
    return (await server.server.commands.run('pulse', args, { by: 'test' })).text;
  };
  assert.equal(await pulse('romeo@montague.lit'), 'Clients: 1');
  assert.equal(await pulse('tybalt@montague.lit'), 'No answer');
  assert.equal(await pulse('romeo@verona.lit'), 'This domain has no users of this server');
  montague!.hooks.add('pulse-may-count', () => false, 'deliver', 'test');
  assert.equal(await pulse('romeo@montague.lit'), 'No answer');
  for (const host of [montague!, capulet!]) {
    const newcomers = host.stores.keyval<number>('pulse_newcomers');
    assert.equal(typeof (await newcomers.get('romeo@montague.lit')), 'number');
  }
});

test('step 5: counts stored messages, writes to all clients, and tests servers', async (t) => {
  const server = new TestServer(await startStep(t, 5, new FakeClock()));
  const romeo = await server.client('romeo@montague.lit/orchard');
  await server.account('benvolio@montague.lit');
  const run = async (name: string, args: object) =>
    (await server.server.commands.run(name, { ...args, host: 'montague.lit' }, { by: 'test' })).text;
  romeo.send('<presence/>');
  romeo.send(`<message type='chat' to='benvolio@montague.lit'><body>Are you there?</body></message>`);
  romeo.send(`<message type='chat' to='romeo@montague.lit'><body>I am</body></message>`);
  await romeo.skipUntil((element) => element.getChildText('body') === 'I am');
  assert.equal(await run('pulse say', { text: 'Part, fools!' }), 'Clients: 1, stored messages: 1');
  await romeo.receives(
    `<message type='headline' from='montague.lit' to='romeo@montague.lit/orchard'><body>Part, fools!</body></message>`,
  );
  assert.equal(await run('pulse ping', { remote: 'capulet.lit' }), 'It answers');
});

test('other libraries: the module of the page sends, returns and provides elements of @xmpp/xml and ltx', async (t) => {
  const server = new TestServer(await startStep(t, 6, new FakeClock()));
  const romeo = await server.client('romeo@montague.lit/orchard');
  const ask = (query: string) => romeo.send(`<iq type='get' id='1' to='montague.lit'>${query}</iq>`);
  ask(`<sonnet xmlns='urn:example:sonnet'/>`);
  await romeo.receives(
    `<message from='montague.lit' to='romeo@montague.lit/orchard'><body>Two households, both alike in dignity</body></message>`,
  );
  await romeo.receives(
    `<iq type='result' id='1' from='montague.lit' to='romeo@montague.lit/orchard'><sonnet xmlns='urn:example:sonnet'/></iq>`,
  );
  ask(`<query xmlns='${NS.DISCO_INFO}'/>`);
  assert.match(`${await romeo.next()}`, /<x xmlns='jabber:x:data' type='result'\/>/);
});
