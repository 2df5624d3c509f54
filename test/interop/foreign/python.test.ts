// Three Python stacks: xmpppy, from PyPI because Debian has it no longer, Twisted Words, and aioxmpp.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Element } from '../../../src/xml/element.ts';
import { run } from '../support/program.ts';
import { playsWithOthers } from './library-program.ts';
import { foreignScene, HALL, ROMEO, type Scene } from './scene.ts';

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

test('aioxmpp: rosters, chat, a room that it leaves and enters again, a wrong password', LIMIT, async (t) => {
  const command = [PYTHON, '-W', 'ignore', fileOf('aioxmpp_client.py')];
  const words = {
    refused: /^refused .*not-authorized/m,
    untrusted: /^untrusted .*certificate verify failed/m,
  };
  await playsWithOthers(t, {
    name: 'aioxmpp',
    command,
    mechanism: 'SCRAM-SHA-256',
    ...words,
    also: leavesAndReturns,
  });
});

/** XEP-0045 §7.14: aioxmpp leaves by the room's own address. Its nick must be free for the next visit. */
async function leavesAndReturns(
  { juliet }: Scene,
  reports: (line: string) => Promise<string>,
): Promise<void> {
  const fromRomeo = (it: Element) => it.is('presence') && it.attrs.from === `${HALL}/Romeo`;
  juliet.send(ROMEO, 'leave');
  await reports('left');
  await juliet.stanza('Romeo leaving', (it) => fromRomeo(it) && it.attrs.type === 'unavailable');
  const since = juliet.stanzas.length;
  juliet.send(ROMEO, 'enter');
  await juliet.stanza('Romeo returning', (it) => fromRomeo(it) && it.attrs.type === undefined, { since });
  juliet.send(HALL, 'Romeo, Romeo!', 'groupchat');
  await reports('room Romeo, Romeo!');
}

function fileOf(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

async function succeeds(command: string, ...args: string[]): Promise<void> {
  const { code, stderr } = await run(command, args, { limitMs: 40_000 });
  assert.equal(code, 0, `${command} ${args.join(' ')}: ${stderr}`);
}
