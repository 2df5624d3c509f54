// enjamb with its default modules and without limits.

import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Accounts } from '../../src/sasl/accounts.ts';
import { openStorage, storesFor } from '../../src/storage/index.ts';
import { type BenchServer, type BenchSetup, launch, PASSWORD, ROOMS } from './server.ts';

const LAUNCHER = join(import.meta.dirname, '../../bin/enjamb.js');

export async function enjamb(setup: BenchSetup): Promise<BenchServer> {
  await prepareEnjamb(setup);
  return startEnjamb(setup);
}

/** Writes the configuration, and creates certificates and accounts. */
export async function prepareEnjamb(setup: BenchSetup): Promise<void> {
  const { folder, users, tls, domain } = setup;
  const certificates = join(folder, 'certs');
  await mkdir(certificates, { recursive: true });
  await writeFile(join(certificates, `${domain}.crt`), tls.cert);
  await writeFile(join(certificates, `${domain}.key`), tls.key);
  await writeFile(configFile(setup), config(setup));
  await register(join(folder, 'data'), domain, users);
}

/** Starts it with its existing data. */
export function startEnjamb(setup: BenchSetup): Promise<BenchServer> {
  const command = [process.execPath, LAUNCHER, 'start', '-c', configFile(setup)];
  return launch('enjamb', setup, command, { env: profiling() });
}

/** Runs `enjamb check storage` on the stopped server. */
export function checkEnjambStorage(setup: BenchSetup): { code: number | null; said: string } {
  const command = [LAUNCHER, 'check', 'storage', '-c', configFile(setup)];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' });
  return { code: status, said: `${stdout}${stderr}`.trim() };
}

function configFile({ folder }: BenchSetup): string {
  return join(folder, 'enjamb.toml');
}

/** `BENCH_PROFILE=FOLDER` writes a CPU profile of the server there. */
function profiling(): NodeJS.ProcessEnv {
  const folder = process.env.BENCH_PROFILE;
  return folder === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${folder}` };
}

const config = ({ address, port, domain, federation, hasArchive = true }: BenchSetup) => `
interfaces = ["${address}"]
c2s_ports = [${port}]
c2s_direct_tls_ports = []
s2s_ports = [${federation?.port ?? ''}]
s2s_secure_auth = false
dns_servers = [${federation ? `"127.0.0.1:${federation.dnsPort}"` : ''}]
s2s_refused_addresses = "none"
s2s_direct_tls_ports = []
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
limits = false
log_level = "warn"
modules_disabled = [${hasArchive ? '' : '"mam"'}]
[hosts."${domain}"]
[hosts."${ROOMS}"]
component = "muc"
muc_room_locking = false
`;

async function register(dataPath: string, domain: string, users: number): Promise<void> {
  const driver = await openStorage({ driver: 'sqlite', dataPath });
  const accounts = new Accounts(storesFor(driver, domain), { domain });
  await Promise.all(Array.from({ length: users }, (_, i) => accounts.create(`u${i}`, PASSWORD)));
  await driver.close();
}
