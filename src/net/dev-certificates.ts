// Creates certificates for development at the first start, signed by a local certificate authority in the same
// directory, so that all connections use TLS. Only this machine should trust that authority.

import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  X509Certificate,
} from 'node:crypto';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CertificateStore } from './certificates.ts';
import { bitString, contextTag, encode, oid, sequence, TAG, text, unsigned } from './der.ts';
import { asciiDomain, OID } from './identity.ts';
import { commonName, extension, keyIdOf, otherName, signCertificate, subjectOf } from './x509.ts';

export interface DevelopmentCertificates {
  /** The PEM certificate of the local authority, for other development servers to trust. */
  ca: string;
  caPath: string;
  /** Files written by this call; empty if all existed. */
  written: string[];
}

/** A folder in the certificates directory that is not searched for certificates of hosts. */
const CA_FOLDER = 'development-ca';
const DAY_MS = 24 * 60 * 60 * 1000;
const CA_LIFE_MS = 3650 * DAY_MS;
/** Some clients refuse server certificates that are valid for more than 825 days. */
const LIFE_MS = 820 * DAY_MS;

/**
 * Creates a certificate for each of `domains` that has none in `directory`. Never changes existing files, and skips
 * domains that are IP addresses. `now`: ms since 1970.
 *
 * @throws Error if the directory is not writable, or only one of the authority's two files exists.
 */
export async function makeDevelopmentCertificates(
  directory: string,
  domains: readonly string[],
  now: number = Date.now(),
): Promise<DevelopmentCertificates> {
  await mkdir(directory, { recursive: true });
  const written: string[] = [];
  const authority = await openAuthority(join(directory, CA_FOLDER), now, written);
  const store = new CertificateStore(directory);
  await store.reload();
  for (const domain of domains) {
    const name = asciiDomain(domain);
    if (name === undefined || store.certificateFor(name) !== undefined) continue;
    const path = join(directory, `${name}.crt`);
    const keyPath = join(directory, `${name}.key`);
    if ((await exists(path)) || (await exists(keyPath))) continue;
    const { key, cert } = makeHostCertificate(authority, name, now);
    await writePair({ path, cert, keyPath, key }, written);
  }
  return { ca: authority.cert, caPath: authority.path, written };
}

interface Authority {
  path: string;
  cert: string;
  key: KeyObject;
  /** DER of its subject, the issuer of all it signs. */
  name: Buffer;
  keyId: Buffer;
}

async function openAuthority(folder: string, now: number, written: string[]): Promise<Authority> {
  const path = join(folder, 'ca.crt');
  const keyPath = join(folder, 'ca.key');
  const [hasCert, hasKey] = [await exists(path), await exists(keyPath)];
  if (hasCert !== hasKey) {
    throw new Error(
      `${folder} lacks one of the files ca.crt and ca.key: restore it, or remove the folder to start with a new authority`,
    );
  }
  if (!hasCert) {
    await mkdir(folder, { recursive: true });
    await writePair({ path, keyPath, ...makeAuthority(now) }, written);
  }
  const cert = await readFile(path, 'utf8');
  const key = createPrivateKey(await readFile(keyPath, 'utf8'));
  if (!new X509Certificate(cert).checkPrivateKey(key)) {
    throw new Error(`${keyPath} does not belong to ${path}: remove ${folder} to start with a new authority`);
  }
  return {
    path,
    cert,
    key,
    name: subjectOf(new X509Certificate(cert)),
    keyId: keyIdOf(createPublicKey(key)),
  };
}

function makeAuthority(now: number): { key: string; cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = commonName(`enjamb development CA ${randomBytes(4).toString('hex')}`);
  const keyId = keyIdOf(publicKey);
  const cert = signCertificate({
    issuerKey: privateKey,
    issuer: name,
    subject: name,
    publicKey,
    validity: [now, now + CA_LIFE_MS],
    extensions: [
      extension(
        '2.5.29.19',
        true,
        sequence(encode(TAG.BOOLEAN, Buffer.from([0xff])), unsigned(Buffer.from([0]))),
      ),
      extension('2.5.29.15', true, bitString(Buffer.from([0b00000110]), 1)), // keyCertSign, cRLSign
      extension('2.5.29.14', false, encode(TAG.OCTET_STRING, keyId)),
      extension('2.5.29.35', false, sequence(encode(contextTag(0), keyId))),
    ],
  });
  return { key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), cert };
}

function makeHostCertificate(
  authority: Authority,
  domain: string,
  now: number,
): { key: string; cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  // A common name has at most 64 characters (RFC 5280 appendix A.1). It is only for display.
  const subject = domain.length <= 64 ? commonName(domain) : sequence();
  const cert = signCertificate({
    issuerKey: authority.key,
    issuer: authority.name,
    subject,
    publicKey,
    validity: [now, now + LIFE_MS],
    extensions: [
      extension('2.5.29.19', true, sequence()),
      extension('2.5.29.15', true, bitString(Buffer.from([0b10000000]), 7)), // digitalSignature
      extension('2.5.29.37', false, sequence(oid('1.3.6.1.5.5.7.3.1'), oid('1.3.6.1.5.5.7.3.2'))), // server, client
      extension('2.5.29.14', false, encode(TAG.OCTET_STRING, keyIdOf(publicKey))),
      extension('2.5.29.35', false, sequence(encode(contextTag(0), authority.keyId))),
      // Critical when the subject is empty (RFC 5280 §4.2.1.6).
      extension(OID.SUBJECT_ALT_NAME, domain.length > 64, alternativeNames(domain)),
    ],
  });
  return { key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), cert };
}

/**
 * The identities of RFC 6120 §13.7.1.2.1, without XmppAddr, which only old programs need.
 * COMPAT(ejabberd ≤ 23.01): its SASL EXTERNAL fails for a valid certificate with an XmppAddr.
 */
function alternativeNames(domain: string): Buffer {
  return sequence(
    text(contextTag(2), domain),
    otherName(OID.DNS_SRV, text(TAG.IA5_STRING, `_xmpp-client.${domain}`)),
    otherName(OID.DNS_SRV, text(TAG.IA5_STRING, `_xmpp-server.${domain}`)),
  );
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

/** The flag 'wx' never overwrites a file, even one that another process has just created. */
async function writePair(
  files: { path: string; cert: string; keyPath: string; key: string },
  written: string[],
): Promise<void> {
  await writeFile(files.keyPath, files.key, { flag: 'wx', mode: 0o600 });
  await writeFile(files.path, files.cert, { flag: 'wx', mode: 0o644 });
  written.push(files.keyPath, files.path);
}
