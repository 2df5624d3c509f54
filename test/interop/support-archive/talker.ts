// Clients that go on talking while their server is killed, and that come back to their archive: one program each, made with a
// common library.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Clean } from '../../support/clean-up.ts';
import { Program } from '../support/program.ts';
import { until } from '../support/waiting.ts';

const START_MS = 20_000;
const LOGIN_MS = 60_000;
/** Debian's, for which its package installs slixmpp. */
const PYTHON = '/usr/bin/python3';

const SCRIPTS = { slixmpp: './talker.py', '@xmpp/client': './talker.js', stanza: './stanza_talker.js' };

export interface TalkerOptions {
  readonly folder: string;
  readonly caPath: string;
  /** Full. */
  readonly jid: string;
  readonly password: string;
  readonly host: string;
  readonly port: number;
  readonly library: 'slixmpp' | '@xmpp/client' | 'stanza';
  /** It asks for the archive before it becomes available. slixmpp only; stanza always does, @xmpp/client never. */
  readonly archive?: boolean;
  /** Default true. The others always do. */
  readonly resumes?: boolean;
  /** The last id of the archive that it knows. Default: none, as in a new profile. */
  readonly last?: string | undefined;
  /** The URL for stanza. */
  readonly webSocket?: string;
}

/** A message that a client got. */
export interface Got {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** That of the message, which is its text too. */
  readonly id: string;
  readonly sender: string;
  /** By the account of the client (XEP-0359). */
  readonly stanza_id?: string;
  readonly way: 'live' | 'archive';
  readonly delayed: boolean;
  readonly kind: 'text' | 'retraction' | 'tombstone';
}

type Report = Partial<Got> & { readonly event: string; readonly at: number; readonly resumed?: boolean };

export class Talker {
  readonly options: TalkerOptions;
  /** All messages that it got, in order. */
  readonly got: Got[] = [];
  /** Messages that it was told to send, until the server has acknowledged them (XEP-0198 §4). */
  readonly pending = new Set<string>();
  readonly acknowledged = new Set<string>();
  /** Messages that it sent again in a new session. */
  readonly resent = new Set<string>();
  /** Errors that it got for its messages. */
  readonly refused: string[] = [];
  /** How many times the archive no longer had the last id that it knew. */
  losses = 0;
  isUp = false;
  /** How many times its session was resumed. */
  resumptions = 0;
  readonly #program: Program;

  constructor(t: Clean, options: TalkerOptions) {
    const { folder, library, caPath } = options;
    const name = nameOf(options.jid);
    const script = fileURLToPath(new URL(SCRIPTS[library], import.meta.url));
    this.options = options;
    this.#program = new Program(t, name, {
      command: library === 'slixmpp' ? PYTHON : process.execPath,
      args: [script],
      env: { NODE_EXTRA_CA_CERTS: caPath },
      logFile: join(folder, `${name}.log`),
    });
    void this.#program.exited.then(() => {
      this.isUp = false;
    });
    this.#program.onStdout((line) => this.#take(JSON.parse(line) as Report));
  }

  /** Resolves when it is available. */
  async login(): Promise<void> {
    await this.#program.line((line) => line.includes('"ready"'), START_MS);
    const { caPath: ca, archive = false, resumes = true, library, ...login } = this.options;
    const { jid, password, host, port, last, webSocket } = login;
    const more = library === 'slixmpp' ? { ca, archive, resumes, last } : { last, webSocket };
    this.#do('login', { jid, password, host, port, ...more });
    await this.back();
  }

  /** Resolves when it is available, again. */
  async back(): Promise<void> {
    const isUp = () => this.isUp || !this.#program.isRunning || undefined;
    const well = until(`${this.options.jid} available`, isUp, LOGIN_MS).then(() => this.isUp);
    if (!(await well.catch(() => false)))
      throw new Error(`${this.options.jid} is gone:\n${this.#program.tail()}`);
  }

  say(to: string, id: string): void {
    this.pending.add(id);
    this.#do('say', { to, id });
  }

  /** Breaks its connection. */
  cut(): void {
    this.#do('cut', {});
  }

  /** Resolves when the program has ended. */
  async logout(): Promise<void> {
    this.#do('logout', {});
    await until(`the end of ${this.options.jid}`, () => !this.isUp || undefined, LOGIN_MS);
    this.#program.kill('SIGKILL');
    await this.#program.exited;
  }

  #do(command: string, args: object): void {
    this.#program.writeLine(JSON.stringify({ do: command, ...args }));
  }

  #take(report: Report): void {
    const { event, id = '' } = report;
    if (event === 'got') this.got.push(report as Report & Got);
    else if (event === 'lost') this.losses++;
    else if (event === 'resent') this.resent.add(id);
    else if (event === 'error') this.refused.push(id);
    else if (event === 'up' || event === 'down') this.isUp = event === 'up';
    if (report.resumed === true) this.resumptions++;
    if (event !== 'acked') return;
    this.pending.delete(id);
    this.acknowledged.add(id);
  }
}

export function nameOf(jid: string): string {
  return jid.replace(/@.*/, '');
}
