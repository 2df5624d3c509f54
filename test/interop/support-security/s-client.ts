// The client of openssl: its output about a handshake, and a stream over it.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { atEnd, type Clean } from '../../support/clean-up.ts';
import { run } from '../support/program.ts';
import { withinMs } from '../support/waiting.ts';

const ANSWER_MS = 15_000;

export interface Door {
  readonly address: string;
  readonly port: number;
  /** The domain for STARTTLS; `undefined`: TLS from the first byte. */
  readonly starttls?: string;
}

/** The output of openssl for a handshake with these options. It disconnects after it, or after `input`. */
export async function handshake(door: Door, options: readonly string[], input = ''): Promise<string> {
  const { stdout, stderr } = await run('openssl', ['s_client', ...argumentsFor(door), ...options], { input });
  return `${stdout}\n${stderr}`;
}

/** Runs another command of openssl. @throws AssertionError unless it exits with 0 */
export async function openssl(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run('openssl', args);
  assert.equal(code, 0, `openssl ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** A stream through openssl, with the keying material that it exports (RFC 9266 §2). */
export class SClient {
  readonly #child: ChildProcess;
  #text = '';
  #wake: () => void = () => {};
  #isOver = false;

  constructor(t: Clean, door: Door, options: readonly string[] = []) {
    const exporter = ['-keymatexport', 'EXPORTER-Channel-Binding', '-keymatexportlen', '32'];
    const args = ['s_client', ...argumentsFor(door), ...exporter, '-ign_eof', ...options];
    this.#child = spawn('openssl', args, { stdio: ['pipe', 'pipe', 'ignore'] });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#text += text;
      this.#wake();
    });
    const ended = once(this.#child, 'close').then(() => {
      this.#isOver = true;
      this.#wake();
    });
    atEnd(t, async () => {
      this.#child.kill('SIGKILL');
      await ended;
    });
  }

  /** The value for tls-exporter according to openssl. */
  async exporter(): Promise<Buffer> {
    const said = await this.reads(/Keying material: [0-9A-F]{64}\b/);
    return Buffer.from(said.slice(-64), 'hex');
  }

  /** Sends text. It must not begin with Q or R, which openssl takes for commands. */
  send(xml: string): void {
    this.#child.stdin?.write(xml);
  }

  /** Waits for this text, and returns all output up to its end. */
  reads(expected: RegExp): Promise<string> {
    const what = `${expected} from openssl`;
    return withinMs(ANSWER_MS, what, this.#reads(expected));
  }

  async #reads(expected: RegExp): Promise<string> {
    for (;;) {
      const match = expected.exec(this.#text);
      if (match) {
        const end = match.index + match[0].length;
        const text = this.#text.slice(0, end);
        this.#text = this.#text.slice(end);
        return text;
      }
      assert.ok(!this.#isOver, `openssl has ended before ${expected} came: ${this.#text}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

function argumentsFor({ address, port, starttls }: Door): string[] {
  const connect = ['-connect', `${address}:${port}`];
  return starttls === undefined ? connect : [...connect, '-starttls', 'xmpp', '-xmpphost', starttls];
}
