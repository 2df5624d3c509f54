// The declaration files of the package: what the authors of modules compile against.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '../..');
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');

function tsc(...args: string[]): readonly string[] {
  const { stdout } = spawnSync(process.execPath, [TSC, ...args], { cwd: ROOT, encoding: 'utf8' });
  return stdout.split('\n').filter((line) => line.includes('error TS'));
}

// The compiler drops imports of interfaces that another file merges with, so modules import these under another name.
test('the declaration files of all modules have no errors', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'enjamb-types-'));
  t.after(() => rmSync(folder, { recursive: true }));
  assert.deepEqual(
    tsc(
      '-p',
      'tsconfig.build.json',
      '--emitDeclarationOnly',
      '--sourceMap',
      'false',
      '--outDir',
      join(folder, 'dist'),
    ),
    [],
  );
  copyFileSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2024',
    strict: true,
    noEmit: true,
    types: ['node'],
  };
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, include: ['dist/modules/**/*.d.ts', 'dist/src/api/stream.d.ts'] }),
  );
  const ownTypesOfLtx = /Could not find a declaration file for module 'ltx'/;
  assert.deepEqual(
    tsc('-p', folder).filter((line) => !ownTypesOfLtx.test(line)),
    [],
  );
});
