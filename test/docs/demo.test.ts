// `npm run demo`, which README.md shows.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

const DEMO = join(import.meta.dirname, '../../demo/demo.ts');

test('the demonstration runs to its end and shows the notice', () => {
  const args = ['--conditions=source', DEMO];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  assert.equal(status, 0, `${stdout}\n${stderr}`);
  assert.match(stdout, /<status code='333'\/>/);
  assert.match(stdout, /Romeo joins again/);
});
