import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseWords, type RemoteCommand } from '../../../src/cli/dynamic.ts';

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

test('words are arguments by position, flags by name; a truth value needs no word of its own', () => {
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
