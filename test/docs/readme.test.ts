// The commands in README.md exist, with the arguments that it shows.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startServer } from '../support/server.ts';

const README = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8');
/** Commands of the program, which the server does not have. */
const LOCAL = ['start', 'check', 'backup', 'restore', 'archive compact', 'archive repair-time'];

interface Shown {
  readonly name: string;
  readonly positional: readonly string[];
}

/** The commands in the first column of the table; `a\|b` is two commands. */
function commandsInTable(): readonly Shown[] {
  const rows = README.split('\n').filter((line) => line.startsWith('| `enjamb '));
  const cells = rows.map((row) => row.replaceAll('\\|', '/').split('|')[1] ?? '');
  return cells.flatMap((cell) =>
    [...cell.matchAll(/`enjamb ([^`]+)`/g)].flatMap(([, text = '']) => read(text)),
  );
}

/** `s2s close/ping DOMAIN` is two commands with one argument. */
function read(text: string): readonly Shown[] {
  const words = text.split(' ');
  const isName = (word: string) => /^[a-z0-9/-]+$/.test(word);
  const count = words.findIndex((word) => !isName(word));
  const name = count === -1 ? words : words.slice(0, count);
  const rest = count === -1 ? [] : words.slice(count);
  const positional = rest.filter((word) => /^\[?[A-Z]/.test(word) && !word.startsWith('[--'));
  const last = name.at(-1)!.split('/');
  return last.map((verb) => ({ name: [...name.slice(0, -1), verb].join(' '), positional }));
}

test('every command in README.md exists, with the same number of arguments', async (t) => {
  const { server } = await startServer(t, {
    config: '[hosts."a.example"]\n[hosts."rooms.a.example"]\ncomponent = "muc"',
  });
  const shown = commandsInTable().filter(({ name }) => !LOCAL.includes(name));
  assert.ok(shown.length > 20, 'the table is found');
  const known = new Map(server.commands.list().map((command) => [command.name, command]));
  for (const { name, positional } of shown) {
    const command = known.get(name);
    assert.ok(command !== undefined, `enjamb ${name} does not exist`);
    assert.equal(positional.length, command.positional?.length ?? 0, `arguments of enjamb ${name}`);
  }
});

test('README.md lists every command of the server', async (t) => {
  const { server } = await startServer(t, {
    config: '[hosts."a.example"]\n[hosts."rooms.a.example"]\ncomponent = "muc"',
  });
  const shown = new Set(commandsInTable().map(({ name }) => name));
  const missing = server.commands.list().filter(({ name }) => !shown.has(name));
  assert.deepEqual(
    missing.map(({ name }) => name),
    [],
  );
});
