// Wrong usage: one voice, with the way to the help, and exit code 2.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { enjamb, QUIET, siteFolder } from './folder.ts';

/** Each row: the words, and what is said on stderr. */
const WRONG: readonly (readonly [words: string, said: string])[] = [
  ['s2s close', 'enjamb: missing required argument "domain"\nsee "enjamb s2s close --help"\n'],
  ['joins probe', 'enjamb: missing required argument "domain"\nsee "enjamb joins probe --help"\n'],
  [
    'joins forget romeo@a.example/x',
    'enjamb: missing required argument "room"\nsee "enjamb joins forget --help"\n',
  ],
  ['start --fast', 'enjamb: unknown option "--fast"\nsee "enjamb start --help"\n'],
  ['user ad', 'enjamb: unknown command "ad"\ndid you mean "add"?\nsee "enjamb user --help"\n'],
  [
    's2s list a b',
    'enjamb: too many arguments for "list". Expected 1 argument but got 2: a, b.\nsee "enjamb s2s list --help"\n',
  ],
  [
    'user add x@a.example',
    'enjamb: there is no terminal to ask for the password: pipe it in with --password-stdin, or use --generate\n',
  ],
  ['check nosuch', 'enjamb: there is no check "nosuch"; the checks are: config, certs, storage\n'],
  [
    'check cert',
    'enjamb: there is no check "cert"; the checks are: config, certs, storage\ndid you mean "certs"?\n',
  ],
];

for (const [words, said] of WRONG) {
  test(`wrong usage: ${words}`, async (t) => {
    const folder = siteFolder(t, { 'enjamb.toml': `${QUIET}[hosts."a.example"]\n` });
    const { code, out, err } = await enjamb(folder, ...words.split(' '));
    assert.deepEqual([code, out, err], [2, '', said]);
  });
}
