// docs/faults.md and the tests name the same rows.

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '../..');
const PAGE = read('docs/faults.md');
const PLANNED = ['19', '47'];

/** The last table names its test files, since its rows are tests of `muc`. */
const [OURS, HOSTED] = PAGE.split('## Rooms of this server');

test('every row has a test that names it, and tests name no other rows', () => {
  const played = globSync('test/modules/ping_muc/matrix/*.test.ts', { cwd: ROOT }).flatMap((file) =>
    rowsOf(read(file)),
  );
  assert.deepEqual(sorted(played), sorted(tableRows(OURS)));
});

test('the rows of hosted rooms name existing files', () => {
  const files = [...(HOSTED ?? '').matchAll(/`(test\/[\w/.]+)`/g)].map(([, file]) => file!);
  assert.ok(files.length > 0);
  for (const file of files) assert.ok(read(file).length > 0, file);
});

test('every number from 1 to 48 is one row, or is planned', () => {
  const all = [...tableRows(OURS), ...tableRows(HOSTED), ...PLANNED];
  assert.deepEqual(
    all.map(Number).sort((a, b) => a - b),
    Array.from({ length: 48 }, (_, i) => i + 1),
  );
});

function tableRows(text = ''): string[] {
  return [...text.matchAll(/^\| (\d+) \|/gm)].map(([, row]) => row!);
}

/** The rows that titles of tests name: `row 7: …`, `rows 2, 5 and 6, …`; and those in a table of a test. */
function rowsOf(text: string): string[] {
  const titles = [...text.matchAll(/\brows? ([\d, and]+)/gi)].flatMap(
    ([, list]) => list!.match(/\d+/g) ?? [],
  );
  const listed = /`row \$\{row\}/.test(text)
    ? [...text.matchAll(/^ {2}\[(\d+), \w+\],$/gm)].map(([, row]) => row!)
    : [];
  return [...titles, ...listed];
}

function sorted(rows: readonly string[]): number[] {
  return [...new Set(rows)].map(Number).sort((a, b) => a - b);
}

function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}
