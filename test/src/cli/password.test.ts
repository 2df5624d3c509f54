import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { newPassword } from '../../../src/cli/password.ts';
import type { Terminal } from '../../../src/cli/terminal.ts';

/** A terminal whose user types `keys`, each when it is asked. */
function terminal(isTTY: boolean, answers: readonly string[]): Terminal & { shown: () => string } {
  const stdin = Object.assign(new PassThrough(), { isTTY, setRawMode: () => {} });
  const stderr = new PassThrough();
  const shown: string[] = [];
  const left = [...answers];
  stderr.on('data', (data: Buffer) => {
    shown.push(data.toString());
    if (data.toString().endsWith(': ')) stdin.write(left.shift() ?? '\u0003');
  });
  return { stdin, stderr, stdout: new PassThrough(), shown: () => shown.join('') };
}

function piped(text: string): Terminal {
  const io = terminal(false, []);
  (io.stdin as unknown as PassThrough).end(text);
  return io;
}

test('a prompt asks twice and shows nothing of the input', async () => {
  const io = terminal(true, ['hunterX\u007f2\r', 'hunter2\r']);
  assert.equal(await newPassword({}, io), 'hunter2');
  assert.equal(io.shown(), 'New password: \nRepeat the password: \n');
});

test('two different answers, an empty one, and Ctrl-C end the prompt', async () => {
  await assert.rejects(newPassword({}, terminal(true, ['one\r', 'two\r'])), /the two passwords differ/);
  await assert.rejects(newPassword({}, terminal(true, ['\r'])), /the password is empty/);
  await assert.rejects(newPassword({}, terminal(true, ['se\u0003'])), /cancelled/);
});

test('the password on standard input is the first line, without its end', async () => {
  for (const text of ['pencil\n', 'pencil\r\nrest\n', 'pencil']) {
    assert.equal(await newPassword({ passwordStdin: true }, piped(text)), 'pencil');
  }
  assert.equal(await newPassword({ passwordStdin: true }, piped(' spaces stay \n')), ' spaces stay ');
  await assert.rejects(newPassword({ passwordStdin: true }, piped('\n')), /empty/);
  await assert.rejects(newPassword({ passwordStdin: true }, piped('x'.repeat(5000))), /longer than/);
});

test('a generated password has 120 random bits, and differs each time', async () => {
  const [first, second] = [
    await newPassword({ generate: true }, piped('')),
    await newPassword({ generate: true }, piped('')),
  ];
  assert.match(first, /^[\w-]{20}$/);
  assert.notEqual(first, second);
});

test('without a terminal, exactly one source of the password must be given', async () => {
  await assert.rejects(newPassword({}, piped('pencil\n')), { exitCode: 2 });
  await assert.rejects(newPassword({ generate: true, passwordStdin: true }, piped('')), { exitCode: 2 });
});
