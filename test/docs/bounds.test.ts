// docs/bounds.md lists all state that peers can make grow, with existing files, options and tests.

import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const PAGE = read('docs/bounds.md');
const COLUMNS = 6;

/** A collection that starts empty and outlives its function: a field, or state that a module keeps. */
const COLLECTION =
  /^ {2}(readonly )?#?\w+(: [^=;]+)? = (new (BoundedMap|Map|PacedQueue|Set|TokenBuckets)\b.*|\[\]);|\bkeep\('|: new (BoundedMap|Map|PacedQueue|Set|TokenBuckets)\(\)/m;

const rows = PAGE.split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (What|---)/.test(line))
  .map((line) => line.slice(2, -2).split(' | '));

test('each row has a place, limits, the effect of a limit, and a test', () => {
  assert.ok(rows.length > 50);
  for (const cells of rows) {
    assert.equal(cells.length, COLUMNS, cells.join(' | '));
    assert.ok(
      cells.every((cell) => cell.trim() !== ''),
      `empty cell: ${cells.join(' | ')}`,
    );
  }
});

test('the files on the page exist, and have the tests on the page', () => {
  const wrong: string[] = [];
  for (const path of PAGE.matchAll(/`((?:src|modules|test)\/[^`]+)`/g)) {
    if (!existsSync(join(ROOT, path[1]!))) wrong.push(path[1]!);
  }
  for (const cells of rows) {
    const cell = cells.at(-1)!;
    const [, path, title] = /^`(test\/[^`]+)`: (.+)$/.exec(cell) ?? [];
    if (path === undefined || title === undefined) wrong.push(cell);
    else if (existsSync(join(ROOT, path)) && !read(path).includes(title)) wrong.push(`${path}: ${title}`);
  }
  assert.deepEqual(wrong, []);
});

test('the options on the page exist', () => {
  const documented = `${read('docs/modules.md')}${read('enjamb.example.toml')}`;
  const named = [...PAGE.matchAll(/`([a-z0-9]+(?:_[a-z0-9]+)+)`/g)].map(([, option]) => option!);
  assert.ok(named.length > 10);
  assert.deepEqual(
    named.filter((option) => !new RegExp(`\\b${option}\\b`).test(documented)),
    [],
  );
});

test('the page lists every file with a collection', () => {
  const files = globSync('{src,modules}/**/*.ts', { cwd: ROOT });
  const missing = files
    .filter((file) => !/^src\/(cli|config)\//.test(file) && COLLECTION.test(read(file)))
    .filter((file) => !PAGE.includes(`\`${file}\``));
  assert.deepEqual(missing, []);
});
