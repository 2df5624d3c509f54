// Reads passwords from standard input or a prompt without echo, or generates them. Never from the command line, which
// other users of the machine can read.

import type { Readable } from 'node:stream';
import { newId } from '../util/ids.ts';
import { CliError, type Terminal } from './terminal.ts';

export interface PasswordSource {
  passwordStdin?: boolean;
  generate?: boolean;
}

/** The most bytes that are read; the account code has its own limit. */
const MAX_BYTES = 4096;

/**
 * Gets a new password in the way that the options select.
 * @throws CliError when the options conflict, or no password was given.
 */
export async function newPassword(source: PasswordSource, terminal: Terminal): Promise<string> {
  if (source.generate === true && source.passwordStdin === true) {
    throw new CliError('--generate and --password-stdin cannot be combined: choose one', 2);
  }
  if (source.generate === true) return newId();
  if (source.passwordStdin === true) return notEmpty(await firstLine(terminal.stdin));
  if (terminal.stdin.isTTY !== true) {
    throw new CliError(
      'there is no terminal to ask for the password: pipe it in with --password-stdin, or use --generate',
      2,
    );
  }
  const first = notEmpty(await prompt('New password: ', terminal));
  if ((await prompt('Repeat the password: ', terminal)) !== first)
    throw new CliError('the two passwords differ; nothing was changed');
  return first;
}

function notEmpty(password: string): string {
  if (password === '') throw new CliError('the password is empty');
  return password;
}

async function firstLine(input: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of input) {
    const bytes = Buffer.from(chunk as Buffer | string);
    chunks.push(bytes);
    size += bytes.length;
    if (size > MAX_BYTES) throw new CliError(`the password is longer than ${MAX_BYTES} bytes`);
    if (bytes.includes(10)) break;
  }
  const [line = ''] = Buffer.concat(chunks).toString('utf8').split('\n');
  return line.replace(/\r$/, '');
}

const ENTER = new Set(['\r', '\n', '\u0004']);
const BACKSPACE = new Set(['\u007f', '\b']);

/** Asks on the terminal without echo. */
function prompt(question: string, { stdin, stderr }: Terminal): Promise<string> {
  stderr.write(question);
  stdin.setRawMode?.(true);
  return new Promise((resolve, reject) => {
    const typed: string[] = [];
    const finish = (settle: () => void): void => {
      stdin.off('data', onData);
      stdin.setRawMode?.(false);
      stdin.pause();
      stderr.write('\n');
      settle();
    };
    const onData = (data: Buffer): void => {
      for (const char of data.toString('utf8')) {
        if (char === '\u0003') return void finish(() => reject(new CliError('cancelled')));
        if (ENTER.has(char)) return void finish(() => resolve(typed.join('')));
        if (BACKSPACE.has(char)) typed.pop();
        else typed.push(char);
      }
    };
    stdin.on('data', onData);
    stdin.resume();
  });
}
