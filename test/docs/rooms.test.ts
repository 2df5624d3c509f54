// docs/rooms.md, and what README.md says about the same.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { options as rejoinOptions } from '../../modules/muc_autorejoin/shared/options.ts';
import { options as pingOptions } from '../../modules/ping_muc/options.ts';

const ROOT = join(import.meta.dirname, '../..');
const PAGE = readFileSync(join(ROOT, 'docs/rooms.md'), 'utf8');
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');

test('both pages name the default mode', () => {
  const { default: mode } = rejoinOptions.muc_autorejoin;
  assert.match(PAGE, new RegExp(`The default is \`"${mode}"\``));
  assert.match(README, new RegExp(`By default, the mode is \`"${mode}"\``));
});

test('every option on the page exists', () => {
  const named = [...PAGE.matchAll(/`((?:muc_autorejoin|ping_muc)\w*)[` ]/g)].map(([, name = '']) => name);
  assert.ok(named.length > 10, 'options are found');
  const known = { ...rejoinOptions, ...pingOptions };
  assert.deepEqual(
    named.filter((name) => !(name in known)),
    [],
  );
});
