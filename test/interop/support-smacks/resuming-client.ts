// A client made with slixmpp that resumes by itself.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Element } from '../../../src/xml/element.ts';
import type { Clean } from '../../support/clean-up.ts';
import { parseXml } from '../../support/match.ts';
import { Program } from '../support/program.ts';
import type { Login, Report } from '../support/slixmpp.ts';
import { until } from '../support/waiting.ts';

const SCRIPT = fileURLToPath(new URL('./resuming_client.py', import.meta.url));
const PYTHON = '/usr/bin/python3';
const LIMIT_MS = 20_000;

export class ResumingClient {
  /** Everything reported so far, in order. */
  readonly reports: Report[] = [];
  readonly #program: Program;
  readonly #caPath: string;

  constructor(t: Clean, { folder, caPath, name }: { folder: string; caPath: string; name: string }) {
    this.#caPath = caPath;
    this.#program = new Program(t, name, {
      command: PYTHON,
      args: [SCRIPT],
      logFile: join(folder, `${name}.log`),
    });
    this.#program.onStdout((line) => this.reports.push(JSON.parse(line) as Report));
  }

  /** Resolves once stream management is enabled and the client is available. */
  async login(login: Login): Promise<void> {
    this.#do('login', { ...login, ca: this.#caPath });
    await this.reported('enabled');
    await this.reported('session');
  }

  async join(room: string, nick: string): Promise<void> {
    this.#do('join', { room, nick });
    await this.reported('joined');
  }

  send(to: string, body: string, type: 'chat' | 'groupchat'): void {
    this.#do('send', { to, body, type });
  }

  async logout(): Promise<void> {
    const count = this.count('disconnected');
    this.#do('logout', {});
    await this.reported('disconnected', count + 1);
  }

  /** Resolves when this was reported at least `times` times. */
  async reported(event: string, times = 1): Promise<void> {
    const enough = (): true | undefined => (this.count(event) >= times ? true : undefined);
    await until(`"${event}" of ${this.#program.name}`, enough, LIMIT_MS);
  }

  count(event: string): number {
    return this.reports.filter((report) => report.event === event).length;
  }

  /** Everything received so far, in order. */
  get stanzas(): Element[] {
    return this.reports.filter(({ event }) => event === 'stanza').map(({ xml }) => parseXml(String(xml)));
  }

  /** The texts received from an address, in order. */
  texts(from: string): string[] {
    const messages = this.stanzas.filter((it) => it.is('message') && it.attrs.from === from);
    return messages.map((it) => it.getChildText('body')).filter((text) => text !== undefined);
  }

  #do(command: string, args: object): void {
    this.#program.writeLine(JSON.stringify({ do: command, ...args }));
  }
}
