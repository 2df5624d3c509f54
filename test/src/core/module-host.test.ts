// Modules: loaded in the order of their needs, unloaded without a trace, replaced while the server runs.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { CommandRegistry } from '../../../src/admin/commands.ts';
import type { StanzaEvent } from '../../../src/api/events.ts';
import { API_VERSION } from '../../../src/api/version.ts';
import type { LocalHost } from '../../../src/core/host.ts';
import { ModuleFiles } from '../../../src/core/module-files.ts';
import { ModuleHost } from '../../../src/core/module-host.ts';
import type { Stanza } from '../../../src/xml/element.ts';
import { FakeClock } from '../../support/clock.ts';
import { assertFaults, startServer } from '../../support/server.ts';

/** What the modules of these tests tell: they share no other state with the tests. */
const told: string[] = [];
Object.assign(globalThis, { told });

interface Site {
  readonly clock: FakeClock;
  readonly host: LocalHost;
  readonly modules: ModuleHost;
  readonly component: ModuleHost;
  readonly commands: CommandRegistry;
  readonly sent: Stanza[];
  /** Writes a file below the plugin folder. */
  write(path: string, text: string): Promise<void>;
  /** Writes a module of one file; `body` is what its `load` does. */
  module(name: string, body: string, more?: string): Promise<void>;
}

async function startSite(t: TestContext): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'enjamb-modules-'));
  t.after(() => rm(folder, { recursive: true }));
  told.length = 0;
  const clock = new FakeClock();
  const { server } = await startServer(t, {
    clock,
    config: `
      modules_enabled = []
      [hosts."montague.lit"]
      [hosts."rooms.montague.lit"]
      component = "external"
      component_secret = "x"
      modules_disabled = ["dialback"]
    `,
  });
  const host = server.router.hosts.get('montague.lit')!;
  const files = new ModuleFiles([folder]);
  const moduleHost = (domain: string) => {
    const modules = new ModuleHost(server.router.hosts.get(domain)!, files, server, server.commands);
    t.after(() => modules.close());
    return modules;
  };
  const sent: Stanza[] = [];
  server.router.remote = {
    send: (_local, _remote, stanza) => void sent.push(stanza),
    connect: () => Promise.reject(new Error('not in this test')),
    link: () => {
      throw new Error('not in this test');
    },
    forget: () => {},
  };
  const write = async (path: string, text: string) => {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  };
  return {
    clock,
    host,
    modules: moduleHost('montague.lit'),
    component: moduleHost('rooms.montague.lit'),
    commands: server.commands,
    sent,
    write,
    module: (name, body, more = '') => write(`${name}.ts`, moduleText(name, body, more)),
  };
}

function moduleText(name: string, body: string, more = ''): string {
  return `
    import { defineModule, xml } from 'enjamb/api';
    import { streams } from 'enjamb/api/stream';
    const told: string[] = Reflect.get(globalThis, 'told');
    export default defineModule({
      name: '${name}',
      summary: 'A test',
      ${more}
      ${body.startsWith('async') ? `async load(module) { ${body.slice(5)} }` : `load(module) { ${body} }`},
    });
  `;
}

const tells = (word: string) => `told.push('${word}'); module.onUnload(() => void told.push('-${word}'));`;
const heard = (site: Site): string[] => {
  told.length = 0;
  site.host.hooks.notify('user-create', { user: 'x' });
  return [...told];
};
const hears = (word: string) => `module.hook('user-create', () => void told.push('${word}'));`;

const loadedNames = ({ modules }: Site) => modules.loaded.map(({ name }) => name);

// ── Loading ────────────────────────────────────────────────────────────────────────────────────────────────────

test('loads dependencies of a module first, each once, in any order of the list', async (t) => {
  const site = await startSite(t);
  await site.module('roof', tells('roof'), `depends: ['wall', 'floor'],`);
  await site.module('wall', tells('wall'), `depends: ['floor'],`);
  await site.module('floor', tells('floor'));
  await site.modules.load(['roof', 'floor', 'wall']);
  assert.deepEqual(told, ['floor', 'wall', 'roof']);
  assert.deepEqual(loadedNames(site), ['floor', 'wall', 'roof']);
  await site.modules.load(['floor', 'roof']);
  assert.equal(told.length, 3, 'what is loaded stays as it is');
  await site.modules.close();
  assert.deepEqual(told.slice(3), ['-roof', '-wall', '-floor']);
});

test('`use` returns the exports of dependencies only', async (t) => {
  const site = await startSite(t);
  await site.module('floor', `return { height: 3 };`);
  await site.module('wall', `told.push(String(module.use('floor').height));`, `depends: ['floor'],`);
  await site.module('thief', `module.use('floor');`);
  await site.modules.load(['wall']);
  assert.deepEqual(told, ['3']);
  await assert.rejects(site.modules.load(['thief']), {
    code: 'MODULE_DEPENDENCY_MISSING',
    message: /"thief" calls `use` for "floor", which its `depends` does not name/,
  });
});

test('an error names the missing module and the module that needs it', async (t) => {
  const site = await startSite(t);
  await site.module('wall', tells('wall'), `depends: ['flor'],`);
  await assert.rejects(site.modules.load(['wal']), { code: 'MODULE_NOT_FOUND', module: 'wal' });
  await assert.rejects(site.modules.load(['wall']), {
    code: 'MODULE_DEPENDENCY_MISSING',
    message: 'the module "wall" needs the module "flor", which is not installed',
  });
  await assert.rejects(site.modules.load(['../wall']), { code: 'MODULE_NOT_FOUND' });
  assert.deepEqual(told, []);
});

test('refuses modules that need each other, and names the circle', async (t) => {
  const site = await startSite(t);
  await site.module('hen', tells('hen'), `depends: ['egg'],`);
  await site.module('egg', tells('egg'), `depends: ['nest'],`);
  await site.module('nest', tells('nest'), `depends: ['hen'],`);
  await site.module('farm', tells('farm'), `depends: ['hen'],`);
  await assert.rejects(site.modules.load(['farm']), {
    code: 'MODULE_DEPENDENCY_CIRCULAR',
    message: /: hen → egg → nest → hen$/,
  });
  assert.deepEqual(told, []);
});

test('a module loads only on the kinds of host that it supports', async (t) => {
  const site = await startSite(t);
  await site.module('users', tells('users'));
  await site.module('service', tells('service'), `scope: 'component',`);
  await site.module('either', tells('either'), `scope: 'host',`);
  await site.modules.load(['users', 'either']);
  await site.component.load(['service', 'either']);
  await assert.rejects(site.modules.load(['service']), { code: 'MODULE_WRONG_SCOPE' });
  await assert.rejects(site.component.load(['users']), { code: 'MODULE_WRONG_SCOPE' });
  assert.equal(await site.modules.accepts('service'), false);
  assert.equal(await site.component.accepts('service'), true);
});

test('refuses a file that is not a module, or has the name of another', async (t) => {
  const site = await startSite(t);
  await site.write('empty.ts', 'export const name = 1;');
  await site.write('wrong.ts', moduleText('right', ''));
  for (const name of ['empty', 'wrong']) {
    await assert.rejects(site.modules.load([name]), { code: 'MODULE_INVALID', module: name });
  }
});

test('refuses a module that is written for another version of the API', async (t) => {
  const site = await startSite(t);
  await site.module('present', tells('present'), `apiVersion: ${API_VERSION},`);
  await site.module('future', tells('future'), `apiVersion: ${API_VERSION + 1},`);
  await site.modules.load(['present']);
  await assert.rejects(site.modules.load(['future']), {
    code: 'MODULE_API_VERSION',
    message: `the module "future" is written for version ${API_VERSION + 1} of the API of modules; this server has version ${API_VERSION} (docs/api-changes.md says what changed)`,
  });
  assert.deepEqual(told, ['present']);
});

const REGISTERS_EVERYTHING = `
  ${hears('heard')}
  module.observe('user-create', () => void told.push('observed'));
  module.handleIq({ type: 'get', to: ['host'], name: 'q', xmlns: 'urn:q' }, () => undefined);
  streams(module).handleNonza({ on: ['c2s'], name: 'n', xmlns: 'urn:n' }, () => undefined);
  module.provide('disco-feature', 'urn:q');
  module.command({ name: 'greet', summary: 'Says hello', args: {}, run: () => ({ text: 'hello' }) });
  module.after(1000, () => void told.push('after'));
  module.clock.after(1000, () => void told.push('clock'));
  module.every(1000, () => void told.push('every'));
  const iq = xml('iq', { type: 'get', from: 'montague.lit', to: 'capulet.lit' }, xml('q', 'urn:q'));
  module.spawn(module.sendIq(iq).catch((error) => { told.push(error.name); throw error; }));
`;

async function assertNothingLeft(site: Site, timers: number): Promise<void> {
  assert.deepEqual(heard(site), []);
  assert.equal(site.host.hooks.has('user-create'), false);
  const { xml } = await import('../../../src/xml/element.ts');
  assert.equal(site.host.iqHandlers.find('get', 'host', xml('q', 'urn:q')), undefined);
  assert.equal(site.host.nonzas.get('c2s', xml('n', 'urn:n')), undefined);
  assert.deepEqual(site.host.items.get('disco-feature'), []);
  assert.equal(site.commands.get('greet'), undefined);
  assert.equal(site.clock.pending, timers);
  await site.clock.advance(5_000);
  assert.deepEqual(told, []);
}

test('undoes all registrations of a module when it unloads', async (t) => {
  const site = await startSite(t);
  const timers = site.clock.pending;
  await site.module('everything', REGISTERS_EVERYTHING);
  await site.modules.load(['everything']);
  assert.deepEqual(heard(site), ['heard', 'observed']);
  assert.deepEqual(site.host.items.get('disco-feature'), ['urn:q']);
  assert.equal((await site.commands.run('greet', {}, { by: 'test' })).text, 'hello');
  await site.clock.advance(2_000);
  assert.deepEqual(told, ['heard', 'observed', 'after', 'clock', 'every', 'every']);
  assert.equal(site.sent.length, 1);
  told.length = 0;
  await site.modules.unload('everything');
  assert.deepEqual(told, ['AbortError'], 'the question that was waiting for its answer');
  await assertNothingLeft(site, timers);
});

test('a module that fails to load leaves nothing behind, nor do its dependencies', async (t) => {
  const site = await startSite(t);
  const timers = site.clock.pending;
  await site.module('floor', tells('floor'));
  await site.module('broken', `${REGISTERS_EVERYTHING} throw new Error('no bricks');`, `depends: ['floor'],`);
  await assert.rejects(site.modules.load(['broken']), {
    code: 'MODULE_LOAD_FAILED',
    message: 'the module "broken" failed to load on montague.lit: no bricks',
  });
  assert.deepEqual(told, ['floor', 'AbortError', '-floor']);
  assert.deepEqual(loadedNames(site), []);
  await assertNothingLeft(site, timers);
});

test('a module whose `load` rejects later is undone like one that throws', async (t) => {
  const site = await startSite(t);
  await site.module('late', `async ${hears('late')} await null; throw new Error('no');`);
  await assert.rejects(site.modules.load(['late']), { code: 'MODULE_LOAD_FAILED' });
  assert.deepEqual(heard(site), []);
});

test('undoes immediately what a module registers after it was unloaded', async (t) => {
  const site = await startSite(t);
  const timers = site.clock.pending;
  await site.module(
    'zombie',
    `${tells('alive')} module.onUnload(() => { setImmediate(() => { try { ${REGISTERS_EVERYTHING} } finally { told.push('risen'); } }); });`,
  );
  await site.modules.load(['zombie']);
  await site.modules.unload('zombie');
  await site.clock.advance(0);
  assert.deepEqual(told, ['alive', '-alive', 'risen', 'AbortError']);
  await assertNothingLeft(site, timers);
});

test('undoing runs backwards, and one failure does not keep the rest from being undone', async (t) => {
  const site = await startSite(t);
  await site.module(
    'stack',
    `for (const n of [1, 2, 3]) module.onUnload(async () => { await null; told.push(String(n)); if (n === 2) throw new Error('stuck'); });`,
  );
  await site.modules.load(['stack']);
  await site.modules.unload('stack');
  assert.deepEqual(told, ['3', '2', '1']);
  assertFaults(site.host.faults, { task: 1 });
});

test('refuses to unload a module that others need, and names them', async (t) => {
  const site = await startSite(t);
  await site.module('floor', tells('floor'));
  await site.module('wall', tells('wall'), `depends: ['floor'],`);
  await site.module('roof', tells('roof'), `depends: ['wall'],`);
  await site.modules.load(['roof']);
  await assert.rejects(site.modules.unload('floor'), {
    code: 'MODULE_IN_USE',
    message: 'the module "floor" is needed by wall, roof; unload these first',
  });
  await assert.rejects(site.modules.unload('cellar'), { code: 'MODULE_NOT_LOADED' });
  await site.modules.unload('roof');
  await site.modules.unload('wall');
  await site.modules.unload('floor');
  assert.deepEqual(loadedNames(site), []);
});

test('two simultaneous commands load a module once', async (t) => {
  const site = await startSite(t);
  await site.module(
    'slow',
    `async told.push('loading'); await new Promise((go) => setImmediate(go)); ${hears('slow')}`,
  );
  await Promise.all([site.modules.load(['slow']), site.modules.load(['slow'])]);
  assert.deepEqual(told, ['loading']);
  assert.deepEqual(heard(site), ['slow']);
  await Promise.all([site.modules.reload('slow'), site.modules.reload('slow'), site.modules.unload('slow')]);
  assert.deepEqual(heard(site), []);
});

test('two modules that handle the same request do not both load', async (t) => {
  const site = await startSite(t);
  const handles = `module.handleIq({ type: 'get', to: ['host'], name: 'q', xmlns: 'urn:q' }, () => undefined);`;
  await site.module('one', handles);
  await site.module('other', `${hears('other')} ${handles}`);
  await assert.rejects(site.modules.load(['one', 'other']), {
    code: 'MODULE_HANDLER_CONFLICT',
    message: /other and one both handle/,
  });
  assert.deepEqual(loadedNames(site), []);
  assert.deepEqual(heard(site), []);
});

test('a task of a timer may return anything, and only a promise is waited for', async (t) => {
  const site = await startSite(t);
  await site.module(
    'adder',
    `const seen = new Set(); module.after(1000, () => seen.add(1)); module.after(1000, async () => told.push('ran'));`,
  );
  await site.modules.load(['adder']);
  await site.clock.advance(1_000);
  assert.deepEqual(told, ['ran']);
  await site.modules.close();
});

// ── Reloading ──────────────────────────────────────────────────────────────────────────────────────────────────

test('a reload replaces a module by the newest text of its file', async (t) => {
  const site = await startSite(t);
  await site.module('one', hears('old'));
  await site.modules.load(['one']);
  assert.deepEqual(heard(site), ['old']);
  for (const word of ['new', 'newer']) {
    await site.module('one', hears(word));
    await site.modules.reload('one');
    assert.deepEqual(heard(site), [word]);
  }
});

test('a reload of a folder reads all its files anew, also where they go up and down in it', async (t) => {
  const site = await startSite(t);
  const write = async (word: string) => {
    await site.write(
      'deep/index.ts',
      `import { all } from './parts/all.ts'; ${moduleText('deep', "module.hook('user-create', () => void told.push(all()));")}`,
    );
    await site.write(
      'deep/parts/all.ts',
      `import { word } from '../word.ts'; import { more } from './more.ts'; export const all = () => word + more;`,
    );
    await site.write('deep/parts/more.ts', `export const more = ' and more ${word}';`);
    await site.write('deep/word.ts', `export const word = '${word}';`);
  };
  await write('one');
  await site.modules.load(['deep']);
  assert.deepEqual(heard(site), ['one and more one']);
  await write('two');
  await site.modules.reload('deep');
  assert.deepEqual(heard(site), ['two and more two']);
});

test('kept data survives a reload and ends with the module', async (t) => {
  const site = await startSite(t);
  const counts = `const kept = module.keep('count', () => ({ n: 0 })); kept.n++; told.push(String(kept.n));`;
  await site.module('counter', counts);
  await site.module('user', counts, `depends: ['counter'],`);
  await site.modules.load(['user']);
  await site.modules.reload('counter');
  assert.deepEqual(told, ['1', '1', '2', '2'], 'of the module and of its dependants');
  await site.modules.unload('user');
  await site.modules.load(['user']);
  assert.equal(told.at(-1), '1');
});

test('session state survives a reload: it is the session’s', async (t) => {
  const site = await startSite(t);
  const slot = `const slot = (session) => session.state;`;
  const counts = `module.hook('message/host', (event) => { const { state } = event.origin; state.n = (state.n ?? 0) + 1; told.push(String(state.n)); return 'handled'; });`;
  await site.module('counter', `${slot} ${counts}`);
  await site.modules.load(['counter']);
  const origin = { kind: 'c2s', state: {} };
  const event = { origin } as unknown as StanzaEvent;
  site.host.hooks.fire('message/host', event);
  await site.modules.reload('counter');
  site.host.hooks.fire('message/host', event);
  assert.deepEqual(told, ['1', '2']);
});

test('dependants are loaded again on top of the new module, in order', async (t) => {
  const site = await startSite(t);
  await site.module('floor', `${tells('floor 1')} return { level: 1 };`);
  await site.module('wall', `told.push('wall on ' + module.use('floor').level);`, `depends: ['floor'],`);
  await site.module('roof', tells('roof'), `depends: ['wall'],`);
  await site.module('tree', tells('tree'));
  await site.modules.load(['tree', 'roof']);
  await site.module('floor', `${tells('floor 2')} return { level: 2 };`);
  told.length = 0;
  await site.modules.reload('floor');
  assert.deepEqual(told, ['-roof', '-floor 1', 'floor 2', 'wall on 2', 'roof']);
});

test('keeps the running module when its new file cannot be read or does not load', async (t) => {
  const site = await startSite(t);
  await site.module('one', hears('old'));
  await site.module('user', hears('user'), `depends: ['one'],`);
  await site.modules.load(['user']);
  const broken = [
    ['MODULE_LOAD_FAILED', 'this is no program'],
    ['MODULE_INVALID', 'export default {};'],
    ['MODULE_LOAD_FAILED', moduleText('one', `${hears('new')} throw new Error('no');`)],
    ['MODULE_DEPENDENCY_MISSING', moduleText('one', hears('new'), `depends: ['nothing'],`)],
    ['MODULE_DEPENDENCY_CIRCULAR', moduleText('one', hears('new'), `depends: ['user'],`)],
    ['MODULE_WRONG_SCOPE', moduleText('one', hears('new'), `scope: 'component',`)],
  ] as const;
  for (const [code, text] of broken) {
    await site.write('one.ts', text);
    await assert.rejects(site.modules.reload('one'), { code }, text);
    assert.deepEqual(heard(site), ['old', 'user'], text);
  }
  await site.module('one', hears('new'));
  await site.modules.reload('one');
  assert.deepEqual(heard(site), ['new', 'user']);
});

test('a reload also loads a new dependency', async (t) => {
  const site = await startSite(t);
  await site.module('one', '');
  await site.module('extra', `return { word: 'extra' };`);
  await site.modules.load(['one']);
  await site.module('one', `told.push(module.use('extra').word);`, `depends: ['extra'],`);
  await site.modules.reload('one');
  assert.deepEqual(told, ['extra']);
});

test('a dependant that does not load again does not affect other modules', async (t) => {
  const site = await startSite(t);
  await site.module('floor', hears('floor'));
  await site.module(
    'weak',
    `if (module.keep('loads', () => ({ n: 0 })).n++ > 0) throw new Error('tired'); ${hears('weak')}`,
    `depends: ['floor'],`,
  );
  await site.module('on_weak', hears('on weak'), `depends: ['weak'],`);
  await site.module('strong', hears('strong'), `depends: ['floor'],`);
  await site.modules.load(['on_weak', 'strong']);
  await site.modules.reload('floor');
  assert.deepEqual(heard(site), ['floor', 'strong']);
  assert.deepEqual(loadedNames(site), ['floor', 'strong']);
});

test('loads a file that was corrected after it had failed to load', async (t) => {
  const site = await startSite(t);
  await site.write('one.ts', 'this is no program');
  await assert.rejects(site.modules.load(['one']), { code: 'MODULE_LOAD_FAILED' });
  await site.module('one', hears('mended'));
  await site.modules.load(['one']);
  assert.deepEqual(heard(site), ['mended']);
});

// ── Files ──────────────────────────────────────────────────────────────────────────────────────────────────────

test('modules of a site: one file or a folder, typed or not, and they replace our own', async (t) => {
  const site = await startSite(t);
  await site.module('file', tells('file'));
  await site.write('folder/index.ts', moduleText('folder', tells('folder')));
  await site.write(
    'plain.js',
    `import { defineModule } from 'enjamb/api'; export default defineModule({ name: 'plain', summary: '', load() { globalThis.told.push('plain'); } });`,
  );
  await site.module('ping', tells('own ping'));
  await site.modules.load(['file', 'folder', 'plain', 'ping']);
  assert.deepEqual(told, ['file', 'folder', 'plain', 'own ping']);
});

test('the errors of `enjamb/api` are the server’s own, wherever a module lies', async (t) => {
  const site = await startSite(t);
  const { StanzaError } = await import('../../../src/xml/errors.ts');
  await site.write(
    'same.ts',
    moduleText('same', `told.push(String(StanzaError === Reflect.get(globalThis, 'ours')));`).replace(
      'xml }',
      'xml, StanzaError }',
    ),
  );
  Object.assign(globalThis, { ours: StanzaError });
  await site.modules.load(['same']);
  assert.deepEqual(told, ['true']);
});

test('the names of all modules: ours and the site’s, and no other files', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'enjamb-modules-'));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'mine.ts'), '');
  await writeFile(join(folder, 'README.md'), '');
  await writeFile(join(folder, 'Bad-Name.ts'), '');
  await mkdir(join(folder, 'not_a_module'));
  const names = new ModuleFiles([folder, join(folder, 'missing')]).names();
  assert.ok(names.includes('mine') && names.includes('ping') && names.includes('dialback'));
  assert.ok(!names.some((name) => ['README', 'Bad-Name', 'not_a_module'].includes(name)));
});
