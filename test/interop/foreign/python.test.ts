// Two Python stacks: Twisted Words and aioxmpp.

import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Element } from '../../../src/xml/element.ts';
import { playsWithOthers } from './library-program.ts';
import { HALL, ROMEO, type Scene } from './scene.ts';

const LIMIT = { timeout: 90_000 };
/** Debian's, for which its packages install Twisted. */
const PYTHON = '/usr/bin/python3';

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
