// The tables of docs/clients.md are those of the results.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { withTables } from '../interop/rejoin/table/page.ts';

test('docs/clients.md has the tables that `npm run table:rejoin -- --modes none` writes', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/clients.md'), 'utf8');
  assert.equal(page, withTables(page));
});
