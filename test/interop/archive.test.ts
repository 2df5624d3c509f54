// XEP-0313: the archive, as libraries and programs read it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ENJAMB } from './support/addresses.ts';
import { run } from './support/program.ts';
import { PASSWORD } from './support/world.ts';
import { JULIET, login, ROMEO, type Scene, scene, writes } from './support-archive/scene.ts';

const LIMIT = { timeout: 120_000 };
/** Debian's, for which its packages install the libraries. */
const PYTHON = '/usr/bin/python3';
const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => `${from + i}`);

/** Romeo writes 12 messages, Juliet 11. */
async function conversation(t: Parameters<typeof scene>[0]): Promise<Scene> {
  const there = await scene(t);
  await writes(there.romeo, JULIET, ...numbers(1, 12));
  const juliet = await login(t, `${JULIET}/balcony`);
  await writes(juliet, `${ROMEO}/orchard`, ...numbers(13, 22));
  await writes(juliet, JULIET, '23');
  juliet.drop();
  return there;
}

/** Runs a program that reads Juliet's archive, and returns what it has found. */
async function found({ caPath }: Scene, script: string, ...more: string[]): Promise<Record<string, unknown>> {
  const file = fileURLToPath(new URL(`support-archive/${script}`, import.meta.url));
  const place = [ENJAMB.address, `${ENJAMB.c2s}`, caPath];
  const args = ['-W', 'ignore', file, JULIET, PASSWORD, ...place, ...more];
  const { code, stdout, stderr } = await run(PYTHON, args, { limitMs: 90_000 });
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as Record<string, unknown>;
}

test('slixmpp pages through the archive both ways, and reads its form and its metadata', LIMIT, async (t) => {
  const there = await conversation(t);
  const { ids, start, end, ...rest } = await found(there, 'slixmpp_archive.py', ROMEO);
  assert.deepEqual(rest, {
    forwards: numbers(1, 23),
    backwards: numbers(1, 23).toReversed(),
    'by address': numbers(1, 23),
    'with the contact': numbers(1, 22),
    'with nobody': [],
    'until long ago': [],
    'since long ago': 23,
    fields: [
      'FORM_TYPE',
      'with',
      'start',
      'end',
      'before-id',
      'after-id',
      'ids',
      'include-groupchat',
      '{urn:xmpp:fulltext:0}fulltext',
    ],
    'unknown id': 'item-not-found',
  });
  const [first, ...others] = ids as string[];
  assert.equal(first, start);
  assert.equal(others.length, 2);
  assert.notEqual(end, start);
  await there.enjamb.stop();
});

test('aioxmpp pages through the archive both ways', LIMIT, async (t) => {
  const there = await conversation(t);
  const pages = await found(there, 'aioxmpp_archive.py');
  assert.deepEqual(pages, { forwards: numbers(1, 23), backwards: numbers(1, 23) });
  await there.enjamb.stop();
});
