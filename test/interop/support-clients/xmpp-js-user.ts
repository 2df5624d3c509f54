// A client made with @xmpp/client, in a process of its own: only there does it trust the authority of the tests.

import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Element } from '../../../src/xml/element.ts';
import { Jid } from '../../../src/xml/jid.ts';
import type { Clean } from '../../support/clean-up.ts';
import { parseXml } from '../../support/match.ts';
import { ENJAMB } from '../support/addresses.ts';
import { Program } from '../support/program.ts';
import { withinMs } from '../support/waiting.ts';
import { type Inbox, ReportingUser } from './reporting-user.ts';
import type { Door, User } from './user.ts';

const SCRIPT = fileURLToPath(new URL('./xmpp_js_client.js', import.meta.url));
const ANSWER_MS = 20_000;

interface Report {
  readonly event: string;
  readonly [field: string]: unknown;
}

export interface XmppJsOptions {
  readonly folder: string;
  /** PEM; undefined: it trusts only the authorities that it knows. */
  readonly caPath?: string;
  readonly jid: string;
  readonly password: string;
}

export class XmppJsUser extends ReportingUser {
  readonly program = '@xmpp/client';
  readonly #script: Script;
  readonly #password: string;

  private constructor(script: Script, jid: string, password: string) {
    super(script, jid, 'balcony');
    this.#script = script;
    this.#password = password;
  }

  /** Ready to log in. It ends with the test. */
  static async start(t: Clean, { folder, caPath, jid, password }: XmppJsOptions): Promise<XmppJsUser> {
    const program = new Program(t, 'xmpp-js', {
      command: process.execPath,
      args: [SCRIPT],
      ...(caPath === undefined ? {} : { env: { NODE_EXTRA_CA_CERTS: caPath } }),
      logFile: join(folder, 'xmpp-js.log'),
    });
    const script = new Script(program);
    await program.line((line) => line.includes('"ready"'), ANSWER_MS);
    return new XmppJsUser(script, jid, password);
  }

  async login(door: Door): Promise<void> {
    const outcome = await this.tryLogin(door);
    assert.deepEqual(outcome, { ...outcome, event: 'session', jid: this.fullJid, secure: true });
  }

  /** Resolves with a report "session", or "refused" with the reason. */
  async tryLogin({ tls, port }: Door): Promise<Report> {
    const { local: username, domain, resource } = Jid.parse(this.fullJid);
    const service = `${tls === 'direct' ? 'xmpps' : 'xmpp'}://${domain}:${port}`;
    const { address } = ENJAMB;
    this.#script.run('login', { service, address, domain, username, password: this.#password, resource });
    return await this.#script.report('session', 'refused');
  }

  async request({ jid }: User): Promise<void> {
    this.#script.run('presence', { to: jid, type: 'subscribe' });
  }

  async approve(contact: User): Promise<void> {
    await this.asked(contact);
    this.#script.run('presence', { to: contact.jid, type: 'subscribed' });
  }

  async send({ jid }: Pick<User, 'jid'>, text: string): Promise<void> {
    this.#script.run('send', { to: jid, body: text });
  }

  async logout(): Promise<void> {
    const gone = this.#script.report('disconnected');
    this.#script.run('logout', {});
    await gone;
  }
}

class Script implements Inbox {
  readonly #program: Program;
  readonly #stanzas: Element[] = [];
  readonly #events = new EventEmitter<{ report: [Report] }>();

  constructor(program: Program) {
    this.#program = program;
    program.onStdout((line) => this.#take(JSON.parse(line) as Report));
  }

  run(command: string, args: object): void {
    this.#program.writeLine(JSON.stringify({ do: command, ...args }));
  }

  /** The next report of one of these kinds. */
  report(...kinds: string[]): Promise<Report> {
    return this.#next(kinds.join(' or '), (report) => kinds.includes(report.event));
  }

  async stanza(what: string, fits: (element: Element) => boolean): Promise<void> {
    if (this.#stanzas.some(fits)) return;
    await this.#next(what, ({ event }) => event === 'stanza' && fits(this.#stanzas.at(-1)!));
  }

  #take(report: Report): void {
    if (report.event === 'stanza') this.#stanzas.push(parseXml(report.xml as string));
    this.#events.emit('report', report);
  }

  async #next(what: string, fits: (report: Report) => boolean): Promise<Report> {
    const found = Promise.withResolvers<Report>();
    const listener = (report: Report): void => {
      if (fits(report)) found.resolve(report);
    };
    this.#events.on('report', listener);
    const ended = this.#program.exited.then((): never => {
      throw new Error(`${this.#program.name} ended:\n${this.#program.tail()}`);
    });
    try {
      return await withinMs(ANSWER_MS, what, Promise.race([found.promise, ended]));
    } finally {
      this.#events.off('report', listener);
    }
  }
}
