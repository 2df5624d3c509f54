// node-xmpp-server (docs/adr/0009). It only routes messages, so it runs only the chat scenarios.

import { spawnSync } from 'node:child_process';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BenchServer, type BenchSetup, DOMAIN, launch } from './server.ts';

const PEER = join(import.meta.dirname, '../peers/node-xmpp-server');

export async function nodeXmppServer(setup: BenchSetup): Promise<BenchServer | undefined> {
  const { folder, port, tls } = setup;
  await cp(PEER, folder, { recursive: true });
  const arguments_ = ['install', '--no-audit', '--no-fund', '--silent', '--prefer-offline'];
  const install = spawnSync('npm', arguments_, { cwd: folder, timeout: 60_000 });
  if (install.status !== 0) return undefined;
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  await writeFile(key, tls.key);
  await writeFile(cert, tls.cert);
  const command = [process.execPath, join(folder, 'server.js'), `${port}`, DOMAIN, key, cert];
  return launch('node-xmpp-server', setup, command);
}
