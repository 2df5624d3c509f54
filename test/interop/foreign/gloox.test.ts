// gloox (C++, GnuTLS), which binds SCRAM to TLS 1.2, and gives up if that is refused.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { run } from '../support/program.ts';
import { playsWithOthers } from './library-program.ts';
import { foreignScene } from './scene.ts';

const SOURCE = fileURLToPath(new URL('./gloox_client.cpp', import.meta.url));

test('gloox: tls-unique, rosters, chat, a room, a wrong password', { timeout: 60_000 }, async (t) => {
  const scene = await foreignScene(t);
  const program = join(scene.folder, 'gloox_client');
  const compiled = await run('g++', ['-std=c++17', '-O0', '-o', program, SOURCE, '-lgloox'], {
    limitMs: 30_000,
  });
  assert.equal(compiled.code, 0, compiled.stderr);
  const words = { refused: /^refused SaslNotAuthorized$/m, untrusted: /^untrusted 3$/m };
  await playsWithOthers(
    t,
    { name: 'gloox', command: [program], mechanism: 'SCRAM-SHA-1-PLUS', ...words },
    scene,
  );
});
