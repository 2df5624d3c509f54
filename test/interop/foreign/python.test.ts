// Two Python stacks: xmpppy, from PyPI because Debian has it no longer, and Twisted Words.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { run } from '../support/program.ts';
import { playsWithOthers } from './library-program.ts';
import { foreignScene } from './scene.ts';

const LIMIT = { timeout: 90_000 };
/** Debian's, for which its packages install Twisted. */
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
    fileOf('requirements.txt'),
  );
  const command = [join(environment, 'bin/python'), fileOf('xmpppy_client.py')];
  const words = {
    refused: /Failed SASL authentification: <not-authorized/,
    untrusted: /^untrusted .*certificate verify failed/m,
  };
  await playsWithOthers(t, { name: 'xmpppy', command, mechanism: 'PLAIN', ...words }, scene);
});

test('Twisted Words: rosters, chat, a room, a wrong password', LIMIT, async (t) => {
  const command = [PYTHON, fileOf('twisted_client.py')];
  const words = {
    refused: /^refused .*not-authorized/m,
    untrusted: /^untrusted .*certificate verify failed/m,
  };
  await playsWithOthers(t, { name: 'twisted', command, mechanism: 'PLAIN', ...words });
});

function fileOf(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

async function succeeds(command: string, ...args: string[]): Promise<void> {
  const { code, stderr } = await run(command, args, { limitMs: 40_000 });
  assert.equal(code, 0, `${command} ${args.join(' ')}: ${stderr}`);
}
