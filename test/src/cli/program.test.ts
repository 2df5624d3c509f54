// The command line, in this process where that tells the same, and as child processes where ending them matters.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { run } from '../../../src/cli/program.ts';

const MAIN = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));
const LAUNCHER = fileURLToPath(new URL('../../../bin/enjamb.js', import.meta.url));

/** No ports, no modules: what is tested is the way to the server. */
const CONFIG = `
certificates = "certs"
c2s_ports = []
c2s_direct_tls_ports = []
s2s_ports = []
s2s_direct_tls_ports = []
http_ports = []
https_ports = []
component_ports = []
modules_enabled = []
[hosts."a.example"]
[hosts."b.example"]
`;

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function folder(t: TestContext, config = CONFIG): string {
  const path = mkdtempSync(join(tmpdir(), 'enjamb-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  writeFileSync(join(path, 'enjamb.toml'), config);
  return path;
}

function launch(cwd: string, args: readonly string[], launcher = false) {
  const program = launcher ? [LAUNCHER] : ['--conditions=source', MAIN];
  return spawn(process.execPath, [...program, ...args], { cwd, env: { ...process.env, NODE_OPTIONS: '' } });
}

/** One run of the program in this process, on the configuration of a folder. */
async function enjamb(cwd: string, args: readonly string[], input = ''): Promise<Ended> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  stdin.end(input);
  const file = args.includes('-c') ? [] : ['-c', join(cwd, 'enjamb.toml')];
  const code = await run([...args, ...file], { stdin, stdout, stderr });
  const textOf = (stream: PassThrough) => (stream.read() as Buffer | null)?.toString() ?? '';
  return { code, out: textOf(stdout), err: textOf(stderr) };
}

/** The same in a process of its own, started in the folder. */
async function spawned(cwd: string, args: readonly string[]): Promise<Ended> {
  const child = launch(cwd, args);
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on('data', (data: Buffer) => out.push(data));
  child.stderr.on('data', (data: Buffer) => err.push(data));
  child.stdin.end();
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() };
}

/** A running server, past its `ready` line. */
async function running(t: TestContext, cwd: string, launcher = false) {
  const child = launch(cwd, ['start'], launcher);
  t.after(() => child.kill('SIGKILL'));
  const log: Buffer[] = [];
  child.stderr.on('data', (data: Buffer) => log.push(data));
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const lines = createInterface({ input: child.stdout });
  const first = once(lines, 'line').then(([line]) => line as string);
  const ready = await Promise.race([first, exited.then((code) => `exit ${code}: ${Buffer.concat(log)}`)]);
  assert.match(ready, /^ready /);
  return { child, exited, ready };
}

test('wrong usage ends with 2 and help on stderr, --help with 0 on stdout', async (t) => {
  const cwd = folder(t);
  const none = await spawned(cwd, []);
  assert.deepEqual([none.code, none.out], [2, '']);
  assert.match(none.err, /Usage: enjamb/);
  const help = await enjamb(cwd, ['--help']);
  assert.deepEqual([help.code, help.err], [0, '']);
  assert.match(help.out, /Usage: enjamb/);
  for (const words of ['start --fast', 'user add', 'user', 'check weather', 'module load', 's2s close']) {
    const wrong = await enjamb(cwd, words.split(' '));
    assert.deepEqual([wrong.code, wrong.out], [2, ''], words);
  }
});

test('a mistyped command gets a suggestion', async (t) => {
  const { code, err } = await enjamb(folder(t), ['usr', 'list']);
  assert.equal(code, 2);
  assert.match(err, /did you mean "user"\?/);
});

test('with mistakes in the configuration, every command exits with 1 and lists them on stderr', async (t) => {
  const cwd = folder(t, 'c2s_prots = [1]\n[hosts."a.example"]\nlog_level = "info"\n');
  for (const args of [['start'], ['user', 'list']]) {
    const { code, out, err } = await spawned(cwd, args);
    assert.deepEqual([code, out], [1, '']);
    assert.match(err, /enjamb\.toml:1:1: c2s_prots: .*\n.*did you mean "c2s_ports"/);
    assert.match(err, /enjamb\.toml:3:1: .*log_level/);
  }
});

test('a missing file given by -c is an error, not the built-in configuration', async (t) => {
  const { code, err } = await spawned(folder(t), ['user', 'list', '-c', 'other.toml']);
  assert.equal(code, 1);
  assert.match(err, /other\.toml/);
});

test('accounts without a running server: created, listed, changed and removed in the database', async (t) => {
  const cwd = folder(t);
  const added = await enjamb(cwd, ['user', 'add', 'Romeo@a.example', '--password-stdin'], 'pencil\n');
  assert.deepEqual([added.code, added.out], [0, 'romeo@a.example created\n']);
  assert.match(added.err, /No server is running/);
  assert.equal(statSync(join(cwd, 'data')).mode & 0o077, 0);

  const generated = await enjamb(cwd, ['user', 'add', 'juliet@b.example', '--generate', '--json']);
  assert.match(JSON.parse(generated.out).password, /^[\w-]{20}$/);

  assert.equal((await enjamb(cwd, ['user', 'disable', 'romeo@a.example'])).code, 0);
  const listed = await enjamb(cwd, ['user', 'list', '--json']);
  assert.deepEqual(JSON.parse(listed.out), [
    { jid: 'romeo@a.example', enabled: false },
    { jid: 'juliet@b.example', enabled: true },
  ]);

  assert.equal(
    (await enjamb(cwd, ['user', 'passwd', 'romeo@a.example', '--password-stdin'], 'pen\n')).code,
    0,
  );
  assert.equal((await enjamb(cwd, ['user', 'enable', 'romeo@a.example'])).code, 0);
  assert.equal((await enjamb(cwd, ['user', 'delete', 'juliet@b.example', '--yes'])).code, 0);
  const left = await enjamb(cwd, ['user', 'list']);
  assert.equal(left.out, 'JID              ENABLED\nromeo@a.example  yes\n');
});

test('accounts: impossible changes are refused with the reason', async (t) => {
  const cwd = folder(t);
  await enjamb(cwd, ['user', 'add', 'romeo@a.example', '--generate']);
  const cases: readonly (readonly [args: readonly string[], code: number, reason: RegExp])[] = [
    [['user', 'add', 'romeo@a.example', '--generate'], 1, /already exists/],
    [['user', 'add', 'romeo@c.example', '--generate'], 1, /the hosts with users are: a\.example, b\.example/],
    [['user', 'add', 'a.example', '--generate'], 2, /write it as user@a\.example/],
    [['user', 'add', 'x@a.example'], 2, /--password-stdin/],
    [['user', 'delete', 'nobody@a.example', '--yes'], 1, /there is no account/],
    [['user', 'list', '--host', 'c.example'], 1, /there is no host "c\.example" with users/],
  ];
  for (const [args, code, reason] of cases) {
    const ended = await enjamb(cwd, args);
    assert.deepEqual([ended.code, ended.out], [code, ''], args.join(' '));
    assert.match(ended.err, reason);
  }
});

test('a command that needs a running server fails without one', async (t) => {
  const cwd = folder(t);
  for (const words of [
    'user sessions',
    'module list',
    'module load ping',
    's2s list',
    'joins',
    'joins probe b.example',
    'joins forget romeo@a.example/orchard balcony@b.example',
    'components list',
    'metrics',
  ]) {
    const { code, err } = await enjamb(cwd, words.split(' '));
    assert.equal(code, 1, words);
    assert.match(err, /needs a running server, and no server uses the data directory/);
  }
});

test('with storage in memory there are no accounts while the server is stopped', async (t) => {
  const { code, err } = await enjamb(folder(t, `storage = "memory"\n${CONFIG}`), ['user', 'list']);
  assert.equal(code, 1);
  assert.match(err, /accounts exist only while one runs/);
});

test('check: each finding says what breaks; exit code 1 only when something does', async (t) => {
  const cwd = folder(t);
  const config = await enjamb(cwd, ['check', 'config', '--json']);
  assert.equal(config.code, 0);
  assert.equal(JSON.parse(config.out)[0].severity, 'ok');
  const all = await enjamb(cwd, ['check']);
  assert.equal(all.code, 1);
  assert.match(all.out, /WRONG {5}certs: .*a\.example/);
  assert.match(all.out, /ok {8}storage: there is no database/);
  const broken = await enjamb(folder(t, 'foo = 1\n'), ['check', '--json']);
  assert.equal(broken.code, 1);
  assert.equal(JSON.parse(broken.out).length, 2);
  const later = await enjamb(cwd, ['check', 'dns']);
  assert.deepEqual([later.code, later.out], [1, '']);
  assert.match(later.err, /yet; the checks are: config, certs, storage\n/);
});

test('a running server: ready on stdout, commands over the admin socket, an orderly stop', async (t) => {
  const cwd = folder(t);
  const { child, exited, ready } = await running(t, cwd);
  assert.equal(ready, 'ready a.example b.example; listening on no port');
  assert.equal(statSync(join(cwd, 'data', 'admin.sock')).mode & 0o777, 0o600);

  const added = await enjamb(cwd, ['user', 'add', 'romeo@a.example', '--generate']);
  assert.deepEqual([added.code, added.err], [0, '']);
  const listed = await enjamb(cwd, ['user', 'list', '--json']);
  assert.equal(JSON.parse(listed.out)[0].jid, 'romeo@a.example');
  assert.equal((await enjamb(cwd, ['user', 'sessions', '--json'])).out, '[]\n');
  const modules = await enjamb(cwd, ['module', 'list', '--json']);
  assert.deepEqual(
    JSON.parse(modules.out).map(({ host, module }: Record<string, string>) => `${host} ${module}`),
    ['a.example saslauth', 'b.example saslauth'],
  );
  assert.equal((await enjamb(cwd, ['module', 'load', 'nothing'])).code, 1);
  const unknown = await enjamb(cwd, ['weather']);
  assert.deepEqual([unknown.code, unknown.out], [2, '']);

  const second = await spawned(cwd, ['start']);
  assert.deepEqual([second.code, second.out], [1, '']);
  assert.match(second.err, /another server is using this data directory/);
  assert.doesNotMatch(second.err, /\n +at /, 'a sentence, and no stack');

  child.kill('SIGTERM');
  assert.equal(await exited, 0);
  const after = await enjamb(cwd, ['user', 'list', '--json']);
  assert.deepEqual(JSON.parse(after.out), [{ jid: 'romeo@a.example', enabled: true }]);
});

test('the launcher passes signals on, and the exit code back', async (t) => {
  const cwd = folder(t);
  const { child, exited } = await running(t, cwd, true);
  child.kill('SIGINT');
  assert.equal(await exited, 0);
  const refused = launch(cwd, ['s2s', 'list'], true);
  assert.equal((await once(refused, 'exit'))[0], 1);
});

test('SIGHUP does not apply a configuration with mistakes', async (t) => {
  const cwd = folder(t);
  const { child, exited } = await running(t, cwd);
  writeFileSync(join(cwd, 'enjamb.toml'), 'foo = 1\n');
  const complaint = new Promise<void>((resolve) => {
    const log: Buffer[] = [];
    child.stderr.on('data', (data: Buffer) => {
      log.push(data);
      if (Buffer.concat(log).includes('configuration not reloaded')) resolve();
    });
  });
  child.kill('SIGHUP');
  await complaint;
  writeFileSync(join(cwd, 'enjamb.toml'), CONFIG);
  assert.equal((await enjamb(cwd, ['user', 'list'])).code, 0);
  child.kill('SIGTERM');
  assert.equal(await exited, 0);
});
