// A system for one program, in which the domain of the tests has an address and one authority is trusted: some
// programs use only the system's settings. It has its own mounts.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ENJAMB, HOME } from '../support/addresses.ts';

const MOUNTS = [
  'mount --bind "$1/hosts" /etc/hosts',
  'mount --bind "$1/resolv.conf" /etc/resolv.conf',
  'mount --bind "$2" /etc/ssl/certs/ca-certificates.crt',
  'shift 2',
  'exec "$@"',
].join(' && ');

/**
 * The words before a command. Makes files in `folder`. `caPath`: PEM of the trusted authorities. `address`:
 * of the domain.
 */
export async function systemWith(
  folder: string,
  caPath: string,
  address = ENJAMB.address,
): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'hosts'), `127.0.0.1 localhost\n${address} ${HOME}\n`);
  await writeFile(join(folder, 'resolv.conf'), 'nameserver 127.0.0.1\n'); // Nothing answers there.
  const namespaces = ['--user', '--map-root-user', '--mount', '--fork', '--kill-child'];
  return ['unshare', ...namespaces, 'sh', '-c', MOUNTS, 'sh', folder, caPath];
}

/** The authorities of every system, which have not signed our certificates. */
export const WELL_KNOWN = '/etc/ssl/certs/ca-certificates.crt';
