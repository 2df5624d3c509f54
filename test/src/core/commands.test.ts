// What administrators do to modules, and what they see of sessions.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { CommandResult } from '../../../src/admin/commands.ts';
import { FakeClock } from '../../support/clock.ts';
import { startServer, type TestServer } from '../../support/server.ts';

async function start(t: TestContext, config = ''): Promise<{ site: TestServer; folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'enjamb-modules-'));
  t.after(() => rm(folder, { recursive: true }));
  const site = await startServer(t, {
    clock: new FakeClock(),
    config: `
plugin_paths = [${JSON.stringify(folder)}]
modules_enabled = ["ping"]
${config}
[hosts."montague.lit"]
[hosts."verona.lit"]
[hosts."rooms.montague.lit"]
component = "external"
component_secret = "x"
modules_disabled = ["dialback"]
`,
  });
  return { site, folder };
}

function run({ server }: TestServer, name: string, args: object = {}): Promise<CommandResult> {
  return server.commands.run(name, { ...args }, { by: 'test' });
}

async function loaded(site: TestServer, name: string): Promise<unknown[]> {
  const { rows } = await run(site, 'module list');
  return rows!.filter(({ module }) => module === name).map(({ host }) => host);
}

const written = (folder: string, name: string, reply: string) =>
  writeFile(
    join(folder, `${name}.ts`),
    `import { defineModule, xml } from 'enjamb/api';
     export default defineModule({ name: '${name}', summary: 'Answers ${reply}', load(module) {
       module.handleIq({ type: 'get', to: ['host'], name: 'q', xmlns: 'urn:q' }, () => xml('${reply}', 'urn:q'));
     } });`,
  );

test('loads, replaces and unloads a module of the site in the running server', async (t) => {
  const { site, folder } = await start(t);
  const romeo = await site.client('romeo@montague.lit/orchard');
  const answer = async () => {
    romeo.send(`<iq type='get' id='1' to='montague.lit'><q xmlns='urn:q'/></iq>`);
    return (await romeo.next()).elements()[0]?.name;
  };
  assert.equal(await answer(), 'error');
  await written(folder, 'mine', 'one');
  assert.equal(
    (await run(site, 'module load', { name: 'mine' })).text,
    'mine loaded on montague.lit, verona.lit',
  );
  assert.equal(await answer(), 'one');
  await written(folder, 'mine', 'two');
  await run(site, 'module reload', { name: 'mine', host: 'montague.lit' });
  assert.equal(await answer(), 'two');
  await run(site, 'module unload', { name: 'mine', host: 'montague.lit' });
  assert.equal(await answer(), 'error');
  assert.deepEqual(await loaded(site, 'mine'), ['verona.lit']);
  await written(folder, 'mine', 'three');
  await run(site, 'module load', { name: 'mine' });
  assert.equal(await answer(), 'three', 'what is loaded is the newest text');
});

test('module commands refuse with the reason and the host', async (t) => {
  const { site } = await start(t);
  const fails = (name: string, args: object, message: string | RegExp) =>
    assert.rejects(run(site, name, args), { name: 'CommandError', message });
  await fails('module load', { name: 'pign' }, /there is no module "pign"/);
  const { text } = await run(site, 'module load', { name: 'ping' });
  assert.equal(text, 'ping loaded on rooms.montague.lit');
  await fails(
    'module load',
    { name: 'ping' },
    'the module "ping" is already loaded on every host that it supports',
  );
  const where = { name: 'ping', host: 'montague.lit' };
  await fails('module load', where, 'the module "ping" is already loaded on montague.lit');
  await fails(
    'module unload',
    { name: 'time' },
    'the module "time" is not loaded on any host; "enjamb module list" lists the loaded modules',
  );
  await fails(
    'module reload',
    { name: 'ping', host: 'capulet.lit' },
    /there is no host "capulet.lit"; the hosts are: montague.lit/,
  );
  const elsewhere = { name: 'time', host: 'verona.lit' };
  await fails('module unload', elsewhere, 'the module "time" is not loaded on verona.lit');
});

test('`module list` shows the modules of every host, or of one', async (t) => {
  const { site } = await start(t);
  assert.deepEqual(await loaded(site, 'ping'), ['montague.lit', 'verona.lit']);
  const { rows } = await run(site, 'module list', { host: 'verona.lit' });
  assert.deepEqual(
    rows!.map(({ host, module, summary }) => [host, module, typeof summary]),
    [
      ['verona.lit', 'saslauth', 'string'],
      ['verona.lit', 'ping', 'string'],
    ],
  );
});

test('`user sessions` shows the sessions of one account or of all, with their age', async (t) => {
  const { site } = await start(t);
  const since = new Date(site.server.clock.now()).toISOString();
  await site.client('romeo@montague.lit/orchard');
  await site.client('romeo@montague.lit/garden');
  await site.client('benvolio@verona.lit/square');
  const jids = async (args: object) => (await run(site, 'user sessions', args)).rows!.map(({ jid }) => jid);
  assert.deepEqual(await jids({ jid: 'romeo@montague.lit' }), [
    'romeo@montague.lit/orchard',
    'romeo@montague.lit/garden',
  ]);
  assert.equal((await jids({})).length, 3);
  const [row] = (await run(site, 'user sessions', { jid: 'benvolio@verona.lit' })).rows!;
  assert.deepEqual(row, {
    jid: 'benvolio@verona.lit/square',
    since,
    address: '192.0.2.1',
    secure: false,
    connected: true,
  });
  await assert.rejects(run(site, 'user sessions', { jid: 'romeo@capulet.lit' }), { name: 'CommandError' });
});
