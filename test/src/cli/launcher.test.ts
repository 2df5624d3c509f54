// The way from the shell to the program, with an old Node as well.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '../../..');
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };

/** As in a shell of its own: with the Node of the machine, and without the settings of an `npm test` around us. */
function shellEnvironment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^npm_|^NODE_/i.test(name));
  const path = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => !folder.includes('node_modules'))
    .join(delimiter);
  return { ...Object.fromEntries(own), PATH: path };
}

test('`npx enjamb` prints its answer and nothing else, also where the Node of the machine is too old', (t) => {
  const cache = mkdtempSync(join(tmpdir(), 'enjamb-npm-'));
  t.after(() => rmSync(cache, { recursive: true }));
  // A first run warns; later ones may have it from the cache. Everything that is needed is in the checkout.
  const env = { ...shellEnvironment(), npm_config_cache: cache, npm_config_offline: 'true' };
  assert.equal(
    spawnSync('npx', ['--version'], { env }).status,
    0,
    'npx, which comes with npm, is in the PATH',
  );
  const { status, stdout, stderr } = spawnSync('npx', ['enjamb', '--version'], {
    cwd: ROOT,
    env,
    encoding: 'utf8',
  });
  assert.deepEqual([status, stdout, stderr], [0, `${version}\n`, '']);
});
