// enjamb itself, with its default modules and no limits.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Accounts } from '../../src/sasl/accounts.ts';
import { openStorage, storesFor } from '../../src/storage/index.ts';
import { type BenchServer, type BenchSetup, DOMAIN, launch, PASSWORD, ROOMS } from './server.ts';

const LAUNCHER = join(import.meta.dirname, '../../bin/enjamb.js');

export async function enjamb(setup: BenchSetup): Promise<BenchServer> {
  const { folder, port, users, tls } = setup;
  const certificates = join(folder, 'certs');
  const file = join(folder, 'enjamb.toml');
  await mkdir(certificates, { recursive: true });
  await writeFile(join(certificates, `${DOMAIN}.crt`), tls.cert);
  await writeFile(join(certificates, `${DOMAIN}.key`), tls.key);
  await writeFile(file, CONFIG(port));
  await register(join(folder, 'data'), users);
  return launch('enjamb', port, [process.execPath, LAUNCHER, 'start', '-c', file], { env: profiling() });
}

/** `BENCH_PROFILE=FOLDER` writes a CPU profile of the server there. */
function profiling(): NodeJS.ProcessEnv {
  const folder = process.env.BENCH_PROFILE;
  return folder === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${folder}` };
}

const CONFIG = (port: number) => `
interfaces = ["127.0.0.1"]
c2s_ports = [${port}]
c2s_direct_tls_ports = []
s2s_ports = []
s2s_direct_tls_ports = []
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
limits = false
log_level = "warn"
[hosts."${DOMAIN}"]
[hosts."${ROOMS}"]
component = "muc"
muc_room_locking = false
`;

async function register(dataPath: string, users: number): Promise<void> {
  const driver = await openStorage({ driver: 'sqlite', dataPath });
  const accounts = new Accounts(storesFor(driver, DOMAIN), { domain: DOMAIN });
  await Promise.all(Array.from({ length: users }, (_, i) => accounts.create(`u${i}`, PASSWORD)));
  await driver.close();
}
