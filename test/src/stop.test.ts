// The orderly stop, when a step of it fails or does not end.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { C2SSession } from '../../src/api/session.ts';
import { readConfig } from '../../src/cli/configuration.ts';
import { Server } from '../../src/server.ts';
import { openStorage } from '../../src/storage/index.ts';
import { type Clock, systemClock } from '../../src/util/clock.ts';
import { Jid } from '../../src/xml/jid.ts';
import { assertFaults, ErrorLog } from '../support/server.ts';
import { QUIET, siteFolder } from './cli/folder.ts';

const SQLITE = `${QUIET.replace('"memory"', '"sqlite"')}data_path = "data"\n`;
const HOST = '[hosts."montague.lit"]\n';

async function start(t: TestContext, text: string, clock = systemClock, files = {}) {
  const folder = siteFolder(t, { 'enjamb.toml': text, ...files });
  const config = await readConfig(join(folder, 'enjamb.toml'));
  const server = new Server({ config, log: new ErrorLog(), clock });
  await server.start();
  return { server, host: server.router.hosts.get('montague.lit')!, data: join(folder, 'data') };
}

/** The last to close a database tidies its log away. */
function isClosed(data: string): boolean {
  return !existsSync(join(data, 'enjamb.sqlite-wal'));
}

test('a client that cannot be closed keeps no other from being closed', async (t) => {
  const { server, host } = await start(t, `${QUIET}modules_enabled = []\n${HOST}`);
  host.sessions.add(session('juliet@montague.lit/1', () => assert.fail('broken')));
  const closed: string[] = [];
  host.sessions.add(session('juliet@montague.lit/2', () => closed.push('the other one')));
  await server.stop();
  assert.deepEqual(closed, ['the other one']);
  assertFaults(server.faults, { stop: 1 });
});

test('a step that fails keeps storage from nothing: what was queued is written, and the database closed', async (t) => {
  let isBroken = false;
  const clock: Clock = {
    now: () => systemClock.now(),
    elapsed: () => systemClock.elapsed(),
    after: (...delay) => (isBroken ? assert.fail('the clock is broken') : systemClock.after(...delay)),
  };
  const { server, host, data } = await start(t, `${SQLITE}modules_enabled = []\n${HOST}`, clock);
  void host.stores.keyval('vcard').set('romeo', 'queued when it stopped');
  isBroken = true; // Closing the links needs it.
  await server.stop();
  assertFaults(server.faults, { stop: 1 });
  assert.ok(isClosed(data));
  const storage = await openStorage({ driver: 'sqlite', dataPath: data });
  assert.equal(await storage.keyval('montague.lit', 'vcard').get('romeo'), 'queued when it stopped');
  await storage.close();
});

test('a module that does not unload is not waited for: storage is closed in time', async (t) => {
  const stuck = `
    import { defineModule } from 'enjamb/api';
    export default defineModule({
      name: 'stuck',
      summary: 'Stays',
      load: (module) => module.onUnload(() => new Promise(() => {})),
    });
  `;
  const text = `${SQLITE}plugin_paths = ["plugins"]\nmodules_enabled = ["stuck"]\n${HOST}`;
  const { server, data } = await start(t, text, systemClock, { 'plugins/stuck.ts': stuck });
  const warn = t.mock.method(server.log, 'warn');
  await server.stop();
  const late = warn.mock.calls.map(
    ({ arguments: [, fields] }) => fields as { step: string; limitMs: number },
  );
  assert.deepEqual(
    late.map(({ step }) => step),
    ['unload modules'],
  );
  assert.ok(late[0]!.limitMs <= 3_000);
  assert.ok(isClosed(data));
});

function session(jid: string, close: () => void): C2SSession {
  return { jid: Jid.parse(jid), close } as unknown as C2SSession;
}
