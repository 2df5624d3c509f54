import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type CertificateProblem, CertificateStore } from '../../../src/net/certificates.ts';
import { makeDevelopmentCertificates } from '../../../src/net/dev-certificates.ts';
import { certificateMatches } from '../../../src/net/identity.ts';
import { DAY_MS, makeCertificate, temporaryDirectory, type Wanted } from './certificate-fixture.ts';

/** A store over files made from what is wanted; 'NAME/' makes a folder as certbot does. */
async function storeOf(t: TestContext, files: Record<string, Wanted>): Promise<CertificateStore> {
  const directory = await temporaryDirectory(t);
  for (const [name, wanted] of Object.entries(files)) {
    const { cert, key } = makeCertificate(wanted);
    if (name.endsWith('/')) {
      await mkdir(join(directory, name));
      await writeFile(join(directory, name, 'fullchain.pem'), cert);
      await writeFile(join(directory, name, 'privkey.pem'), key);
    } else {
      await writeFile(join(directory, `${name}.crt`), cert);
      await writeFile(join(directory, `${name}.key`), key);
    }
  }
  const store = new CertificateStore(directory);
  await store.reload();
  return store;
}

function fileFor(store: CertificateStore, domain: string): string | undefined {
  return store.certificateFor(domain)?.path.slice(store.directory.length + 1);
}

test('finds both layouts of files, and uses the names in the certificates', async (t) => {
  const store = await storeOf(t, {
    whatever: { dns: ['montague.lit', 'rooms.montague.lit'] },
    'capulet.lit/': { dns: ['capulet.lit', '*.capulet.lit'] },
  });
  assert.equal(fileFor(store, 'montague.lit'), 'whatever.crt');
  assert.equal(fileFor(store, 'Rooms.Montague.lit'), 'whatever.crt');
  assert.equal(fileFor(store, 'rooms.capulet.lit'), 'capulet.lit/fullchain.pem');
  assert.equal(fileFor(store, 'a.b.capulet.lit'), undefined);
  assert.ok(store.contextFor('capulet.lit') !== undefined);
  assert.equal(store.contextFor('verona.lit'), undefined);
  assert.ok(store.clientContextFor('verona.lit') !== undefined);
});

test('prefers valid certificates to expired ones, exact names to wildcards, then the longest validity', async (t) => {
  const now = Date.now();
  const old = { from: now - 20 * DAY_MS, until: now - DAY_MS };
  const store = await storeOf(t, {
    a: { dns: ['rooms.lit', 'x.montague.lit'], ...old },
    b: { dns: ['*.montague.lit'], until: now + 300 * DAY_MS },
    c: { dns: ['y.montague.lit'], until: now + 40 * DAY_MS },
    d: { dns: ['y.montague.lit'], until: now + 60 * DAY_MS },
  });
  assert.equal(fileFor(store, 'x.montague.lit'), 'b.crt');
  assert.equal(fileFor(store, 'y.montague.lit'), 'd.crt');
  assert.equal(fileFor(store, 'rooms.lit'), 'a.crt');
});

test('each problem says what is wrong, where, and what to do', async (t) => {
  const now = Date.now();
  const store = await storeOf(t, {
    expired: { dns: ['expired.lit'], from: now - 9 * DAY_MS, until: now - DAY_MS },
    early: { dns: ['early.lit'], from: now + 2 * DAY_MS },
    soon: { dns: ['soon.lit'], until: now + 5 * DAY_MS },
    good: { dns: ['good.lit'] },
    swapped: { dns: ['swapped.lit'] },
    nameless: { commonName: 'nameless.lit' },
  });
  const file = (name: string) => join(store.directory, name);
  await writeFile(file('swapped.key'), makeCertificate({ dns: ['a.lit'] }).key);
  await writeFile(file('garbage.crt'), 'no certificate');
  await writeFile(file('garbage.key'), 'no key');
  await writeFile(file('badkey.crt'), makeCertificate({ dns: ['badkey.lit'] }).cert);
  await writeFile(file('badkey.key'), 'no key');
  await writeFile(file('keyless.crt'), makeCertificate({ dns: ['keyless.lit'] }).cert);
  await store.reload();
  const domains = ['expired.lit', 'early.lit', 'soon.lit', 'good.lit', 'missing.lit'];
  const problems = store.check(domains, now);
  const expected: [string, 'error' | 'warning', RegExp][] = [
    ['badkey.crt', 'error', /badkey\.key is not an unencrypted private key/],
    ['garbage.crt', 'error', /is not a certificate in PEM form/],
    ['keyless.crt', 'error', /keyless\.key of .* cannot be read: there is no such file/],
    ['nameless.crt', 'error', /names no domain in subjectAltName/],
    ['swapped.crt', 'error', /swapped\.key does not belong to the certificate/],
    ['expired.crt', 'error', /for expired\.lit expired on .* Renew it/],
    ['early.crt', 'error', /for early\.lit is not valid before /],
    ['soon.crt', 'warning', /for soon\.lit expires on /],
    ['', 'error', /names missing\.lit .*put the files there as missing\.lit\.crt and missing\.lit\.key/],
  ];
  assert.equal(problems.length, expected.length, problems.map(({ message }) => message).join('\n'));
  for (const [index, [name, severity, message]] of expected.entries()) {
    assert.equal(problems[index]?.path, name === '' ? store.directory : file(name));
    assert.equal(problems[index]?.severity, severity);
    assert.match(problems[index]?.message ?? '', message);
  }
});

test('a missing directory is a problem, not an exception', async () => {
  const store = new CertificateStore('/nonexistent/certs');
  assert.match((await store.reload())[0]?.message ?? '', /cannot be read .*set "certificates"/);
  assert.equal(store.certificateFor('montague.lit'), undefined);
});

test('a reload adds new certificates, drops removed ones, and keeps the last valid version of broken ones', async (t) => {
  const store = await storeOf(t, { a: { dns: ['a.lit'] }, b: { dns: ['b.lit'] }, c: { dns: ['c.lit'] } });
  const before = store.certificateFor('b.lit');
  await rm(join(store.directory, 'a.crt'));
  await writeFile(join(store.directory, 'b.crt'), makeCertificate({ dns: ['b.lit'] }).cert);
  const renewed = makeCertificate({ dns: ['c.lit', 'd.lit'] });
  await writeFile(join(store.directory, 'c.crt'), renewed.cert);
  await writeFile(join(store.directory, 'c.key'), renewed.key);
  const problems = await store.reload();
  assert.deepEqual(
    problems.map(({ path }) => path),
    [join(store.directory, 'b.crt')],
  );
  assert.equal(store.certificateFor('a.lit'), undefined);
  assert.equal(store.certificateFor('b.lit'), before);
  assert.ok(store.certificateFor('d.lit') !== undefined);
  assert.equal((await store.reload()).length, 1);
  assert.equal(store.certificates.length, 2);
});

/** Reads the certificates again as a user without any rights. */
async function reloadDenied(store: CertificateStore): Promise<CertificateProblem[]> {
  const { seteuid, geteuid } = process;
  if (geteuid!() !== 0) return store.reload();
  seteuid!(65_534);
  try {
    return await store.reload();
  } finally {
    seteuid!(0);
  }
}

for (const what of ['', 'a.crt', 'a.key', 'b.lit', 'b.lit/fullchain.pem', 'b.lit/privkey.pem']) {
  test(`a reload that may not read "${what}" says so and keeps the certificates in use`, async (t) => {
    const store = await storeOf(t, { a: { dns: ['a.lit'] }, 'b.lit/': { dns: ['b.lit'] } });
    await open(store.directory);
    const before = ['a.lit', 'b.lit'].map((domain) => store.certificateFor(domain));
    await chmod(join(store.directory, what), 0o000);
    const problems = await reloadDenied(store);
    await chmod(join(store.directory, what), 0o755);
    assert.equal(problems.length, 1);
    const [{ message, severity }] = problems as [CertificateProblem];
    assert.equal(severity, 'error');
    assert.match(message, /cannot be read.*no permission.*(read access|readable by the server's user)/);
    const after = ['a.lit', 'b.lit'].map((domain) => store.certificateFor(domain)?.cert);
    assert.deepEqual(
      after,
      before.map((certificate) => certificate!.cert),
    );
  });
}

/** Lets every user read everything below. */
async function open(directory: string): Promise<void> {
  await chmod(directory, 0o755);
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true }))
    await chmod(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o755 : 0o644);
}

test('development certificates are signed by their authority and name the domain', async (t) => {
  const directory = await temporaryDirectory(t);
  const domains = ['localhost', 'bücher.lit', `${'x'.repeat(60)}.example.org`, '192.0.2.1'];
  const { ca, caPath, written } = await makeDevelopmentCertificates(directory, domains);
  assert.equal(await readFile(caPath, 'utf8'), ca);
  assert.equal(written.length, 8);
  const authority = new X509Certificate(ca);
  assert.equal(authority.ca, true);
  for (const domain of ['localhost', 'xn--bcher-kva.lit', `${'x'.repeat(60)}.example.org`]) {
    const certificate = new X509Certificate(await readFile(join(directory, `${domain}.crt`)));
    assert.ok(certificate.checkIssued(authority));
    assert.ok(certificate.verify(authority.publicKey));
    assert.equal(certificate.ca, false);
    assert.equal(certificate.checkHost(domain), domain);
    assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
    assert.ok(certificateMatches(certificate, domain, 'xmpp-server'));
    const { mode } = await stat(join(directory, `${domain}.key`));
    assert.equal(mode & 0o777, 0o600);
  }
  assert.ok(authority.checkIssued(authority) && authority.verify(authority.publicKey));
});

test('existing files are never overwritten', async (t) => {
  const store = await storeOf(t, { mine: { dns: ['montague.lit', '*.montague.lit'] } });
  const { directory } = store;
  await writeFile(join(directory, 'capulet.lit.key'), 'the only copy');
  const domains = ['montague.lit', 'rooms.montague.lit', 'capulet.lit', 'verona.lit'];
  const first = await makeDevelopmentCertificates(directory, domains);
  assert.deepEqual(
    first.written.map((path) => path.slice(directory.length + 1)),
    ['development-ca/ca.key', 'development-ca/ca.crt', 'verona.lit.key', 'verona.lit.crt'],
  );
  assert.equal(await readFile(join(directory, 'capulet.lit.key'), 'utf8'), 'the only copy');
  const files = await readdir(directory);
  const second = await makeDevelopmentCertificates(directory, domains);
  assert.deepEqual(second.written, []);
  assert.equal(second.ca, first.ca);
  assert.deepEqual(await readdir(directory), files);
  const third = await makeDevelopmentCertificates(directory, ['mantua.lit']);
  const added = new X509Certificate(await readFile(join(directory, 'mantua.lit.crt')));
  assert.ok(added.checkIssued(new X509Certificate(third.ca)));
});

test('refuses an authority that lacks its key or its certificate', async (t) => {
  const directory = await temporaryDirectory(t);
  const { caPath } = await makeDevelopmentCertificates(directory, []);
  await rm(caPath);
  await assert.rejects(makeDevelopmentCertificates(directory, ['a.lit']), /lacks one of the files/);
});
