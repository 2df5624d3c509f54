// A changed configuration in a running server: what counts at once, and what waits for a restart.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { readConfig } from '../../../src/cli/configuration.ts';
import { makeDevelopmentCertificates } from '../../../src/net/dev-certificates.ts';
import { Server } from '../../../src/server.ts';
import { type Logger, silentLogger } from '../../../src/util/logger.ts';
import { TestServer } from '../../support/server.ts';
import { enjamb, QUIET, siteFolder, write } from './folder.ts';

const BASE = `${QUIET}c2s_require_encryption = false\nallow_unencrypted_plain_auth = true\nplugin_paths = ["plugins"]\n`;
const HOST = '[hosts."montague.lit"]\n';
const MODULES = 'modules_enabled = ["presence", "message", "ping", "nurse", "juliet"]\n';

/** Tells how often it was loaded, and with which option. */
const plugin = (name: string, more = '') => `
  import { defineModule, string } from 'enjamb/api';
  export default defineModule({
    name: '${name}',
    summary: 'Says a word',
    options: { ${name}_word: string('A word', { default: 'ay me' }) },
    ${more}
    load(module) {
      const loads = module.keep('loads', () => ({ count: 0 }));
      loads.count++;
      const run = () => ({ data: [loads.count, module.options.${name}_word] });
      module.command({ name: '${name}', summary: 'Says its word', args: {}, run });
    },
  });
`;

interface Line {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

class Site {
  readonly folder: string;
  readonly server: Server;
  readonly lines: Line[];

  constructor(folder: string, server: Server, lines: Line[]) {
    this.folder = folder;
    this.server = server;
    this.lines = lines;
  }

  get test(): TestServer {
    return new TestServer(this.server);
  }

  /** Writes another configuration and lets the server read it; answers with what was logged. */
  async reload(text: string): Promise<readonly Line[]> {
    write(this.folder, 'enjamb.toml', text);
    this.lines.length = 0;
    await this.server.reload(await readConfig(join(this.folder, 'enjamb.toml')));
    return this.lines.filter(({ message }) => message !== 'certificate problem' && message !== 'reloaded');
  }

  async says(module: string): Promise<unknown> {
    return (await this.server.commands.run(module, {}, { by: 'test' })).data;
  }

  get modules(): Promise<readonly unknown[]> {
    const listed = this.server.commands.run('module list', {}, { by: 'test' });
    return listed.then(({ rows = [] }) => rows.map(({ module }) => module));
  }
}

async function startSite(t: TestContext, text = `${BASE}${MODULES}${HOST}`): Promise<Site> {
  const folder = siteFolder(t, {
    'enjamb.toml': text,
    'plugins/nurse.ts': plugin('nurse'),
    'plugins/juliet.ts': plugin('juliet', "depends: ['nurse'],"),
  });
  const lines: Line[] = [];
  const server = new Server({ config: await readConfig(join(folder, 'enjamb.toml')), log: recorder(lines) });
  await server.start();
  t.after(() => server.stop());
  return new Site(folder, server, lines);
}

function recorder(lines: Line[]): Logger {
  const at =
    (level: string) =>
    (message: string, fields: object = {}) =>
      void lines.push({ level, message, fields: { ...fields } });
  const log: Logger = {
    debug: silentLogger.debug,
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => log,
  };
  return log;
}

const changes = (loaded: string[], unloaded: string[], reloaded: string[]): Line => ({
  level: 'info',
  message: 'modules changed',
  fields: { host: 'montague.lit', loaded, unloaded, reloaded },
});
const restart = (setting: string): Line => ({
  level: 'warn',
  message: 'setting needs a restart',
  fields: { setting },
});

test('a configuration that has not changed reloads nothing', async (t) => {
  const site = await startSite(t);
  assert.deepEqual(await site.reload(`${BASE}${MODULES}${HOST}`), []);
  assert.deepEqual(await site.says('nurse'), [1, 'ay me']);
});

test('a changed option reloads only its module and those that depend on it', async (t) => {
  const site = await startSite(t);
  const lines = await site.reload(`${BASE}${MODULES}nurse_word = "anon"\n${HOST}`);
  assert.deepEqual(lines, [changes([], [], ['nurse', 'juliet'])]);
  assert.deepEqual(
    [await site.says('nurse'), await site.says('juliet')],
    [
      [2, 'anon'],
      [2, 'ay me'],
    ],
  );
  await site.reload(`${BASE}${MODULES}nurse_word = "anon"\n${HOST}juliet_word = "where art thou"\n`);
  assert.deepEqual(
    [await site.says('nurse'), await site.says('juliet')],
    [
      [2, 'anon'],
      [3, 'where art thou'],
    ],
  );
});

test('modules added to or removed from the list are loaded or unloaded, also those of new folders', async (t) => {
  const site = await startSite(t);
  const before = await site.modules;
  write(site.folder, 'more/tybalt.ts', plugin('tybalt', "depends: ['time'],"));
  const paths = BASE.replace('["plugins"]', '["plugins", "more"]');
  const list = 'modules_enabled = ["presence", "message", "nurse", "tybalt"]\ntybalt_word = "peace?"\n';
  assert.deepEqual(await site.reload(`${paths}${list}${HOST}`), [
    changes(['time', 'tybalt'], ['ping', 'juliet'], []),
  ]);
  assert.deepEqual(await site.says('tybalt'), [1, 'peace?']);
  assert.deepEqual(await site.says('nurse'), [1, 'ay me']);
  await assert.rejects(site.says('juliet'), { code: 'unknown-command' });
  await site.reload(`${BASE}${MODULES}${HOST}`);
  assert.deepEqual([...(await site.modules)].sort(), [...before].sort());
});

test('clients stay connected during a reload, and use the reloaded modules', async (t) => {
  const site = await startSite(t);
  const romeo = await site.test.client('romeo@montague.lit/orchard');
  const juliet = await site.test.client('juliet@montague.lit/balcony');
  const lines = await site.reload(`${BASE}${MODULES}roster_max_items = 7\npresence_max_size = 2048\n${HOST}`);
  assert.deepEqual(lines, [changes([], [], ['roster', 'presence', 'message'])]);
  romeo.send(`<message to='juliet@montague.lit/balcony' type='chat'><body>It is my lady</body></message>`);
  await juliet.receives(
    `<message from='romeo@montague.lit/orchard' to='juliet@montague.lit/balcony' type='chat'><body>It is my lady</body></message>`,
  );
});

test('new demands of a host apply to connections after the reload', async (t) => {
  const site = await startSite(t);
  await site.reload(`${BASE.replace('allow_unencrypted_plain_auth = true\n', '')}${MODULES}${HOST}`);
  const features = await site.test.connect().open('montague.lit');
  const mechanisms = features.getChild('mechanisms', 'urn:ietf:params:xml:ns:xmpp-sasl')?.elements() ?? [];
  assert.equal(
    mechanisms.some((mechanism) => mechanism.text() === 'PLAIN'),
    false,
  );
});

test('each reload names the settings that need a restart, and applies the others', async (t) => {
  const site = await startSite(t);
  const text = BASE.replace('c2s_ports = []', 'c2s_ports = [15222]').replace('"memory"', '"sqlite"');
  const hosts = `${HOST}nurse_word = "anon"\n[hosts."capulet.lit"]\n[hosts."rooms.montague.lit"]\ncomponent = "muc"\n`;
  const expected = [
    restart('c2s_ports'),
    restart('storage'),
    restart('hosts."capulet.lit"'),
    restart('hosts."rooms.montague.lit"'),
  ];
  assert.deepEqual(await site.reload(`${text}${MODULES}${hosts}`), [
    ...expected,
    changes([], [], ['nurse', 'juliet']),
  ]);
  assert.deepEqual(await site.reload(`${text}${MODULES}${hosts}`), expected);
  const other = await site.reload(`${BASE}${MODULES}${HOST}component = "muc"\n`);
  assert.deepEqual(other, [restart('hosts."montague.lit".component')]);
  assert.deepEqual(await site.says('nurse'), [2, 'anon']);
});

test('a list of modules that cannot be loaded changes nothing', async (t) => {
  const site = await startSite(t);
  write(site.folder, 'plugins/paris.ts', plugin('paris', "depends: ['nobody'],"));
  const lines = await site.reload(
    `${BASE}nurse_word = "anon"\n${MODULES.replace('"ping"', '"paris"')}${HOST}`,
  );
  assert.deepEqual(
    lines.map(({ level, message, fields }) => [level, message, (fields.error as { code?: string }).code]),
    [['error', 'modules not changed', 'MODULE_DEPENDENCY_MISSING']],
  );
  assert.deepEqual(await site.says('nurse'), [1, 'ay me']);
  assert.ok((await site.modules).includes('ping'));
});

test('a module that fails to load with its new options stays unloaded, with those that need it', async (t) => {
  const site = await startSite(t);
  const strict = plugin('nurse').replace(
    'const run',
    `if (module.options.nurse_word === 'no') throw new Error('no'); const run`,
  );
  write(site.folder, 'plugins/nurse.ts', strict);
  await site.server.commands.run('module reload', { name: 'nurse' }, { by: 'test' });
  const lines = await site.reload(`${BASE}${MODULES}nurse_word = "no"\n${HOST}`);
  const failed = lines
    .filter(({ message }) => message === 'module not loaded')
    .map(({ fields }) => fields.module);
  assert.deepEqual(failed, ['nurse', 'juliet']);
  assert.ok((await site.modules).includes('ping'));
  await site.reload(`${BASE}${MODULES}nurse_word = "ay"\n${HOST}`);
  assert.deepEqual(await site.says('nurse'), [4, 'ay'], 'what was kept is still there');
});

/** `enjamb start` in a folder, once it is ready. */
async function started(t: TestContext, folder: string) {
  const main = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));
  const child = spawn(process.execPath, ['--conditions=source', main, 'start'], {
    cwd: folder,
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  t.after(() => child.kill('SIGKILL'));
  const log = createInterface({ input: child.stderr })[Symbol.asyncIterator]();
  const logged = async (word: string): Promise<string> => {
    for (let line = await log.next(); !line.done; line = await log.next())
      if (line.value.includes(word)) return line.value;
    return assert.fail(`the log ended without "${word}"`);
  };
  const [ready] = await once(child.stdout, 'data');
  return { child, logged, ready: String(ready) };
}

test('SIGHUP: the process applies the log level and options; with mistakes it changes nothing', async (t) => {
  const text = BASE.replace('"error"', '"warn"').replace('certificates = "certs"', 'certificates = "."');
  const folder = siteFolder(t, { 'enjamb.toml': `${text}modules_enabled = ["nurse"]\n${HOST}` });
  write(folder, 'plugins/nurse.ts', plugin('nurse'));
  const { child, logged } = await started(t, folder);
  write(
    folder,
    'enjamb.toml',
    `${text.replace('"warn"', '"info"')}nurse_word = "anon"\nmodules_enabled = ["nurse"]\n${HOST}`,
  );
  child.kill('SIGHUP');
  assert.match(await logged('modules changed'), /"reloaded":\["nurse"\]/);
  assert.deepEqual(JSON.parse((await enjamb(folder, 'nurse', '--json')).out), [2, 'anon']);
  write(folder, 'enjamb.toml', `${text}nurse_wort = "anon"\nmodules_enabled = ["nurse"]\n${HOST}`);
  child.kill('SIGHUP');
  assert.match(await logged('configuration not reloaded'), /did you mean \\"nurse_word\\"/);
  child.kill('SIGTERM');
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});

test('SIGHUP: an invalid certificate file is logged, and the certificate in use stays', async (t) => {
  const config = `${BASE}interfaces = ["127.0.0.1"]\n${HOST}`
    .replace('log_level = "error"', 'log_level = "warn"')
    .replace('c2s_direct_tls_ports = []', 'c2s_direct_tls_ports = [0]');
  const folder = siteFolder(t, { 'enjamb.toml': config });
  await makeDevelopmentCertificates(join(folder, 'certs'), ['montague.lit']);
  const { child, logged, ready } = await started(t, folder);
  const port = Number(/127\.0\.0\.1:(\d+)/.exec(ready)?.[1]);
  const shown = async (): Promise<string> => {
    const socket = connectTls({
      port,
      host: '127.0.0.1',
      servername: 'montague.lit',
      rejectUnauthorized: false,
    });
    await once(socket, 'secureConnect');
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  };
  const before = await shown();
  for (const file of globSync('certs/*.{crt,key,pem}', { cwd: folder })) write(folder, file, '\0garbage');
  child.kill('SIGHUP');
  assert.match(await logged('certificate problem'), /montague\.lit/);
  assert.equal(await shown(), before);
  child.kill('SIGTERM');
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});
