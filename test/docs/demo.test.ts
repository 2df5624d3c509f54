// `npm run demo`, which README.md shows.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

const DEMO = join(import.meta.dirname, '../../demo/demo.ts');

test('the demonstration runs to its end: one client sees everything once, one is told, one sees nothing', () => {
  const args = ['--conditions=source', DEMO];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  assert.equal(status, 0, `${stdout}\n${stderr}`);
  const rows = new Map(
    stdout.split('\n').map((line) => {
      const [title = '', ...cells] = line.trim().split(/ {2,}/);
      return [title, cells.map((cell) => (cell === '–' ? cell : cell.replace(/^\d+\.\d$/, 'once')))];
    }),
  );
  for (const title of ['the Nurse joins', '“Hist! Romeo, hist!”', '“Madam!”', '“At what o’clock tomorrow?”'])
    assert.deepEqual(rows.get(title), ['once', '–', '–'], `${title}\n${stdout}`);
  assert.deepEqual(rows.get('a notice that he is out'), ['–', 'once', '–'], stdout);
  assert.deepEqual(rows.get('an error'), ['–', '–', 'once'], stdout);
});
