import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceOn } from '../../../src/config/advice.ts';
import { loadConfig } from '../../../src/config/config.ts';
import type { KnownModule } from '../../../src/config/modules.ts';
import { integer } from '../../../src/config/options.ts';

const number = integer('x', { default: 1 });
const KNOWN = new Map<string, KnownModule>([
  ['mam', { options: { mam_size: number, shared: number } }],
  ['pep', { options: { shared: number } }],
]);

/** Which settings of a configuration are doubtful. */
function doubts(text: string): readonly string[] {
  return adviceOn(loadConfig({ text: `${text}\n[hosts."a.example"]` }, KNOWN), KNOWN).map(
    ({ subject }) => subject,
  );
}

test('the defaults cause no advice', () => {
  assert.deepEqual(doubts(''), []);
});

test('reports each option that weakens encryption or authentication', () => {
  assert.deepEqual(doubts('s2s_secure_auth = false'), ['s2s_secure_auth']);
  assert.deepEqual(doubts('s2s_require_encryption = false'), ['s2s_require_encryption']);
  assert.deepEqual(doubts('allow_unencrypted_plain_auth = true'), ['allow_unencrypted_plain_auth']);
  assert.deepEqual(doubts('limits = false'), ['limits']);
  assert.deepEqual(doubts('storage = "memory"'), ['storage']);
});

test('an administrator of another server is pointed out, one of our own is not', () => {
  assert.deepEqual(doubts('admins = ["ann@a.example", "ann@b.example"]'), ['admins']);
});

test('an option of a module that runs nowhere is pointed out, a shared one only when none reads it', () => {
  assert.deepEqual(doubts('mam_size = 2'), ['mam_size']);
  assert.deepEqual(doubts('modules_enabled = ["mam"]\nmam_size = 2'), []);
  assert.deepEqual(doubts('modules_enabled = ["pep"]\nshared = 2'), []);
});
