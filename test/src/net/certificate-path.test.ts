import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { SignatureChecks } from '../../../src/net/certificate-path.ts';
import { issue } from './authority-fixture.ts';

const root = issue({ name: 'root', isAuthority: true });
const leaf = issue({ name: 'leaf', by: root, dns: ['capulet.lit'] });

test('at most 64 signatures are checked for one handshake, each once; the rest count as wrong', () => {
  const checks = new SignatureChecks();
  const copies = Array.from({ length: 65 }, () => new X509Certificate(leaf.pem));
  const results = copies.map((copy) => checks.hasSigned(root.certificate, copy));
  assert.deepEqual(results, [...Array(64).fill(true), false]);
  assert.equal(checks.hasSigned(root.certificate, copies[0]!), true, 'known already');
});
