// Finds and reads certificate files: NAME.crt beside NAME.key, or NAME/fullchain.pem beside NAME/privkey.pem.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import { reasonOf } from './errors.ts';
import { asciiDomain, certificateIdentities } from './identity.ts';
import { TLS_POLICY } from './tls-policy.ts';
import { trustedRoots } from './trust.ts';

export interface Certificate {
  /** PEM. */
  key: string;
  /** PEM, leaf first. */
  cert: string;
  /** Milliseconds since 1970. */
  notBefore: number;
  /** Milliseconds since 1970. */
  notAfter: number;
  /** All domains in the certificate, including wildcards, as lower-case A-labels. */
  names: string[];
  /** The certificate's file. */
  path: string;
}

export interface CertificateProblem {
  severity: 'error' | 'warning';
  /** The file or directory with the problem. */
  path: string;
  /** The affected host; undefined if the problem is only about the file. */
  domain: string | undefined;
  /** The problem, its place and the remedy. */
  message: string;
}

export interface LoadedCertificate {
  certificate: Certificate;
  context: SecureContext;
}

export interface CertificateFiles {
  loaded: LoadedCertificate[];
  problems: CertificateProblem[];
}

const MAX_FILE_BYTES = 1024 * 1024;

/** Reads every pair under `directory`. Never throws: `problems` lists unusable files. */
export async function readCertificates(directory: string, ca: readonly string[]): Promise<CertificateFiles> {
  const files: CertificateFiles = { loaded: [], problems: [] };
  let pairs: Pair[];
  try {
    pairs = await findPairs(directory);
  } catch (error) {
    const remedy = isDenied(error)
      ? "give the server's user read access to it"
      : 'create it, or set "certificates" to the right one';
    const message = `The certificates directory ${directory} cannot be read (${reasonOf(error)}): ${remedy}.`;
    files.problems.push({ severity: 'error', path: directory, domain: undefined, message });
    return files;
  }
  for (const pair of pairs) {
    const result = await readPair(pair, ca);
    if (typeof result === 'string') {
      files.problems.push({ severity: 'error', path: pair.cert, domain: undefined, message: result });
    } else {
      files.loaded.push(result);
    }
  }
  return files;
}

interface Pair {
  cert: string;
  key: string;
}

async function findPairs(directory: string): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for (const name of (await readdir(directory)).sort()) {
    const path = join(directory, name);
    if (name.endsWith('.crt')) pairs.push({ cert: path, key: `${path.slice(0, -'.crt'.length)}.key` });
    else if (await mayHold(join(path, 'fullchain.pem'))) {
      pairs.push({ cert: join(path, 'fullchain.pem'), key: join(path, 'privkey.pem') });
    }
  }
  return pairs;
}

/**
 * Returns false only if the file certainly does not exist. For an inaccessible file, reading it reports the problem.
 */
async function mayHold(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    return !ABSENT.has(codeOf(error));
  }
}

const ABSENT: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTDIR']);

function isDenied(error: unknown): boolean {
  return codeOf(error) === 'EACCES' || codeOf(error) === 'EPERM';
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

/** The loaded pair, or the reason why it cannot be used. */
async function readPair(pair: Pair, ca: readonly string[]): Promise<LoadedCertificate | string> {
  let cert: string;
  let key: string;
  try {
    cert = await readBounded(pair.cert);
  } catch (error) {
    return `The certificate ${pair.cert} cannot be read: ${reasonOf(error)}. Give the server's user read access to it.`;
  }
  try {
    key = await readBounded(pair.key);
  } catch (error) {
    return `The key ${pair.key} of ${pair.cert} cannot be read: ${reasonOf(error)}. Put it there, readable by the server's user alone.`;
  }
  return load(pair, cert, key, ca);
}

async function readBounded(path: string): Promise<string> {
  const { size } = await stat(path);
  if (size > MAX_FILE_BYTES) throw new Error(`it has ${size} bytes, too many for a certificate`);
  return readFile(path, 'utf8');
}

function load(pair: Pair, cert: string, key: string, ca: readonly string[]): LoadedCertificate | string {
  let leaf: X509Certificate;
  let privateKey: KeyObject;
  try {
    leaf = new X509Certificate(cert);
  } catch {
    return `${pair.cert} is not a certificate in PEM form ("-----BEGIN CERTIFICATE-----"). Convert or replace it.`;
  }
  try {
    privateKey = createPrivateKey(key);
  } catch {
    return `${pair.key} is not an unencrypted private key in PEM form. Convert or replace it.`;
  }
  if (!leaf.checkPrivateKey(privateKey)) {
    return `The key ${pair.key} does not belong to the certificate ${pair.cert}. Put the two files of one order together; if there is a chain, the host's own certificate must come first in the file.`;
  }
  const names = namesOf(leaf);
  if (names.length === 0) {
    return `${pair.cert} names no domain in subjectAltName, without which no peer accepts it. Order one that does.`;
  }
  try {
    const context = createSecureContext({ key, cert, ...TLS_POLICY, ...trustedRoots(ca) });
    const notBefore = Date.parse(leaf.validFrom);
    const notAfter = Date.parse(leaf.validTo);
    return { certificate: { key, cert, notBefore, notAfter, names, path: pair.cert }, context };
  } catch (error) {
    return `${pair.cert} cannot be used for TLS: ${reasonOf(error)}. Replace it and its key.`;
  }
}

function namesOf(certificate: X509Certificate): string[] {
  const { dns, xmppAddr, srv } = certificateIdentities(certificate);
  const others = [...xmppAddr, ...srv.map((name) => name.replace(/^_xmpp-(server|client)\./, ''))];
  return [...new Set([...dns, ...others.map(asciiDomain).filter((name) => name !== undefined)])];
}
