// The server runs as a user without privileges, and loses the permission to read or write its own files. Users talk
// before, during and after. No accepted message is lost, and the server recovers by itself.

import assert from 'node:assert/strict';
import { chmod, chown, mkdir, open, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { makeDevelopmentCertificates } from '../../../src/net/dev-certificates.ts';
import { atEnd, temporaryFolder } from '../../support/clean-up.ts';
import { ENJAMB, HOME } from '../support/addresses.ts';
import { enjambIn } from '../support/enjamb.ts';
import { run } from '../support/program.ts';
import { homeLogin } from '../support/world.ts';
import { BENVOLIO, endsUnharmed, ROMEO, says } from './scene.ts';
import { Letters, MERCUTIO, type Site, site } from './site.ts';

const LIMIT = { timeout: 120_000 };
/** Debian's "nobody". */
const NOBODY = 65_534;
const AS_NOBODY = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--'];
const CHECKOUT = fileURLToPath(new URL('../../..', import.meta.url));
/** On a disk, where files can be made immutable; the folder of the system may be in memory. */
const ON_DISK = '/var/tmp';
const DENIED =
  'no permission; make the user that runs the server the owner of data_path and of all files in it';

test('EPERM: stanzas that cannot be stored are returned, accepted ones are kept', LIMIT, async (t) => {
  const { enjamb, romeo, benvolio, mercutio, folder } = await nobodysSite(t);
  const data = join(folder, 'data');
  assert.ok(await canFreeze(folder), `the file system of ${ON_DISK} has immutable files`);
  const letters = new Letters(romeo);
  await letters.send(20);
  await whileFrozen(data, async () => {
    await letters.send(20);
    await says(romeo, [benvolio, BENVOLIO], 'who is here hears me');
    await benvolio.logout();
    await benvolio.login(homeLogin('benvolio'));
    await says(benvolio, [romeo, ROMEO], 'and gets in');
  });
  await letters.send(20);
  assert.deepEqual(letters.returned, numbers(20, 40));
  assert.deepEqual(letters.conditions, ['internal-server-error']);
  await enjamb.kill9();
  await enjamb.start();
  await letters.assertDelivered(mercutio);
  await enjamb.stop();
});

test(
  'EACCES: a running server keeps its open files, and starts again when it owns them',
  LIMIT,
  async (t) => {
    const { enjamb, romeo, benvolio, mercutio, folder, checkout } = await nobodysSite(t);
    const data = join(folder, 'data');
    const letters = new Letters(romeo);
    await letters.send(20);
    await give(data, 0);
    await letters.send(20);
    await says(romeo, [benvolio, BENVOLIO], 'who is here hears me');
    assert.deepEqual(letters.returned, []);
    await enjamb.kill9();
    const { code, stderr } = await startAsNobody(join(folder, 'enjamb.toml'), checkout);
    assert.equal(code, 1);
    assert.equal(stderr, `enjamb: cannot read the data directory ${data}: ${DENIED}\n`);
    await give(data, NOBODY);
    await enjamb.start();
    await letters.assertDelivered(mercutio);
    await endsUnharmed({ enjamb });
  },
);

test('EACCES: certificates that are unreadable stay in use until they are readable', LIMIT, async (t) => {
  const { enjamb, romeo, benvolio, mercutio, certificates } = await nobodysSite(t);
  const [cert, key] = ['crt', 'key'].map((ending) => join(certificates, `${HOME}.${ending}`)) as [
    string,
    string,
  ];
  const first = await fingerprint();
  for (const [path, isDenied] of [
    [key, `The key ${key} of ${cert} cannot be read: no permission. `],
    [certificates, `The certificates directory ${certificates} cannot be read (no permission): `],
  ] as const) {
    await chmod(path, 0);
    await enjamb.reload();
    await enjamb.logged(({ problem }) => String(problem).startsWith(isDenied), 5_000);
    assert.equal(await fingerprint(), first);
  }
  await mercutio.login(homeLogin('mercutio'));
  await says(romeo, [mercutio, MERCUTIO], 'welcome');
  await chmod(certificates, 0o755);
  for (const file of [cert, key]) await rm(file);
  await makeDevelopmentCertificates(certificates, [HOME]);
  await chown(key, NOBODY, NOBODY);
  await enjamb.reload();
  assert.notEqual(await fingerprint(), first);
  await mercutio.logout();
  await mercutio.login(homeLogin('mercutio'));
  await says(benvolio, [mercutio, MERCUTIO], 'welcome back');
  await enjamb.stop();
});

test('EACCES: the server does not start, and prints why', LIMIT, async (t) => {
  const top = await openFolder(t);
  const checkout = await visibleCheckout(t);
  const data = join(top, 'data');
  const file = join(top, 'enjamb.toml');
  const quiet = [
    'c2s_ports',
    'c2s_direct_tls_ports',
    's2s_ports',
    's2s_direct_tls_ports',
    'http_ports',
    'https_ports',
  ];
  const lines = [`data_path = ${JSON.stringify(data)}`, ...quiet.map((option) => `${option} = []`)];
  await writeFile(file, [...lines, 'log_level = "error"', `[hosts."${HOME}"]`, ''].join('\n'));
  const says = async (sentence: string) => {
    const { code, stderr } = await startAsNobody(file, checkout);
    assert.equal(code, 1);
    const told = stderr.split('\n').filter((line) => !line.startsWith('{'));
    assert.equal(told[0], `enjamb: ${sentence}`);
    assert.doesNotMatch(stderr, /^\s+at /m, 'no stack');
  };
  await says(`cannot create the data directory ${data}: ${DENIED}`);
  await mkdir(data, { mode: 0o755 });
  await says(`cannot create the admin socket ${join(data, 'admin.sock')}: ${DENIED}`);
  await chmod(data, 0o700);
  await says(`cannot read the data directory ${data}: ${DENIED}`);
  await chown(data, NOBODY, NOBODY);
  for (const name of ['enjamb.sqlite', 'enjamb.sqlite-wal']) {
    const path = join(data, name);
    await writeFile(path, '', { mode: 0o600 });
    await says(`Cannot open ${path}: ${DENIED}`);
    await chown(path, NOBODY, NOBODY);
  }
  await chmod(file, 0o600);
  await says(`no permission to read the configuration ${file}`);
});

/** All files are those of the unprivileged user, who alone may read them. */
async function nobodysSite(t: TestContext): Promise<Site & { readonly checkout: string }> {
  const checkout = await visibleCheckout(t);
  const there = await site(t, {
    checkout,
    parent: ON_DISK,
    prefix: AS_NOBODY,
    before: async ({ folder, certificates }) => {
      await chmod(dirname(folder), 0o755);
      await mkdir(join(folder, 'data'));
      for (const path of [join(folder, 'data'), certificates]) await give(path, NOBODY);
      await chmod(certificates, 0o755); // The clients trust an authority in there.
    },
  });
  return { ...there, checkout };
}

/** This checkout at a path that all users of the machine can reach, even if it is in the home of root. */
async function visibleCheckout(t: TestContext): Promise<string> {
  const folder = join(await openFolder(t), 'checkout');
  await mkdir(folder);
  const { code, stderr } = await run('mount', ['--bind', '-o', 'ro', CHECKOUT, folder]);
  assert.equal(code, 0, `mount (as root?): ${stderr}`);
  atEnd(t, () => run('umount', ['--lazy', folder]));
  return folder;
}

async function openFolder(t: TestContext): Promise<string> {
  const folder = await temporaryFolder(t);
  await chmod(folder, 0o755);
  return folder;
}

async function startAsNobody(
  file: string,
  checkout: string,
): Promise<{ code: number | null; stderr: string }> {
  const [command = '', ...args] = [...AS_NOBODY, ...enjambIn(checkout), 'start', '-c', file];
  return run(command, args);
}

/** Gives the folder and its files to this user, and closes them to all others. */
async function give(folder: string, user: number): Promise<void> {
  for (const name of await readdir(folder)) await chown(join(folder, name), user, user);
  await chown(folder, user, user);
  await chmod(folder, 0o700);
}

/**
 * During the test, no process can write the database and its log, even through an open descriptor. Its shared memory
 * stays: Linux ends a process that writes to a mapped file when that has become immutable.
 */
async function whileFrozen(folder: string, scene: () => Promise<void>): Promise<void> {
  await attribute('+i', folder);
  try {
    await scene();
  } finally {
    await attribute('-i', folder);
  }
}

async function attribute(change: string, folder: string): Promise<boolean> {
  const names = (await readdir(folder)).filter((name) => /^enjamb\.sqlite(-wal)?$/.test(name));
  const { code } = await run('chattr', [change, ...names.map((name) => join(folder, name))]);
  return code === 0;
}

/** Some file systems do not have this attribute, others check it only at opening. */
async function canFreeze(folder: string): Promise<boolean> {
  const probe = join(folder, 'probe');
  await mkdir(probe);
  const file = await open(join(probe, 'enjamb.sqlite'), 'w');
  const isSet = await attribute('+i', probe);
  const isRefused = await file.write('x').then(
    () => false,
    () => true,
  );
  await file.close();
  await attribute('-i', probe);
  await rm(probe, { recursive: true });
  return isSet && isRefused;
}

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

/** The fingerprint of the certificate that new connections get. */
function fingerprint(): Promise<string> {
  const { address: host, c2sDirectTls: port } = ENJAMB;
  return new Promise((resolve, reject) => {
    const options = {
      host,
      port,
      servername: HOME,
      ALPNProtocols: ['xmpp-client'],
      rejectUnauthorized: false,
    };
    const socket = connect(options, () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
    socket.once('error', reject);
  });
}
