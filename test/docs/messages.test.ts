// docs/messages.md: its options have the defaults that it shows, and its commands are those of the program.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { enjamb, QUIET, siteFolder } from '../src/cli/folder.ts';

const read = (path: string): string => readFileSync(join(import.meta.dirname, '../..', path), 'utf8');
const PAGE = read('docs/messages.md');

test('the options on the page have the defaults that it shows', () => {
  const modules = read('docs/modules.md');
  const rows = [...PAGE.matchAll(/^\| (`[^|]+`) \| ([^|]+) \|/gm)];
  assert.ok(rows.length >= 5, 'the table is found');
  for (const [, names = '', defaults = ''] of rows) {
    const values = defaults.split(', ');
    for (const [index, name] of names.split(', ').entries())
      assert.match(modules, new RegExp(`^\\| ${name} \\|.*\\| ${values[index]!.trim()} \\|$`, 'm'), name);
  }
});

test('the commands on the page are accepted with the arguments that it shows', async (t) => {
  const folder = siteFolder(t, { 'enjamb.toml': `${QUIET}[hosts."example.org"]\n` });
  const lines = PAGE.split('\n').filter((line) => line.startsWith('enjamb '));
  assert.ok(lines.length >= 7, 'the commands are found');
  for (const line of lines) {
    const words = line
      .replace(/ +#.*/, '')
      .match(/"[^"]*"|\S+/g)!
      .slice(1);
    const args = words.map((word) => word.replaceAll('"', ''));
    const { code, err } = await enjamb(
      folder,
      ...args,
      ...(/^enjamb (archive delete|restore) /.test(line) ? ['--yes'] : []),
    );
    // With storage in memory there is nothing to work on, but the words are understood.
    assert.equal(code, 1, `${line}: ${err}`);
    assert.match(err, /storage = "memory"/, line);
  }
});
