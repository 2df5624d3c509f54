// The orderly stop, when a step of it fails.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { C2SSession } from '../../src/api/session.ts';
import { readConfig } from '../../src/cli/configuration.ts';
import { Server } from '../../src/server.ts';
import { openStorage } from '../../src/storage/index.ts';
import { Jid } from '../../src/xml/jid.ts';
import { assertFaults, ErrorLog } from '../support/server.ts';
import { QUIET, siteFolder } from './cli/folder.ts';

test('a step that fails keeps none of the others from running: what was written reaches the disk', async (t) => {
  const text = `${QUIET.replace('"memory"', '"sqlite"')}data_path = "data"\nmodules_enabled = []\n[hosts."montague.lit"]`;
  const folder = siteFolder(t, { 'enjamb.toml': text });
  const server = new Server({ config: await readConfig(join(folder, 'enjamb.toml')), log: new ErrorLog() });
  await server.start();
  const host = server.router.hosts.get('montague.lit')!;
  host.sessions.add(session('juliet@montague.lit/1', () => assert.fail('broken')));
  const closed: string[] = [];
  host.sessions.add(session('juliet@montague.lit/2', () => closed.push('the other one')));
  void host.stores.keyval('vcard').set('romeo', 'queued when it stopped');
  await server.stop();
  assert.deepEqual(closed, ['the other one']);
  assertFaults(server.faults, { stop: 1 });
  const storage = await openStorage({ driver: 'sqlite', dataPath: join(folder, 'data') });
  assert.equal(await storage.keyval('montague.lit', 'vcard').get('romeo'), 'queued when it stopped');
  await storage.close();
});

function session(jid: string, close: () => void): C2SSession {
  return { jid: Jid.parse(jid), close } as unknown as C2SSession;
}
