// Messages that an administrator can meet, provoked for real and written into messages.snapshot.txt, where they can be read in
// one place. After a change: node --conditions=source --test --test-update-snapshots test/src/cli/messages.test.ts

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { DAY_MS, makeCertificate } from '../net/certificate-fixture.ts';
import { type Ended, enjambReading, QUIET, siteFolder, write } from './folder.ts';

const MAIN = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const SNAPSHOT = join(import.meta.dirname, 'messages.snapshot.txt');
/** Nothing listens, and no DNS server answers. */
const CONFIG = `${QUIET.replace('storage = "memory"', 'dns_servers = ["127.0.0.1:1"]').replace('"error"', '"warn"')}
admins = ["ann@a.example"]
[hosts."a.example"]
[hosts."b.example"]
[hosts."rooms.a.example"]
component = "muc"
`;
const expired = makeCertificate({
  dns: ['b.example'],
  from: Date.now() - 400 * DAY_MS,
  until: Date.now() - 30 * DAY_MS,
});
const { cert, key } = makeCertificate({
  dns: ['a.example', 'rooms.a.example'],
  until: Date.now() + 5.5 * DAY_MS,
});

/** The text of the snapshot, one section after the other. */
class Report {
  readonly #parts: string[] = [];
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  heading(title: string): void {
    this.#parts.push(`\n==== ${title}\n`);
  }

  add(title: string, lines: readonly string[]): void {
    this.#parts.push(`\n-- ${title}`, ...lines.map((line) => (line === '' ? '' : `   ${this.#same(line)}`)));
  }

  /** Runs a command, and shows what it prints. `typed`: on a terminal. */
  async run(title: string, words: readonly string[], input = '', isTTY = false): Promise<void> {
    const ended: Ended = await enjambReading({ text: input, isTTY }, this.folder, ...words);
    const shown = words.map(quoted).join(' ');
    const output = `${ended.err}${ended.out}`.trimEnd().split('\n');
    this.add(title, [`$ enjamb ${shown}`, ...output, `[exit code ${ended.code}]`]);
  }

  get text(): string {
    return `${this.#parts.join('\n').trim()}\n`;
  }

  /** The same on every machine, at any time. */
  #same(line: string): string {
    return line
      .replaceAll(this.folder, '/srv/enjamb')
      .replaceAll(ROOT, '/usr/lib/enjamb/')
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '2026-11-28T12:00:00.000Z')
      .replaceAll(/\d{4}-\d\d-\d\d(?!T)/g, '2026-11-28')
      .replaceAll(/"pid":\d+/g, '"pid":1')
      .replaceAll(/port \d{5}\b/g, 'port 5222')
      .replaceAll(/password: \S{20}$/g, 'password: (20 characters)');
  }
}

function site(t: TestContext): string {
  const folder = siteFolder(t, {
    'enjamb.toml': CONFIG,
    'certs/a.example.crt': cert,
    'certs/a.example.key': key,
    'certs/b.example.crt': expired.cert,
    'certs/b.example.key': expired.key,
  });
  for (const name of ['a.example', 'b.example']) chmodSync(join(folder, `certs/${name}.key`), 0o600);
  chmodSync(folder, 0o755); // Otherwise the modes below would not matter.
  return folder;
}

/** A server in a process of its own, until it prints `ready` or ends. */
async function launch(t: TestContext, folder: string) {
  const child = spawn(process.execPath, ['--conditions=source', MAIN, 'start', '-c', 'enjamb.toml'], {
    cwd: folder,
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  t.after(() => child.kill('SIGKILL'));
  const stderr = text(child.stderr);
  const closed = once(child, 'close').then(([code]) => code as number);
  const ready = once(createInterface({ input: child.stdout }), 'line');
  await Promise.race([ready, closed]);
  return { child, stderr, closed };
}

/** As it would be typed into a shell. */
function quoted(word: string): string {
  if (word.includes("'")) return `"${word}"`;
  return /[^\w@.=/-]/.test(word) ? `'${word}'` : word;
}

/** The log as it looks on a terminal, without times. */
function readable(log: string): readonly string[] {
  const lines = log.trim().split('\n');
  return lines.map((line) => {
    if (!line.startsWith('{')) return line;
    const { level, time: _, msg, ...fields } = JSON.parse(line) as Record<string, string>;
    const rest = Object.entries(fields).map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
    return [`${String(level).toUpperCase()} ${msg}`, ...rest].join(' | ');
  });
}

async function fails(t: TestContext, report: Report, title: string): Promise<void> {
  const { stderr, closed } = await launch(t, report.folder);
  const code = await closed;
  report.add(title, ['$ enjamb start', ...readable(await stderr), `[exit code ${code}]`]);
}

async function wrongFiles(report: Report): Promise<void> {
  report.heading('Configuration files');
  const mistakes: readonly (readonly [title: string, text: string])[] = [
    ['a key twice', 'log_level = "info"\nc2s_ports = [1]\nlog_level = "warn"\n[hosts."a.example"]\n'],
    ['a host twice', '[hosts."a.example"]\n[hosts."a.example"]\n'],
    ['text without quotes', '[hosts."a.example"]\ncomponent = muc\n'],
    ['a list that does not end', 'interfaces = ["*"\n[hosts."a.example"]\n'],
    ['no host', 'log_level = "info"\n'],
    [
      'several mistakes',
      'c2s_prots = [1]\nlog_level = "inf"\nadmins = ["ann", "d\'artagnan@a.example"]\nhttp_ports = [5280]\nmodules_enabled = ["smack"]\nc2s_ports = [5269]\nping_muc_delay = -1\n[hosts."a.example"]\nc2s_ports = [1]\n[hosts."p.a.example"]\ncomponent = "pubsub"\n[hosts."x.a.example"]\ncomponent = "external"\n',
    ],
  ];
  for (const [title, content] of mistakes) {
    write(report.folder, 'enjamb.toml', content);
    await report.run(title, ['user', 'list']);
  }
  write(
    report.folder,
    'enjamb.toml',
    `${CONFIG.replace('"warn"', '"warn"\ns2s_secure_auth = false\nlimits = false\nallow_unencrypted_plain_auth = true')}admins = ["eve@evil.example"]\nmodules_disabled = ["muc", "disco"]\n`.replace(
      'admins = ["ann@a.example"]',
      'admins = ["ann@a.example", "eve@evil.example"]',
    ),
  );
  await report.run('doubtful settings, an expired certificate and one that expires soon', ['check']);
  write(report.folder, 'enjamb.toml', CONFIG);
}

async function wrongUsage(report: Report): Promise<void> {
  report.heading('Wrong usage');
  await report.run('no argument', ['s2s', 'close']);
  await report.run('an unknown option', ['start', '--fast']);
  await report.run('an unknown subcommand', ['user', 'ad']);
  await report.run('an unknown command, without a server', ['usr', 'list']);
  await report.run('an unknown check', ['check', 'cert']);
  await report.run('a check of a later version', ['check', 'dns']);
  await report.run('no password to read', ['user', 'add', 'bob@a.example']);
  await report.run('two sources of the password', [
    'user',
    'add',
    'bob@a.example',
    '--generate',
    '--password-stdin',
  ]);
}

async function accounts(report: Report): Promise<void> {
  report.heading('Accounts');
  const add = (title: string, jid: string, ...more: string[]) =>
    report.run(title, ['user', 'add', jid, '--generate', ...more]);
  await add('a new administrator', 'bob@a.example', '--admin');
  await add('one who is an administrator already', 'ann@a.example', '--admin');
  await add('an account that exists', 'bob@a.example');
  await add('no domain', 'bob');
  await add('a host', 'a.example');
  await add('another host', 'bob@c.example');
  await add('a forbidden character', "d'artagnan@a.example");
  await add('a resource', 'bob@a.example/phone');
  await add('a character outside the rules', '♥@a.example');
  for (const [title, password] of [
    ['an empty password', ''],
    ['a password that is too long', 'x'.repeat(1025)],
    ['a password with a control character', 'a\u0007b'],
  ] as const)
    await report.run(title, ['user', 'passwd', 'bob@a.example', '--password-stdin'], `${password}\n`);
  await report.run('deletion without a terminal', ['user', 'delete', 'bob@a.example']);
  await report.run('deletion, not confirmed', ['user', 'delete', 'bob@a.example'], 'n\n', true);
  await report.run('deletion', ['user', 'delete', 'bob@a.example', '--yes']);
  await report.run('an account that does not exist', ['user', 'disable', 'carl@a.example']);
  await report.run('what needs a running server', ['s2s', 'list']);
}

async function failedStarts(t: TestContext, report: Report): Promise<void> {
  report.heading('A server that does not start');
  const { folder } = report;
  write(folder, 'enjamb.toml', `data_path = "file/data"\n${CONFIG}`);
  write(folder, 'file', '');
  await fails(t, report, 'a data directory that cannot be created');
  write(folder, 'enjamb.toml', `data_path = "${'long'.repeat(30)}"\n${CONFIG}`);
  await fails(t, report, 'a path that is too long for the admin socket');
  write(folder, 'enjamb.toml', `data_path = "data2"\n${CONFIG}`);
  write(folder, 'data2/admin.sock', '');
  await fails(t, report, 'another file in the place of the admin socket');
  write(folder, 'enjamb.toml', `data_path = "data3"\n${CONFIG}`);
  write(folder, 'data3/enjamb.sqlite', 'this is not a database, whatever its name is '.repeat(30));
  chmodSync(join(folder, 'data3'), 0o700);
  await fails(t, report, 'a damaged database');
  await report.run('the same, checked', ['check', 'storage']);
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.after(() => taken.close());
  const { port } = taken.address() as { port: number };
  const ports = `data_path = "data4"\ninterfaces = ["127.0.0.1"]\n${CONFIG.replace('c2s_ports = []', `c2s_ports = [${port}]`)}`;
  write(folder, 'enjamb.toml', ports);
  await fails(t, report, 'a port that is taken');
  write(folder, 'plugins/broken.ts', 'export default { name: "other" };');
  write(
    folder,
    'plugins/lonely.ts',
    'export default { name: "lonely", summary: "x", depends: ["nobody"], load() {} };',
  );
  write(folder, 'plugins/failing.ts', 'throw new Error("no database of jokes");');
  for (const name of ['broken', 'lonely', 'failing']) {
    write(folder, 'enjamb.toml', `plugin_paths = ["plugins"]\nmodules_enabled = ["${name}"]\n${CONFIG}`);
    await report.run(`a module that cannot be used: ${name}`, ['check', 'config']);
  }
  write(folder, 'enjamb.toml', CONFIG);
}

async function runningServer(t: TestContext, report: Report): Promise<void> {
  report.heading('A running server');
  const { folder } = report;
  mkdirSync(join(folder, 'data'), { recursive: true });
  chmodSync(join(folder, 'data'), 0o755);
  chmodSync(join(folder, 'certs'), 0o755);
  chmodSync(join(folder, 'certs/a.example.key'), 0o644);
  const { child, stderr, closed } = await launch(t, folder);
  await fails(t, report, 'a second server on the same data');
  await report.run('an unknown command', ['wether']);
  await report.run('an account that does not exist', ['user', 'sessions', 'x@elsewhere.example']);
  await report.run('a server that cannot be looked up', ['s2s', 'ping', 'away.example']);
  await report.run('the link to it', ['s2s', 'list', 'away.example']);
  await report.run('a link that is not there', ['s2s', 'close', 'nowhere.example']);
  await report.run('no link', ['s2s', 'list', 'nowhere.example']);
  await report.run('a name that is no domain', ['s2s', 'ping', 'no domain']);
  await report.run('no join', ['joins', 'nobody@b.example']);
  await report.run('a domain without joins', ['joins', 'probe', 'nowhere.example']);
  await report.run('a join that is not there', [
    'joins',
    'forget',
    'ann@a.example/x',
    'hall@nowhere.example',
  ]);
  await report.run('a client of nobody here', ['joins', 'forget', 'ann@c.example/x', 'hall@nowhere.example']);
  await report.run('an unknown module', ['module', 'load', 'pign']);
  await report.run('a module that is loaded', ['module', 'load', 'ping']);
  await report.run('a module that is not loaded', ['module', 'unload', 'weather']);
  await report.run('a module that others need', ['module', 'unload', 'disco']);
  await report.run('an unknown host', ['module', 'reload', 'ping', '--host', 'c.example']);
  await report.run('a room without a name', ['rooms', 'create', 'rooms.a.example', 'ann@a.example']);
  await report.run('a room elsewhere', ['rooms', 'show', 'hall@elsewhere.example']);
  await report.run('a room that does not exist', ['rooms', 'destroy', 'hall@rooms.a.example', '--yes']);
  await report.run('a room, not confirmed', ['rooms', 'destroy', 'hall@rooms.a.example']);
  await report.run('too many words', ['rooms', 'list', 'all']);
  await report.run('an unknown option', ['rooms', 'list', '--size']);
  await report.run('help of a command of a module', ['rooms', 'destroy', '--help']);
  write(folder, 'enjamb.toml', 'log_level = "loud"\n[hosts."a.example"]\nadmins = ["ann"]\n');
  child.kill('SIGHUP');
  await untilLogged(child, 'configuration not reloaded');
  write(folder, 'enjamb.toml', CONFIG.replace('c2s_ports = []', 'c2s_ports = [0]'));
  child.kill('SIGHUP');
  await untilLogged(child, 'setting needs a restart');
  child.kill('SIGTERM');
  await closed;
  report.add('its log', readable(await stderr));
}

/** More of the same reload may follow it. */
async function untilLogged(child: ReturnType<typeof spawn>, message: string): Promise<void> {
  for (let seen = ''; !seen.includes(message); ) {
    const [data] = (await once(child.stderr!, 'data')) as [Buffer];
    seen += data.toString();
  }
}

test('all messages for administrators are in messages.snapshot.txt', async (t) => {
  const report = new Report(site(t));
  await wrongFiles(report);
  await wrongUsage(report);
  await accounts(report);
  await failedStarts(t, report);
  await runningServer(t, report);
  assert.doesNotMatch(report.text, /\n {3}\s+at .*\.ts:\d+/, 'sentences, no stacks');
  t.assert.fileSnapshot(report.text, SNAPSHOT, { serializers: [(value: unknown) => String(value)] });
});
