// The disk on which the log is written is full.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { enjamb, QUIET, siteFolder } from './folder.ts';

const MAIN = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));

test('ENOSPC: a log that cannot be written stops neither the server nor its orderly stop', async (t) => {
  const config = `${QUIET.replace('"error"', '"debug"')}data_path = "data"\n[hosts."montague.lit"]\n`;
  const folder = siteFolder(t, { 'enjamb.toml': config });
  const full = openSync('/dev/full', 'w');
  t.after(() => closeSync(full));
  const child = spawn(process.execPath, ['--conditions=source', MAIN, 'start'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', full],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout!, 'data');
  for (let n = 0; n < 5; n++) {
    child.kill('SIGHUP'); // Something to log.
    assert.equal((await enjamb(folder, 'module', 'list')).code, 0);
  }
  child.kill('SIGTERM');
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});
