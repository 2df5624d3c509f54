// Prosody from Debian, stock or tuned. Accounts are written in the format of its own storage.

import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BenchServer, type BenchSetup, launch, PASSWORD, ROOMS } from './server.ts';

/** The generational garbage collector, and a larger cache of the block list. */
const TUNED = `gc = { mode = "generational" }\nblocklist_cache_size = 4096\n`;
const SQLITE = `storage = { archive = "sql" }\nsql = { driver = "SQLite3"; database = "archive.sqlite" }\n`;
const EXTRA = { stock: '', tuned: TUNED, sqlite: TUNED + SQLITE };

/** `sqlite`: tuned, and with the archives in a database. */
export function prosody(
  variant: 'stock' | 'tuned' | 'sqlite',
): (setup: BenchSetup) => Promise<BenchServer | undefined> {
  return async (setup) => {
    const { folder, users, tls, domain } = setup;
    if (spawnSync('which', ['prosody']).status !== 0) return undefined;
    const data = join(folder, 'data');
    const accounts = join(data, domain.replaceAll('.', '%2e'), 'accounts');
    await mkdir(accounts, { recursive: true });
    await writeFile(join(folder, 'cert.pem'), tls.cert);
    await writeFile(join(folder, 'key.pem'), tls.key);
    // Prosody replaces the password by its hash at the first login. Every scenario logs in all accounts before it measures.
    const account = `return { ["password"] = "${PASSWORD}"; };\n`;
    for (let i = 0; i < users; i++) await writeFile(join(accounts, `u${i}.dat`), account);
    const file = join(folder, 'prosody.cfg.lua');
    await writeFile(file, config(setup, data) + EXTRA[variant] + hosts(domain));
    return launch(`prosody ${variant}`, setup, ['prosody', '--config', file, '-F']);
  };
}

const config = ({ folder, address, port, federation, hasArchive }: BenchSetup, data: string) => `
run_as_root = true
pidfile = "${folder}/prosody.pid"
data_path = "${data}"
interfaces = { "${address}" }
c2s_ports = { ${port} }
${federation ? federate(federation) : 's2s_ports = { }\nmodules_disabled = { "s2s" }'}
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
authentication = "internal_hashed"
modules_enabled = { "disco", "roster", "saslauth", "tls", "blocklist", "bookmarks", "carbons", "dialback",
  "pep", "private", "smacks", "vcard4", "vcard_legacy", "csi_simple", "ping", "register", "time", "uptime", "version"${hasArchive ? ', "mam"' : ''} }
ssl = { certificate = "${folder}/cert.pem"; key = "${folder}/key.pem" }
log = { warn = "*console" }
`;

const federate = ({ port, dnsPort }: NonNullable<BenchSetup['federation']>) => `
s2s_ports = { ${port} }
s2s_require_encryption = true
s2s_secure_auth = false
unbound = {
  resolvconf = false;
  forward = { "127.0.0.1@${dnsPort}" };
  options = { ["do-not-query-localhost:"] = "no" };
}
`;

const hosts = (domain: string) => `
VirtualHost "${domain}"
Component "${ROOMS}" "muc"
  muc_room_locking = false
`;
