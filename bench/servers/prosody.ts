// Prosody as Debian ships it, stock or tuned; accounts are written as its own store does.

import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BenchServer, type BenchSetup, DOMAIN, launch, PASSWORD, ROOMS } from './server.ts';

/** The generational collector and a larger block list cache: what a careful administrator would set. */
const TUNED = `gc = { mode = "generational" }\nblocklist_cache_size = 4096\n`;

export function prosody(variant: 'stock' | 'tuned'): (setup: BenchSetup) => Promise<BenchServer | undefined> {
  return async ({ folder, port, users, tls }) => {
    if (spawnSync('which', ['prosody']).status !== 0) return undefined;
    const data = join(folder, 'data');
    const accounts = join(data, DOMAIN.replaceAll('.', '%2e'), 'accounts');
    await mkdir(accounts, { recursive: true });
    await writeFile(join(folder, 'cert.pem'), tls.cert);
    await writeFile(join(folder, 'key.pem'), tls.key);
    // At the first login it is replaced by its hash: every scenario logs everybody in before it measures.
    const account = `return { ["password"] = "${PASSWORD}"; };\n`;
    for (let i = 0; i < users; i++) await writeFile(join(accounts, `u${i}.dat`), account);
    const file = join(folder, 'prosody.cfg.lua');
    await writeFile(file, config(folder, data, port) + (variant === 'tuned' ? TUNED : '') + HOSTS);
    return launch(`prosody ${variant}`, port, ['prosody', '--config', file, '-F']);
  };
}

const config = (folder: string, data: string, port: number) => `
run_as_root = true
pidfile = "${folder}/prosody.pid"
data_path = "${data}"
interfaces = { "127.0.0.1" }
c2s_ports = { ${port} }
s2s_ports = { }
modules_disabled = { "s2s" }
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
authentication = "internal_hashed"
modules_enabled = { "disco", "roster", "saslauth", "tls", "blocklist", "bookmarks", "carbons", "dialback",
  "pep", "private", "smacks", "vcard4", "vcard_legacy", "csi_simple", "ping", "register", "time", "uptime", "version" }
ssl = { certificate = "${folder}/cert.pem"; key = "${folder}/key.pem" }
log = { warn = "*console" }
`;

const HOSTS = `
VirtualHost "${DOMAIN}"
Component "${ROOMS}" "muc"
  muc_room_locking = false
`;
