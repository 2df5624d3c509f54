// ejabberd from Debian. Accounts are registered in-band (XEP-0077), which the configuration allows.

import { spawnSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { LoadClient } from '../client.ts';
import { type BenchServer, type BenchSetup, type Launch, launch, PASSWORD, ROOMS } from './server.ts';

/** Of Debian's package. */
const SQLITE_SCHEMA = '/usr/share/ejabberd/sql/lite.sql';

/** @param archives where they are stored */
export function ejabberd(archives: 'mnesia' | 'sqlite'): Launch {
  return (setup) => start(setup, archives);
}

async function start(setup: BenchSetup, archives: 'mnesia' | 'sqlite'): Promise<BenchServer | undefined> {
  const { folder, users, tls, address, port } = setup;
  // It uses the system's resolver, which has no records of the benchmark, so its domain is its address.
  const domain = setup.federation ? address : setup.domain;
  const place = { address, port, domain };
  if (spawnSync('which', ['ejabberdctl']).status !== 0) return undefined;
  await mkdir(join(folder, 'spool'), { recursive: true });
  await writeFile(join(folder, 'server.pem'), tls.cert + tls.key);
  const file = join(folder, 'ejabberd.yml');
  const database = archives === 'sqlite' ? join(folder, 'archive.sqlite') : undefined;
  if (database !== undefined) new Database(database).exec(await readFile(SQLITE_SCHEMA, 'utf8')).close();
  await writeFile(file, config({ ...setup, domain }, database));
  const erl = [
    '-noinput',
    '-mnesia',
    'dir',
    `"${folder}/spool"`,
    '-sname',
    `bench-${setup.domain.split('.')[0]}-${port}@localhost`,
    '-s',
    'ejabberd',
  ];
  const env = {
    EJABBERD_CONFIG_PATH: file,
    ERL_LIBS: '/usr/lib/x86_64-linux-gnu/erlang/lib:/usr/lib/erlang/lib:/usr/lib/x86_64-linux-gnu',
    EJABBERD_LOG_PATH: join(folder, 'ejabberd.log'),
    HOME: folder,
  };
  const server = await launch('ejabberd', place, ['erl', '+K', 'true', ...erl], { env, cwd: folder });
  for (let i = 0; i < users; i++) await LoadClient.register({ ...place, user: `u${i}`, password: PASSWORD });
  return server;
}

const config = (
  { folder, address, port, domain, federation, hasArchive }: BenchSetup,
  database: string | undefined,
) => `
hosts: ["${domain}"]
loglevel: error
certfiles: ["${folder}/server.pem"]
registration_timeout: infinity
listen:
  - port: ${port}
    ip: "${address}"
    module: ejabberd_c2s
    starttls: true
    max_stanza_size: 262144
    access: c2s
    shaper: none
${federation ? federate(address, federation.port) : ''}
${database === undefined ? '' : `sql_type: sqlite\nsql_database: "${database}"`}
acl:
  local: { user_regexp: "" }
access_rules:
  local: { allow: local }
  c2s: { allow: all }
  register: { allow: all }
  muc_create: { allow: all }
api_permissions: {}
modules:
  mod_disco: {}
  mod_roster: { versioning: true }
  mod_offline: {}
  mod_ping: {}
  mod_carboncopy: {}
  mod_blocking: {}
  mod_privacy: {}
  mod_private: {}
  mod_vcard: {}
  mod_caps: {}
  mod_s2s_dialback: {}
  mod_stream_mgmt: {}
  mod_time: {}
  mod_version: {}
  mod_register: { ip_access: all, access: register, access_from: register }
  mod_muc:
    host: "${ROOMS}"
    access: all
    access_create: muc_create
    max_user_conferences: 1000
    max_users: 1000
    default_room_options: { max_users: 1000 }
${hasArchive ? `  mod_mam: { default: always, db_type: ${database === undefined ? 'mnesia' : 'sql'} }` : ''}
`;

const federate = (address: string, port: number) => `
  - port: ${port}
    ip: "${address}"
    module: ejabberd_s2s_in
    max_stanza_size: 524288
    shaper: none
s2s_use_starttls: required
outgoing_s2s_port: ${port}
s2s_access: all
`;
