// Runs alone, because pip needs the network of the machine. xmpppy is a Python library from PyPI, which Debian has
// removed.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { run } from '../support/program.ts';
import { playsWithOthers } from './library-program.ts';
import { foreignScene } from './scene.ts';

const LIMIT = { timeout: 90_000 };
const PYTHON = '/usr/bin/python3';

test('xmpppy: rosters, chat, a room, a wrong password', LIMIT, async (t) => {
  const scene = await foreignScene(t);
  const environment = join(scene.folder, 'python');
  await succeeds(PYTHON, '-m', 'venv', environment);
  const pip = [
    join(environment, 'bin/pip'),
    'install',
    '--quiet',
    '--disable-pip-version-check',
    '--retries',
    '5',
  ] as const;
  await succeeds(
    ...pip,
    '--no-deps',
    '--only-binary',
    ':all:',
    '--require-hashes',
    '--requirement',
    fileURLToPath(new URL('requirements.txt', import.meta.url)),
  );
  const command = [
    join(environment, 'bin/python'),
    fileURLToPath(new URL('xmpppy_client.py', import.meta.url)),
  ];
  const words = {
    refused: /Failed SASL authentification: <not-authorized/,
    untrusted: /^untrusted .*certificate verify failed/m,
  };
  await playsWithOthers(t, { name: 'xmpppy', command, mechanism: 'PLAIN', ...words }, scene);
});

async function succeeds(command: string, ...args: string[]): Promise<void> {
  const { code, stderr } = await run(command, args, { limitMs: 40_000 });
  assert.equal(code, 0, `${command} ${args.join(' ')}: ${stderr}`);
}
