import assert from 'node:assert/strict';
import { test } from 'node:test';
import { report } from './slow-files.ts';

test('the ten slowest files are listed, the slowest first', () => {
  const files = Array.from({ length: 12 }, (_, number) => ({
    path: `test/${number}.test.ts`,
    ms: number * 100,
  }));
  const lines = report(files).trimEnd().split('\n');
  assert.equal(lines.length, 11);
  assert.equal(lines[1], '     1.1 s  test/11.test.ts');
  assert.equal(lines[10], '     0.2 s  test/2.test.ts');
});

test('a file is marked after 30 seconds, an interop file after 5 minutes', () => {
  const files = [
    { path: 'test/a.test.ts', ms: 30_001 },
    { path: 'test/interop/b.test.ts', ms: 299_000 },
    { path: 'test/interop/c.test.ts', ms: 301_000 },
  ];
  assert.equal(
    report(files),
    'slowest files:\n' +
      '   301.0 s  test/interop/c.test.ts  SLOW: more than 300 s\n' +
      '   299.0 s  test/interop/b.test.ts\n' +
      '    30.0 s  test/a.test.ts  SLOW: more than 30 s\n',
  );
});

test('every marked file is listed, and a run of one file has no list', () => {
  const slow = Array.from({ length: 12 }, (_, number) => ({ path: `${number}`, ms: 40_000 }));
  assert.equal(report(slow).trimEnd().split('\n').length, 13);
  assert.equal(report(slow.slice(0, 1)), '');
});
