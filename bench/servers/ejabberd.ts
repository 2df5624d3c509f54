// ejabberd as Debian ships it; accounts are registered through its own command.

import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LoadClient } from '../client.ts';
import { type BenchServer, type BenchSetup, DOMAIN, launch, PASSWORD, ROOMS } from './server.ts';

export async function ejabberd({ folder, port, users, tls }: BenchSetup): Promise<BenchServer | undefined> {
  if (spawnSync('which', ['ejabberdctl']).status !== 0) return undefined;
  await mkdir(join(folder, 'spool'), { recursive: true });
  await writeFile(join(folder, 'server.pem'), tls.cert + tls.key);
  const file = join(folder, 'ejabberd.yml');
  await writeFile(file, config(folder, port));
  const erl = [
    '-noinput',
    '-mnesia',
    'dir',
    `"${folder}/spool"`,
    '-sname',
    `bench${port}@localhost`,
    '-s',
    'ejabberd',
  ];
  const env = {
    EJABBERD_CONFIG_PATH: file,
    ERL_LIBS: '/usr/lib/x86_64-linux-gnu/erlang/lib:/usr/lib/erlang/lib:/usr/lib/x86_64-linux-gnu',
    EJABBERD_LOG_PATH: join(folder, 'ejabberd.log'),
    HOME: folder,
  };
  const server = await launch('ejabberd', port, ['erl', '+K', 'true', ...erl], { env, cwd: folder });
  for (let i = 0; i < users; i++) await register(port, `u${i}`);
  return server;
}

/** XEP-0077: the configuration below lets anybody. */
async function register(port: number, user: string): Promise<void> {
  await LoadClient.register({ port, domain: DOMAIN, user, password: PASSWORD });
}

const config = (folder: string, port: number) => `
hosts: ["${DOMAIN}"]
loglevel: error
certfiles: ["${folder}/server.pem"]
registration_timeout: infinity
listen:
  - port: ${port}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    starttls: true
    max_stanza_size: 262144
    access: c2s
    shaper: none
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
`;
