import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '../..');

test('every file that ARCHITECTURE.md names exists', () => {
  const page = readFileSync(join(ROOT, 'ARCHITECTURE.md'), 'utf8');
  const named = [...page.matchAll(/(?<![\w/.-])[\w/-]+\.ts\b/g)].map(([name]) => name);
  assert.ok(named.length > 50, 'files are found');
  const files = globSync('{src,modules,test,bench}/**/*.ts', { cwd: ROOT });
  const missing = named.filter((name) => !files.some((file) => `/${file}`.endsWith(`/${name}`)));
  assert.deepEqual([...new Set(missing)], []);
});
