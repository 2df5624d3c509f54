// Every module alone, and every two of them: the server starts and refuses stanzas that no loaded module handles.

import assert from 'node:assert/strict';
import { duplexPair } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { ModuleFiles } from '../../src/core/module-files.ts';
import { Connection } from '../../src/net/connection.ts';
import type { ScriptedClient } from '../support/client.ts';
import { startServer, type TestServer } from '../support/server.ts';

const HOST = 'montague.lit';
const ROOMS = 'rooms.montague.lit';
const ROMEO = `romeo@${HOST}/orchard`;
const HALL = `hall@${ROOMS}`;

/** The answer to a stanza of each module; without the module: `service-unavailable`, or none. */
interface Probe {
  /** The modules that answer, if they are loaded. */
  readonly modules: readonly string[];
  readonly host: string;
  readonly stanza: string;
  /** The type of the module's answer; `undefined` for none. */
  readonly answer: string | undefined;
  /** RFC 6121 §8.5: presence for users that no module handles is dropped. */
  readonly without: 'error' | 'nothing';
}

const request = (xmlns: string, name = 'query') => `<${name} xmlns='${xmlns}'/>`;
const asked = (module: string, payload: string): Probe[] =>
  [HOST, ROOMS].map((host) => {
    const stanza = `<iq type='get' id='probe' to='${host}'>${payload}</iq>`;
    // The room service answers disco requests without the module disco.
    const modules = module === 'disco' && host === ROOMS ? ['disco', 'muc'] : [module];
    return { modules, host, stanza, answer: 'result', without: 'error' };
  });

const PROBES: readonly Probe[] = [
  ...asked('ping', request('urn:xmpp:ping', 'ping')),
  ...asked('time', request('urn:xmpp:time', 'time')),
  ...asked('version', request('jabber:iq:version')),
  ...asked('disco', request('http://jabber.org/protocol/disco#info')),
  ...asked('disco', request('http://jabber.org/protocol/disco#items')),
  {
    modules: ['roster'],
    host: HOST,
    stanza: `<iq type='get' id='probe'><query xmlns='jabber:iq:roster'/></iq>`,
    answer: 'result',
    without: 'error',
  },
  {
    modules: ['message'],
    host: HOST,
    stanza: `<message id='probe' type='chat' to='${ROMEO}'><body>It is I</body></message>`,
    answer: 'chat',
    without: 'error',
  },
  {
    modules: ['presence'],
    host: HOST,
    stanza: `<presence id='probe' to='${ROMEO}'/>`,
    answer: undefined,
    without: 'nothing',
  },
  {
    modules: ['muc'],
    host: ROOMS,
    stanza: `<iq type='get' id='probe' to='${HALL}'><query xmlns='http://jabber.org/protocol/muc#owner'/></iq>`,
    answer: 'error item-not-found',
    without: 'error',
  },
  {
    modules: ['muc'],
    host: ROOMS,
    stanza: `<message id='probe' type='groupchat' to='${HALL}'><body>It is I</body></message>`,
    answer: 'error item-not-found',
    without: 'error',
  },
  {
    modules: ['muc'],
    host: ROOMS,
    stanza: `<presence id='probe' to='${HALL}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
    answer: 'error jid-malformed',
    without: 'error',
  },
];

/** Always enabled, because the test logs in. */
const LOGIN = 'saslauth';
const definitions = await readDefinitions();
definitions.delete(LOGIN);

test('the server starts with each module alone, and with none', async (t) => {
  for (const set of [[], ...[...definitions.keys()].map((name) => [name])]) await enableAndDisable(t, set);
});

test('the server starts with every two modules', async (t) => {
  const names = [...definitions.keys()];
  for (const [index, one] of names.entries())
    for (const other of names.slice(index + 1)) await enableAndDisable(t, [one, other]);
});

test('the server starts without any one module, and loads those that others depend on', async (t) => {
  const names = [...definitions.keys()];
  for (const left of names) {
    const site = await startSite(t, names, [left]);
    await site.check(withCompanions(names.filter((name) => name !== left)));
  }
});

test('XEP-0220 §2.1: a server without dialback ends a stream on which it is requested', async (t) => {
  for (const name of definitions.keys()) {
    const { server } = await startSite(t, [name]);
    const said = await callAsServer(server);
    if (name === 'dialback') assert.match(said, /<db:result [^>]*type='error'|<db:result [^>]*type="error"/);
    else assert.match(said, /unsupported-stanza-type/, name);
  }
});

/** Enabled by the configuration, disabled while the server runs, and enabled again. */
async function enableAndDisable(t: TestContext, set: readonly string[]): Promise<void> {
  const site = await startSite(t, set);
  const all = withCompanions(set);
  await site.check(all);
  await site.unloadAll();
  await site.check([]);
  for (const name of all.toReversed()) await site.load(name);
  await site.check(all);
}

/** A configuration that enables the set also enables these: some modules come with others. */
function withCompanions(set: readonly string[]): string[] {
  const companions = [...definitions.keys()].filter((name) =>
    definitions.get(name)?.enabledWith.some((other) => set.includes(other)),
  );
  return [...new Set([...set, ...companions])];
}

async function startSite(t: TestContext, enabled: readonly string[], disabled: readonly string[] = []) {
  const fitting = (...scopes: string[]) =>
    enabled.filter((name) => scopes.includes(definitions.get(name)!.scope) && !disabled.includes(name));
  const [users, service] = [fitting('local', 'host'), fitting('component', 'host')];
  const config = `
    [hosts."${HOST}"]
    modules_enabled = ${JSON.stringify(users)}
    [hosts."${ROOMS}"]
    component = "muc"
    modules_enabled = ${JSON.stringify(service)}
    modules_disabled = ${JSON.stringify(service.includes('muc') ? [] : ['muc'])}
  `;
  const server = await startServer(t, { config });
  const romeo = await server.client(ROMEO);
  const run = (name: string, args: Record<string, unknown> = {}) =>
    server.server.commands.run(name, args, { by: 'test' });
  const loaded = async () => {
    const { rows = [] } = await run('module list');
    return rows.filter(({ module }) => module !== LOGIN).map(({ host, module }) => `${host} ${module}`);
  };
  return {
    server,
    /** Another module may have enabled it. */
    async load(name: string) {
      const isThere = (await loaded()).some((row) => row.endsWith(` ${name}`));
      if (!isThere) await run('module load', { name });
    },
    async check(set: readonly string[]) {
      const there = [
        ...withDependencies(set, 'local').map((name) => `${HOST} ${name}`),
        ...withDependencies(set, 'component').map((name) => `${ROOMS} ${name}`),
      ];
      const what = `enabled: ${set.join(', ') || 'nothing'}`;
      assert.deepEqual((await loaded()).sort(), there.sort(), what);
      await probeAll(romeo, new Set(there), what);
    },
    async unloadAll() {
      for (const row of (await loaded()).toReversed()) {
        const [host, name] = row.split(' ');
        await run('module unload', { name, host });
      }
    },
  };
}

async function probeAll(romeo: ScriptedClient, there: ReadonlySet<string>, what: string): Promise<void> {
  for (const { modules, host, stanza, answer, without } of PROBES) {
    const isThere = modules.some((module) => there.has(`${host} ${module}`));
    romeo.send(stanza);
    const message = `${what}: ${stanza}`;
    if (!isThere && without === 'nothing') {
      await romeo.receivesNothing();
      continue;
    }
    const reply = await romeo.next();
    assert.equal(reply.attrs.id, 'probe', message);
    const condition = reply.getChild('error')?.elements()[0]?.name;
    const got = [reply.attrs.type, condition].filter((part) => part !== undefined).join(' ');
    assert.equal(got, isThere ? (answer ?? '') : 'error service-unavailable', message);
  }
}

/** Sends a dialback request like another server, and returns what it receives up to the answer. */
async function callAsServer({ server }: TestServer): Promise<string> {
  const [ours, theirs] = duplexPair();
  ours.once('close', () => theirs.destroy());
  server.acceptServer(new Connection(theirs, { remoteAddress: '192.0.2.2', clock: server.clock }));
  ours.setEncoding('utf8');
  ours.write(
    `<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback' from='capulet.lit' to='${HOST}' version='1.0'>` +
      `<db:result from='capulet.lit' to='${HOST}'>key</db:result>`,
  );
  let heard = '';
  for await (const text of ours) {
    heard += text;
    if (/<db:result|<\/stream:stream>/.test(heard)) break;
  }
  ours.destroy();
  return heard;
}

/** The loaded modules for a set of enabled modules on a kind of host. */
function withDependencies(set: readonly string[], kind: 'local' | 'component'): string[] {
  const found = new Set<string>();
  const visit = (name: string): void => {
    const { scope, depends } = definitions.get(name)!;
    if (found.has(name) || (scope !== 'host' && scope !== kind)) return;
    found.add(name);
    for (const needed of depends) visit(needed);
  };
  for (const name of set) visit(name);
  return [...found];
}

async function readDefinitions() {
  const files = new ModuleFiles();
  const read = await Promise.all(files.names().map((name) => files.import(name)));
  return new Map(
    read.map(({ name, scope = 'local', depends = [], enabledWith = [] }) => [
      name,
      { scope, depends, enabledWith },
    ]),
  );
}
