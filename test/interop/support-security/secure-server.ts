// enjamb with two domains, each with its own kind of certificate, which can reload them.

import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makeDevelopmentCertificates } from '../../../src/net/dev-certificates.ts';
import { temporaryFolder } from '../../support/clean-up.ts';
import { ENJAMB, HOME } from '../support/addresses.ts';
import { Program, run } from '../support/program.ts';
import { withinMs } from '../support/waiting.ts';
import { openssl } from './s-client.ts';

const COMMAND = fileURLToPath(new URL('../../../bin/enjamb.js', import.meta.url));
const START_MS = 20_000;
const RELOAD_MS = 5_000;
const STOP_MS = 12_000;

/** Its certificate has a P-256 key and is signed with SHA-256. It is shown without SNI. */
export const ECDSA_HOME = HOME;
/** Its certificate has an RSA key and is signed with SHA-384. */
export const RSA_HOME = 'verona.example';

export interface SecureServer {
  readonly folder: string;
  readonly caPath: string;
  addUser(jid: string, password: string): Promise<void>;
  /** Makes new certificates for both domains, and reloads the server. */
  renew(): Promise<void>;
  stop(): Promise<void>;
}

export async function secureServer(t: TestContext): Promise<SecureServer> {
  const folder = await temporaryFolder(t);
  const certificates = join(folder, 'certs');
  await mkdir(certificates);
  const { caPath } = await makeDevelopmentCertificates(certificates, [ECDSA_HOME]);
  await makeRsaCertificate(certificates);
  const file = join(folder, 'enjamb.toml');
  await writeFile(file, configuration(folder, certificates));
  const program = new Program(t, 'enjamb', {
    command: process.execPath,
    args: [COMMAND, 'start', '-c', file],
    logFile: join(folder, 'enjamb.log'),
  });
  await program.line((line) => line.startsWith('ready'), START_MS);
  return {
    folder,
    caPath,
    async addUser(jid, password) {
      const words = ['user', 'add', jid, '--password-stdin', '-c', file];
      const { code, stderr } = await run(process.execPath, [COMMAND, ...words], { input: `${password}\n` });
      assert.equal(code, 0, stderr);
    },
    async renew() {
      for (const end of ['crt', 'key']) await rm(join(certificates, `${ECDSA_HOME}.${end}`));
      await makeDevelopmentCertificates(certificates, [ECDSA_HOME]);
      await makeRsaCertificate(certificates);
      program.signal('SIGHUP');
      await program.line((line) => line.includes('"msg":"reloaded"'), RELOAD_MS);
    },
    async stop() {
      program.signal('SIGTERM');
      assert.deepEqual(await withinMs(STOP_MS, 'the end of enjamb', program.exited), {
        code: 0,
        signal: null,
      });
    },
  };
}

async function makeRsaCertificate(certificates: string): Promise<void> {
  const ca = join(certificates, 'development-ca', 'ca');
  const own = join(certificates, RSA_HOME);
  const key = ['-newkey', 'rsa:2048', '-nodes', '-keyout', `${own}.key`];
  const names = ['-subj', `/CN=${RSA_HOME}`, '-addext', `subjectAltName=DNS:${RSA_HOME}`];
  const signed = ['-x509', '-sha384', '-days', '30', '-CA', `${ca}.crt`, '-CAkey', `${ca}.key`];
  await openssl('req', ...key, ...names, ...signed, '-out', `${own}.crt`);
}

function configuration(folder: string, certificates: string): string {
  return `
data_path = ${JSON.stringify(join(folder, 'data'))}
certificates = ${JSON.stringify(certificates)}
interfaces = ["${ENJAMB.address}"]
c2s_ports = [${ENJAMB.c2s}]
c2s_direct_tls_ports = [${ENJAMB.c2sDirectTls}]
s2s_ports = []
s2s_direct_tls_ports = []
http_ports = []
https_ports = []
component_ports = []
log_level = "debug"
[hosts."${ECDSA_HOME}"]
[hosts."${RSA_HOME}"]
`;
}
