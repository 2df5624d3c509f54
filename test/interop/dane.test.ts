// Compares our verdicts on TLSA records with those of openssl for the same records and chain.

import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import * as tls from 'node:tls';
import type { DaneEndpoint } from '../../src/net/dane.ts';
import { connectTls } from '../../src/net/tls.ts';
import type { TlsaRecord } from '../../src/net/tlsa.ts';
import { atEnd, temporaryFolder } from '../support/clean-up.ts';
import { run } from './support/program.ts';
import { openssl } from './support-security/s-client.ts';

const HOST = 'xmpp.capulet.example';
const AUTHORITY = ['-addext', 'basicConstraints=critical,CA:TRUE'];
const NAMED = ['-addext', `subjectAltName=DNS:${HOST}`];

interface Made {
  readonly pem: string;
  readonly path: string;
  readonly certificate: X509Certificate;
}

interface MakeOptions {
  by?: string;
  extra?: readonly string[];
  key?: readonly string[];
  hash?: string;
}

const P256 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];

class Workshop {
  readonly #folder: string;
  #serial = 1;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async make(name: string, { by, extra = [], key = P256, hash = 'sha256' }: MakeOptions = {}): Promise<Made> {
    const own = join(this.#folder, name);
    const signer =
      by === undefined
        ? []
        : ['-CA', `${join(this.#folder, by)}.crt`, '-CAkey', `${join(this.#folder, by)}.key`];
    const common = [
      '-x509',
      `-${hash}`,
      '-days',
      '30',
      '-nodes',
      '-subj',
      `/CN=${name}`,
      '-set_serial',
      `${this.#serial++}`,
    ];
    const out = ['-keyout', `${own}.key`, '-out', `${own}.crt`];
    await openssl('req', ...common, ...key, ...signer, ...extra, ...out);
    const pem = await readFile(`${own}.crt`, 'utf8');
    return { pem, path: own, certificate: new X509Certificate(pem) };
  }
}

/** usage, selector, matching */
function record(usage: number, selector: number, matching: number, { certificate }: Made): TlsaRecord {
  const selected =
    selector === 0 ? certificate.raw : certificate.publicKey.export({ type: 'spki', format: 'der' });
  const digest = [undefined, 'sha256', 'sha512'][matching];
  const data = digest === undefined ? selected : createHash(digest).update(selected).digest();
  return { usage, selector, matching, data };
}

interface Scene {
  readonly what: string;
  readonly chain: readonly Made[];
  readonly records: readonly TlsaRecord[];
  readonly isProof: boolean;
}

async function scenes(workshop: Workshop): Promise<Scene[]> {
  const make = workshop.make.bind(workshop);
  const root = await make('root', { extra: AUTHORITY });
  const between = await make('between', { by: 'root', extra: AUTHORITY });
  const leaf = await make('leaf', { by: 'between', extra: NAMED });
  const misnamed = await make('misnamed', {
    by: 'root',
    extra: ['-addext', 'subjectAltName=DNS:other.example'],
  });
  const forClients = await make('for-clients', {
    by: 'root',
    extra: [...NAMED, '-addext', 'extendedKeyUsage=clientAuth'],
  });
  const noAuthority = await make('no-authority', {
    by: 'root',
    extra: ['-addext', 'basicConstraints=critical,CA:FALSE'],
  });
  const underNone = await make('under-none', { by: 'no-authority', extra: NAMED });
  const narrow = await make('narrow', {
    by: 'root',
    extra: ['-addext', 'basicConstraints=critical,CA:TRUE,pathlen:0'],
  });
  const tooDeep = await make('too-deep', { by: 'narrow', extra: AUTHORITY });
  const underDeep = await make('under-deep', { by: 'too-deep', extra: NAMED });
  const elsewhere = ['-addext', 'nameConstraints=critical,permitted;DNS:other.example'];
  const restricted = await make('restricted', { by: 'root', extra: [...AUTHORITY, ...elsewhere] });
  const underRestricted = await make('under-restricted', { by: 'restricted', extra: NAMED });
  const small = await make('small', { by: 'root', extra: AUTHORITY, key: ['-newkey', 'rsa:1024'] });
  const underSmall = await make('under-small', { by: 'small', extra: NAMED });
  const large = await make('large', { by: 'root', extra: AUTHORITY, key: ['-newkey', 'rsa:2048'] });
  const underLarge = await make('under-large', { by: 'large', extra: NAMED });
  const old = await make('old', { by: 'root', extra: NAMED, hash: 'sha1' });
  const full = [leaf, between, root];
  const anchored = [record(2, 0, 1, root)];
  return [
    { what: 'DANE-EE', chain: full, records: [record(3, 1, 1, leaf)], isProof: true },
    { what: 'DANE-EE, SHA-512', chain: full, records: [record(3, 0, 2, leaf)], isProof: true },
    { what: 'DANE-EE, whole', chain: full, records: [record(3, 1, 0, leaf)], isProof: true },
    { what: 'DANE-EE of another', chain: full, records: [record(3, 1, 1, between)], isProof: false },
    {
      what: 'DANE-EE, another name',
      chain: [misnamed, root],
      records: [record(3, 1, 1, misnamed)],
      isProof: true,
    },
    { what: 'DANE-TA, the root', chain: full, records: anchored, isProof: true },
    { what: 'DANE-TA, between', chain: [leaf, between], records: [record(2, 1, 1, between)], isProof: true },
    { what: 'DANE-TA, not shown', chain: [leaf, between], records: anchored, isProof: false },
    {
      what: 'DANE-TA, not shown but whole',
      chain: [leaf, between],
      records: [record(2, 0, 0, root)],
      isProof: true,
    },
    { what: 'DANE-TA, a bare key', chain: [leaf, between], records: [record(2, 1, 0, root)], isProof: true },
    { what: 'DANE-TA, another name', chain: [misnamed, root], records: anchored, isProof: false },
    { what: 'DANE-TA, for clients', chain: [forClients, root], records: anchored, isProof: false },
    {
      what: 'DANE-TA, no authority',
      chain: [underNone, noAuthority, root],
      records: anchored,
      isProof: false,
    },
    {
      what: 'DANE-TA, too deep',
      chain: [underDeep, tooDeep, narrow, root],
      records: anchored,
      isProof: false,
    },
    {
      what: 'DANE-TA, names restricted',
      chain: [underRestricted, restricted, root],
      records: anchored,
      isProof: false,
    },
    { what: 'DANE-TA, a small key', chain: [underSmall, small, root], records: anchored, isProof: false },
    { what: 'DANE-TA, a large key', chain: [underLarge, large, root], records: anchored, isProof: true },
    { what: 'DANE-TA, SHA-1', chain: [old, root], records: anchored, isProof: false },
    { what: 'one of two', chain: full, records: [record(3, 1, 1, between), ...anchored], isProof: true },
    { what: 'PKIX-EE that nobody trusts', chain: full, records: [record(1, 1, 1, leaf)], isProof: false },
  ];
}

/** A server with this certificate chain. */
async function show(t: TestContext, chain: readonly Made[]): Promise<number> {
  const [own] = chain;
  assert.ok(own);
  const server = tls.createServer({
    cert: chain.map(({ pem }) => pem).join(''),
    key: await readFile(`${own.path}.key`, 'utf8'),
    ciphers: 'DEFAULT@SECLEVEL=0',
  });
  server.on('secureConnection', (socket) => socket.on('error', () => {}).end());
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  atEnd(t, () => server.close());
  const at = server.address();
  assert.ok(at !== null && typeof at === 'object');
  return at.port;
}

async function isProofToUs(port: number, records: readonly TlsaRecord[]): Promise<boolean> {
  const dane: DaneEndpoint = { domain: 'capulet.example', host: HOST, port, records };
  try {
    const { socket, info } = await connectTls(connect(port, '127.0.0.1'), {
      servername: 'capulet.example',
      dane,
    });
    socket.destroy();
    return info.dane !== undefined;
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'dane-mismatch');
    return false;
  }
}

async function isProofToOpenssl(port: number, records: readonly TlsaRecord[]): Promise<boolean> {
  const words = records.flatMap(({ usage, selector, matching, data }) => [
    '-dane_tlsa_rrdata',
    `${usage} ${selector} ${matching} ${data.toString('hex')}`,
  ]);
  const { stdout } = await run('openssl', [
    's_client',
    '-connect',
    `127.0.0.1:${port}`,
    '-dane_tlsa_domain',
    HOST,
    '-dane_ee_no_namechecks',
    '-auth_level',
    '2',
    '-cipher',
    'DEFAULT@SECLEVEL=0',
    '-no-CAfile',
    '-no-CApath',
    ...words,
  ]);
  const code = /Verify return code: (\d+)/.exec(stdout)?.[1];
  assert.ok(code !== undefined, stdout);
  return code === '0';
}

test('RFC 6698, RFC 7671: our verdicts on TLSA records are those of openssl', async (t) => {
  const folder = await temporaryFolder(t);
  for (const { what, chain, records, isProof } of await scenes(new Workshop(folder))) {
    const port = await show(t, chain);
    assert.equal(await isProofToUs(port, records), isProof, `${what}: to us`);
    assert.equal(await isProofToOpenssl(port, records), isProof, `${what}: to openssl`);
  }
});
