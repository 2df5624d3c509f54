// QXmpp (C++, Qt and OpenSSL).

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { run } from '../support/program.ts';
import { playsWithOthers } from './library-program.ts';
import { foreignScene } from './scene.ts';

const SOURCE = fileURLToPath(new URL('./qxmpp_client.cpp', import.meta.url));

test('QXmpp: rosters, chat, a room, a wrong password', { timeout: 60_000 }, async (t) => {
  const scene = await foreignScene(t);
  const program = join(scene.folder, 'qxmpp_client');
  const flags = (await run('pkg-config', ['--cflags', '--libs', 'qxmpp', 'Qt5Network'])).stdout
    .trim()
    .split(/\s+/);
  const compiled = await run('g++', ['-std=c++17', '-O0', '-fPIC', '-o', program, SOURCE, ...flags], {
    limitMs: 50_000,
  });
  assert.equal(compiled.code, 0, compiled.stderr);
  const words = { refused: /^refused NotAuthorized$/m, untrusted: /^untrusted The issuer certificate/m };
  await playsWithOthers(
    t,
    { name: 'QXmpp', command: [program], mechanism: 'SCRAM-SHA-256', ...words },
    scene,
  );
});
