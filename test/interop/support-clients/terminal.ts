// A program in its own terminal, used by keys and screen. The terminal is a tmux server that
// ends with the test, and the program with it, for then its terminal is gone.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clean } from '../../support/clean-up.ts';
import { Program, run } from '../support/program.ts';
import { until } from '../support/waiting.ts';

const READ_MS = 20_000;
/** The text that the shell prints when the program ends. */
const EXIT_CODE = 'exit code';

export interface TerminalOptions {
  /** The socket is made in it, so the path is short. */
  readonly folder: string;
  /** For a shell, without single quotes. */
  readonly command: string;
  readonly env: Readonly<Record<string, string>>;
}

export class Terminal {
  readonly #socket: string;

  /** All that the program writes. */
  readonly #output: string;

  private constructor(socket: string, output: string) {
    this.#socket = socket;
    this.#output = output;
  }

  static async start(t: Clean, { folder, command, env }: TerminalOptions): Promise<Terminal> {
    const socket = join(folder, 'tmux.socket');
    const config = join(folder, 'tmux.conf');
    await writeFile(config, configuration(command));
    new Program(t, 'tmux', {
      command: 'tmux',
      args: ['-D', '-S', socket, '-f', config],
      env,
      logFile: join(folder, 'tmux.log'),
    });
    const output = join(folder, 'tmux.output');
    const terminal = new Terminal(socket, output);
    await until(
      'a terminal',
      async () => (await terminal.#tmux('has-session')).code === 0 || undefined,
      READ_MS,
    );
    await terminal.#tmux('pipe-pane', `cat >> ${output}`);
    return terminal;
  }

  /** Types a line and Enter. */
  async type(line: string): Promise<void> {
    const { code, stderr } = await this.#tmux('send-keys', '-l', '--', line, ';', 'send-keys', 'Enter');
    assert.equal(code, 0, stderr);
  }

  /** Types text without Enter. */
  async write(text: string): Promise<void> {
    const { code, stderr } = await this.#tmux('send-keys', '-l', '--', text);
    assert.equal(code, 0, stderr);
  }

  /** Types one key by its name, such as "C-n". */
  async press(key: string): Promise<void> {
    const { code, stderr } = await this.#tmux('send-keys', key);
    assert.equal(code, 0, stderr);
  }

  /** The text on the screen. */
  async screen(): Promise<string> {
    const { stdout } = await this.#tmux('capture-pane', '-p');
    return stdout.trimEnd();
  }

  /** Resolves when this is on the screen, now or later. @throws Error with the screen */
  shows(text: string): Promise<void> {
    return this.#until(`"${text}" on the screen`, async () => (await this.screen()).includes(text));
  }

  /** Resolves when the program has ended with exit code 0. */
  ended(): Promise<void> {
    return this.shows(`${EXIT_CODE} 0`);
  }

  /** The number of bells that it has rung. */
  async bells(): Promise<number> {
    const output = await readFile(this.#output, 'latin1').catch(() => '');
    return output.replaceAll(/\x1b\][^\x07]*\x07/g, '').split('\x07').length - 1;
  }

  /** Closes the terminal, which ends the program. */
  async stop(): Promise<void> {
    await this.#tmux('kill-server');
  }

  async #until(what: string, isSo: () => Promise<boolean>): Promise<void> {
    try {
      await until(what, async () => (await isSo()) || undefined, READ_MS);
    } catch (error) {
      throw new Error(`${what}, which is:\n${await this.screen()}`, { cause: error });
    }
  }

  #tmux(...words: string[]) {
    return run('tmux', ['-S', this.#socket, ...words]);
  }
}

/** Wide enough that no line is broken. After the program ends, its last output and its exit code stay on the screen. */
function configuration(command: string): string {
  return [
    'set -g default-shell /bin/sh',
    'set -g default-size 160x100',
    `new-session -d '${command}; echo "${EXIT_CODE} $?"; exec cat'`,
    '',
  ].join('\n');
}
