// Certificates with any names and dates, and directories for them.

import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { contextTag, sequence, TAG, text } from '../../../src/net/der.ts';
import { OID } from '../../../src/net/identity.ts';
import { commonName, extension, otherName, signCertificate } from '../../../src/net/x509.ts';

export const DAY_MS = 24 * 60 * 60 * 1000;

export interface Wanted {
  commonName?: string;
  dns?: string[];
  xmppAddr?: string[];
  srv?: string[];
  from?: number;
  until?: number;
}

/** A self-signed certificate and its key, PEM. */
export function makeCertificate(wanted: Wanted): { cert: string; key: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = commonName(wanted.commonName ?? 'fixture');
  const names = sequence(
    ...(wanted.dns ?? []).map((value) => text(contextTag(2), value)),
    ...(wanted.xmppAddr ?? []).map((value) => otherName(OID.XMPP_ADDR, text(TAG.UTF8_STRING, value))),
    ...(wanted.srv ?? []).map((value) => otherName(OID.DNS_SRV, text(TAG.IA5_STRING, value))),
  );
  const cert = signCertificate({
    issuerKey: privateKey,
    issuer: name,
    subject: name,
    publicKey,
    validity: [wanted.from ?? Date.now(), wanted.until ?? Date.now() + 90 * DAY_MS],
    extensions: names.length > 2 ? [extension(OID.SUBJECT_ALT_NAME, false, names)] : [],
  });
  return { cert, key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

/** A directory of its own, removed when the test ends. */
export async function temporaryDirectory(t: { after(task: () => Promise<void>): void }): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'enjamb-net-'));
  t.after(() => rm(path, { recursive: true }));
  return path;
}
