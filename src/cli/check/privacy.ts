// Finds files that other users of the machine can read: the data, and the private keys of certificates.

import { readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Config } from '../../config/config.ts';
import { type Certificate, CertificateStore } from '../../net/certificates.ts';
import type { Finding } from './finding.ts';

/** Mode bits of group and others. */
const NOT_OWNER = 0o077;
/** Mode bits of others alone: a group may exist to share keys between servers. */
const OTHERS = 0o007;
/** Mode bits of a directory that let a user open files in it by name. */
const SEARCH = 0o111;

/** All findings that `enjamb start` logs. */
export async function findOpenFiles({ core }: Config): Promise<readonly Finding[]> {
  const store = new CertificateStore(core.certificates);
  await store.reload();
  const data = core.storage === 'memory' ? [] : openData(core.data_path);
  return [...data, ...openKeys(store.certificates)];
}

/** Warns of an open data directory, and names the open files in it. A private directory protects its files. */
export function openData(path: string): readonly Finding[] {
  const mode = modeOf(path);
  if (mode === undefined || (mode & NOT_OWNER) === 0 || isHidden(path, NOT_OWNER)) return [];
  const files = namesIn(path).flatMap((name) => {
    const own = modeOf(join(path, name)) ?? 0;
    return (own & NOT_OWNER) === 0 ? [] : [`${name} (mode ${octal(own)})`];
  });
  const inside = files.length === 0 ? '' : `, and open ${files.join(', ')} in it`;
  const message = `other users of this machine can open the data directory ${path} (mode ${octal(mode)})${inside}`;
  return [warning('storage', message, `chmod -R go= ${path}`)];
}

/** Warns of private keys that every user of the machine can read. */
export function openKeys(certificates: readonly Certificate[]): readonly Finding[] {
  return certificates.map(({ path }) => keyOf(path)).flatMap(openKey);
}

function openKey(key: string): readonly Finding[] {
  const mode = modeOf(key) ?? 0;
  if ((mode & OTHERS) === 0 || isHidden(key, OTHERS)) return [];
  const message = `other users of this machine can read the private key ${key} (mode ${octal(mode)}) and impersonate this server`;
  return [warning('certs', message, `chmod o= ${key}`)];
}

/** The path of the key that belongs to a certificate's file. */
function keyOf(certificate: string): string {
  if (certificate.endsWith('.crt')) return certificate.replace(/\.crt$/, '.key');
  return join(dirname(certificate), 'privkey.pem');
}

/** Whether a directory above the path is closed to all these users (mode bits). */
function isHidden(path: string, users: number): boolean {
  const directory = dirname(path);
  if (((modeOf(directory) ?? 0) & users & SEARCH) === 0) return true;
  return directory !== path && directory !== dirname(directory) && isHidden(directory, users);
}

/** Empty if this user may not read the directory. */
function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** The permission bits; follows links. `undefined` if the path does not exist or is not accessible. */
function modeOf(path: string): number | undefined {
  try {
    return statSync(path).mode & 0o777;
  } catch {
    return undefined;
  }
}

function octal(mode: number): string {
  return mode.toString(8);
}

function warning(check: string, message: string, todo: string): Finding {
  return { check, severity: 'warning', message, todo };
}
