import assert from 'node:assert/strict';
import { test } from 'node:test';
import { help, parseWords, type RemoteCommand } from '../../../src/cli/dynamic.ts';

const COMMAND: RemoteCommand = {
  name: 'rooms create',
  summary: 'Creates a room',
  positional: ['room'],
  args: [
    { name: 'room', doc: 'The room', takes: 'an address', required: true },
    { name: 'max_users', doc: 'How many', takes: 'an integer', required: false },
    { name: 'hidden', doc: 'Not listed', takes: 'true or false', required: false },
  ],
};

test('words are arguments by position, flags by name; a boolean flag takes no value', () => {
  const words = ['--hidden', 'hall@rooms.example.org', '--max-users', '20', '--host=a.example'];
  assert.deepEqual(parseWords(COMMAND, words), {
    room: 'hall@rooms.example.org',
    max_users: '20',
    hidden: true,
    host: 'a.example',
  });
});

test('unknown flags, missing values and too many words are wrong usage', () => {
  for (const words of [['--colour', 'blue'], ['--max-users'], ['one', 'two']]) {
    assert.throws(() => parseWords(COMMAND, words), { name: 'CliError', exitCode: 2 }, words.join(' '));
  }
});

test('the help explains each argument, and has optional ones in brackets', () => {
  const optional = { ...COMMAND, positional: ['room', 'max_users'] };
  assert.equal(
    help(optional),
    `Creates a room
usage: enjamb rooms create ROOM [MAX_USERS] [--hidden …]
  ROOM       The room
  MAX_USERS  How many
  --hidden   Not listed
`,
  );
});
