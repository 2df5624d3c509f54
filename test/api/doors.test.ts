// The doors of the server: a change of what they promise is a change of contract, and is reviewed as one. After such a change:
// node --conditions=source --test --test-update-snapshots test/api/doors.test.ts, and a line in docs/api-changes.md.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as api from 'enjamb/api';
import * as stream from 'enjamb/api/stream';
import * as xep from 'enjamb/xep';
import { DOORS, describeDoors } from './doors.ts';

const ROOT = join(import.meta.dirname, '../..');
const doors = describeDoors();

for (const [file, text] of doors) {
  test(`${DOORS[file]} promises what test/api/${file} says`, (t) => {
    const snapshot = join(import.meta.dirname, file);
    t.assert.fileSnapshot(`${text}\n`, snapshot, { serializers: [(value: unknown) => String(value)] });
  });
}

test('each door is an explicit list', () => {
  for (const path of Object.values(DOORS)) {
    assert.doesNotMatch(readFileSync(join(ROOT, path), 'utf8'), /export (?:type )?\*/, path);
  }
});

test('every value that a door exports is in its snapshot', () => {
  const values = { 'api.txt': api, 'stream.txt': stream, 'xep.txt': xep };
  for (const [file, exported] of Object.entries(values)) {
    const declared = new Set(
      [...(doors.get(file) ?? '').matchAll(/^(?:class|function|const) (\w+)/gm)].map(([, name]) => name),
    );
    assert.deepEqual(
      Object.keys(exported).filter((name) => !declared.has(name)),
      [],
      file,
    );
  }
});

test('a module that imports enjamb/api alone does not see what enjamb/api/stream adds', () => {
  const membersOf = (text: string) =>
    [...text.matchAll(/^ {4,8}(?:readonly )?'?([\w-]+)'?[(:?]/gm)].map(([, name]) => name);
  const added = [...(doors.get('stream.txt') ?? '').matchAll(/^ {4}interface (\w+) \{\n([\s\S]*?)^ {4}\}/gm)];
  assert.deepEqual(
    added.map(([, name]) => name),
    ['Events', 'Items', 'C2SSession', 'S2SStream'],
  );
  for (const [, name = '', body = ''] of added) {
    const promised =
      new RegExp(`^interface ${name}\\b[^]*?^\\}`, 'm').exec(doors.get('api.txt') ?? '')?.[0] ?? '';
    assert.notEqual(promised, '', name);
    const visible = new Set(membersOf(promised));
    assert.deepEqual(
      membersOf(body).filter((member) => visible.has(member) && member !== 'session'),
      [],
      name,
    );
  }
});

test('no name is in two doors', () => {
  const names = [...doors.values()].flatMap((text) => {
    const [exported = ''] = text.split('// Not exported');
    const found = exported.matchAll(/^(?:abstract )?(?:interface|type|class|function|const) (\w+)/gm);
    return [...new Set([...found].map(([, name]) => name))];
  });
  assert.deepEqual(
    names.filter((name, index) => names.indexOf(name) !== index),
    [],
  );
});
