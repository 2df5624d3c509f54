// Every option that is documented does something, and every one of the server itself is in the example file.

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'smol-toml';
import { readDefinitions } from '../../../scripts/docs/definitions.ts';
import { CORE_OPTIONS, HOST_ONLY_OPTIONS } from '../../../src/config/core-options.ts';

const ROOT = join(import.meta.dirname, '../../..');
const EXAMPLE = readFileSync(join(ROOT, 'enjamb.example.toml'), 'utf8');
const SERVER = Object.keys({ ...CORE_OPTIONS, ...HOST_ONLY_OPTIONS });
/** Files that only declare and check options. */
const CONFIG_ONLY = /src\/config\/(core-options|advice|ports|planned|validate)\.ts$/;

const code = globSync('{src,modules}/**/*.ts', { cwd: ROOT })
  .filter((path) => !CONFIG_ONLY.test(path))
  .map((path) => readFileSync(join(ROOT, path), 'utf8').replaceAll(/^\s*(\/\/|\*|\/\*).*$/gm, ''))
  .join('\n');

/** `x.option`, or a destructuring; a declaration (`option: duration(…)`) is none. */
function isRead(option: string): boolean {
  return new RegExp(`(\\.|[{,]\\s*)${option}\\b(?!\\s*:\\s*\\w+\\()`).test(code);
}

test('every option has code that reads it', async () => {
  const ofModules = (await readDefinitions()).flatMap(({ options = {} }) => Object.keys(options));
  assert.deepEqual(
    [...SERVER, ...ofModules].filter((option) => !isRead(option)),
    [],
  );
  assert.equal(isRead('http_ports'), false, 'the search itself works');
});

test('every option in the example file is one that the server or a module has', async () => {
  const ofModules = (await readDefinitions()).flatMap(({ options = {} }) => Object.keys(options));
  const { hosts, ...top } = parse(EXAMPLE);
  const keys = [top, ...Object.values(hosts as object)].flatMap((table) => Object.keys(table as object));
  const known = new Set([...SERVER, ...ofModules]);
  assert.deepEqual(
    keys.filter((key) => !known.has(key)),
    [],
  );
});

test('the example file explains every option of the server itself', () => {
  assert.deepEqual(
    SERVER.filter((option) => !new RegExp(`^(# )?(${option} = |\\[${option}\\])`, 'm').test(EXAMPLE)),
    [],
  );
});
