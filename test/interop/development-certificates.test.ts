import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { makeDevelopmentCertificates } from '../../src/net/dev-certificates.ts';
import { temporaryDirectory } from '../src/net/certificate-fixture.ts';

test('development certificates pass the strict check of OpenSSL', async (t) => {
  const directory = await temporaryDirectory(t);
  const { caPath } = await makeDevelopmentCertificates(directory, ['localhost']);
  const args = ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', caPath];
  const { stdout } = await promisify(execFile)('openssl', [...args, join(directory, 'localhost.crt')]);
  assert.match(stdout, /localhost\.crt: OK/);
});
