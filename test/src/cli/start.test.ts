// What `enjamb start` warns of before it is ready, so that a useless or open server is noticed on the first day.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makeCertificate } from '../net/certificate-fixture.ts';
import { enjamb, QUIET, siteFolder } from './folder.ts';

const MAIN = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));
const CONFIG = QUIET.replace('storage = "memory"', 'modules_enabled = []').replace('"error"', '"warn"');
const { cert, key } = makeCertificate({ dns: ['a.example'] });

interface Line {
  readonly level: string;
  readonly msg: string;
  readonly problem?: string;
  readonly todo?: string;
}

function site(t: TestContext, hosts: string): string {
  const folder = siteFolder(t, {
    'enjamb.toml': `${CONFIG}${hosts}`,
    'certs/a.example.crt': cert,
    'certs/a.example.key': key,
  });
  chmodSync(join(folder, 'certs/a.example.key'), 0o600);
  for (const path of ['', 'certs']) chmodSync(join(folder, path), 0o755);
  return folder;
}

/** What the log has when the server prints `ready`. */
async function warningsAtStart(t: TestContext, folder: string): Promise<readonly Line[]> {
  const args = ['--conditions=source', MAIN, 'start', '-c', join(folder, 'enjamb.toml')];
  const child = spawn(process.execPath, args, { env: { ...process.env, NODE_OPTIONS: '' } });
  t.after(() => child.kill('SIGKILL'));
  const log: Buffer[] = [];
  child.stderr.on('data', (data: Buffer) => log.push(data));
  const [ready] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  assert.match(ready, /^ready /);
  child.kill('SIGTERM');
  await once(child, 'close');
  return Buffer.concat(log)
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
}

test('reports a host without a certificate before the server is ready', async (t) => {
  const folder = site(t, '[hosts."a.example"]\n[hosts."b.example"]\n');
  const [line, ...others] = await warningsAtStart(t, folder);
  assert.deepEqual([line?.level, line?.msg, others.length], ['error', 'certificate problem', 0]);
  assert.equal(
    line?.problem,
    `No certificate in ${join(folder, 'certs')} names b.example (there: ${join(folder, 'certs/a.example.crt')}), so clients and servers cannot connect to it with TLS. Order one for it, or add the name to an existing one, and put the files there as b.example.crt and b.example.key.`,
  );
});

test('warns about data and keys that other users of the machine can read, with the command that helps', async (t) => {
  const folder = site(t, '[hosts."a.example"]\n');
  const [data, privateKey] = [join(folder, 'data'), join(folder, 'certs/a.example.key')];
  mkdirSync(data);
  await enjamb(folder, 'user', 'add', 'ann@a.example', '--generate');
  chmodSync(data, 0o755);
  chmodSync(join(data, 'enjamb.sqlite'), 0o644);
  chmodSync(privateKey, 0o644);
  const expected = [
    [
      `other users of this machine can open the data directory ${data} (mode 755), and open enjamb.sqlite (mode 644) in it`,
      `chmod -R go= ${data}`,
    ],
    [
      `other users of this machine can read the private key ${privateKey} (mode 644) and impersonate this server`,
      `chmod o= ${privateKey}`,
    ],
  ];
  // The journal files of the database have its mode.
  const shown = ({ problem = '', todo }: Pick<Line, 'problem' | 'todo'>) => [
    problem.replaceAll(/, enjamb\.sqlite-(wal|shm) \(mode 644\)/g, ''),
    todo,
  ];
  const logged = await warningsAtStart(t, folder);
  assert.deepEqual(logged.map(shown), expected);
  assert.deepEqual(new Set(logged.map(({ msg }) => msg)), new Set(['file is open to others']));
  const checked = JSON.parse((await enjamb(folder, 'check', '--json')).out) as {
    severity: string;
    message: string;
    todo: string;
  }[];
  const doubtful = checked.filter(({ severity }) => severity === 'warning');
  assert.deepEqual(
    new Set(doubtful.map(({ message, todo }) => shown({ problem: message, todo }).join(' '))),
    new Set(expected.map((row) => row.join(' '))),
  );
});

test('the modes of files in a private directory do not matter', async (t) => {
  const folder = site(t, '[hosts."a.example"]\n');
  mkdirSync(join(folder, 'data'));
  chmodSync(join(folder, 'data'), 0o755);
  chmodSync(join(folder, 'certs/a.example.key'), 0o644);
  chmodSync(folder, 0o700);
  assert.deepEqual(await warningsAtStart(t, folder), []);
});

test('a private data directory and keys that a group shares are fine', async (t) => {
  const folder = site(t, '[hosts."a.example"]\n');
  chmodSync(join(folder, 'certs/a.example.key'), 0o640);
  assert.deepEqual(await warningsAtStart(t, folder), []);
});
