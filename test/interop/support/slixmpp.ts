// A client made with slixmpp, in its own process.

import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Element } from '../../../src/xml/element.ts';
import type { Clean } from '../../support/clean-up.ts';
import { parseXml } from '../../support/match.ts';
import type { Network } from './network.ts';
import { Program } from './program.ts';
import { withinMs } from './waiting.ts';

const SCRIPT = fileURLToPath(new URL('./slixmpp_client.py', import.meta.url));
/** Debian's, for which its package installs slixmpp. */
const PYTHON = '/usr/bin/python3';
const ANSWER_MS = 20_000;

export interface Login {
  readonly jid: string;
  readonly password: string;
  readonly host: string;
  readonly port: number;
  /** The only mechanism to use. Default: the client's choice. */
  readonly mechanism?: string;
  /** Default "starttls", without which the client does not go on. */
  readonly tls?: 'starttls' | 'direct' | 'none';
}

export interface Report {
  readonly event: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly [field: string]: unknown;
}

export interface SessionReport extends Report {
  readonly jid: string;
  readonly mechanism: string;
  /** Such as "TLSv1.3". */
  readonly encryption: string | null;
  readonly starttls: boolean;
  readonly verified: boolean;
}

export interface ReceivedStanza {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly element: Element;
}

export interface SlixmppOptions {
  readonly folder: string;
  readonly caPath: string;
  readonly name: string;
  /** Default: that of this machine. */
  readonly network?: Network | undefined;
}

export class SlixmppClient {
  /** All stanzas received so far, in order. */
  readonly stanzas: ReceivedStanza[] = [];
  readonly #program: Program;
  readonly #caPath: string;
  readonly #reports: Report[] = [];
  readonly #events = new EventEmitter<{ report: [Report] }>();

  private constructor(t: Clean, { folder, caPath, name, network }: SlixmppOptions) {
    this.#caPath = caPath;
    this.#program = new Program(t, name, {
      command: PYTHON,
      args: [SCRIPT],
      logFile: join(folder, `${name}.log`),
      network,
    });
    this.#program.onStdout((line) => this.#take(JSON.parse(line) as Report));
  }

  /** Ready to log in. It ends with the test. */
  static async start(t: Clean, options: SlixmppOptions): Promise<SlixmppClient> {
    const client = new SlixmppClient(t, options);
    await client.#program.line((line) => line.includes('"ready"'), ANSWER_MS);
    return client;
  }

  /** Does not wait for the result, which is a report "session", "failed_auth", "untrusted" … */
  beginLogin(login: Login): void {
    this.#do('login', { ...login, ca: this.#caPath });
  }

  /** @throws AssertionError if it is refused */
  async login(login: Login): Promise<SessionReport> {
    this.beginLogin(login);
    const outcome = await this.#next('session', 'refused', 'untrusted', 'disconnected');
    assert.equal(
      outcome.event,
      'session',
      `${login.jid} logs in: ${JSON.stringify(this.#reports.slice(-4))}`,
    );
    return outcome as SessionReport;
  }

  /** Resolves with the nicknames of all in the room, ours among them. @throws AssertionError when it fails. */
  async join(room: string, nick: string): Promise<string[]> {
    this.#do('join', { room, nick });
    const outcome = await this.#next('joined', 'join_failed');
    assert.equal(outcome.event, 'joined', `joins ${room}: ${JSON.stringify(outcome)}`);
    return outcome.occupants as string[];
  }

  leave(room: string, nick: string): void {
    this.#do('leave', { room, nick });
  }

  /** `id` is the client's own when it is left out. */
  send(to: string, body: string, type: 'chat' | 'groupchat' = 'chat', id?: string): void {
    this.#do('send', { to, body, type, ...(id === undefined ? {} : { id }) });
  }

  /** Enables carbons (XEP-0280). Each copy that the library accepts is a report "carbon". */
  async enableCarbons(): Promise<void> {
    this.#do('carbons', {});
    await this.#next('carbons_enabled');
  }

  presence(to: string, type: string): void {
    this.#do('presence', { to, type });
  }

  /** Resolves with the features that an address advertises (XEP-0030 §3). */
  async features(of: string): Promise<string[]> {
    this.#do('disco', { of });
    return (await this.#next('features')).features as string[];
  }

  /** Resolves with "pong" or "ping_failed". */
  ping(to: string): Promise<Report> {
    this.#do('ping', { to });
    return this.#next('pong', 'ping_failed');
  }

  /** Resolves with the commands that an address offers: node → name (XEP-0050 §2.2). */
  async commands(of: string): Promise<Record<string, string>> {
    this.#do('commands', { of });
    return (await this.#next('commands')).commands as Record<string, string>;
  }

  /**
   * Runs a command with these values in its form (XEP-0050 §2.4). Resolves with "command_done": the types of the fields
   * by name (`asked`), `status`, `notes` and `rows`; or with "command_failed".
   */
  command(to: string, node: string, values: Record<string, string> = {}): Promise<Report> {
    this.#do('command', { to, node, values });
    return this.#next('command_done', 'command_failed');
  }

  /** Resolves with the blocked addresses. From then on there are reports "blocked" and "unblocked", with `jids` (XEP-0191). */
  async blocklist(): Promise<string[]> {
    this.#do('blocklist', {});
    return (await this.#next('blocklist')).jids as string[];
  }

  /** Does not wait for the answer. */
  block(jid: string): void {
    this.#do('block', { jid });
  }

  /** The same. */
  unblock(jid: string): void {
    this.#do('unblock', { jid });
  }

  /** Closes the stream and waits for the end. */
  async logout(): Promise<void> {
    this.#do('logout', {});
    await this.#next('disconnected');
  }

  /** Drops the connection without closing the stream. */
  async cut(): Promise<void> {
    this.#do('cut', {});
    await this.#next('disconnected');
  }

  /** Resolves with the first stanza, from the `since`th on, that fits. */
  async stanza(
    what: string,
    fits: (element: Element) => boolean,
    { since = 0, limitMs = ANSWER_MS } = {},
  ): Promise<ReceivedStanza> {
    const seen = this.stanzas.slice(since).find(({ element }) => fits(element));
    if (seen) return seen;
    const found = Promise.withResolvers<ReceivedStanza>();
    const listener = (report: Report): void => {
      const last = this.stanzas.at(-1);
      if (report.event === 'stanza' && last && fits(last.element)) found.resolve(last);
    };
    this.#events.on('report', listener);
    try {
      return await withinMs(limitMs, what, found.promise);
    } finally {
      this.#events.off('report', listener);
    }
  }

  /** The next report of one of these kinds; those of the past do not count. */
  report(...events: string[]): Promise<Report> {
    return this.#next(...events);
  }

  #do(command: string, args: object): void {
    this.#program.writeLine(JSON.stringify({ do: command, ...args }));
  }

  async #next(...kinds: string[]): Promise<Report> {
    const found = Promise.withResolvers<Report>();
    const listener = (report: Report): void => {
      if (kinds.includes(report.event)) found.resolve(report);
    };
    this.#events.on('report', listener);
    const ended = this.#program.exited.then((): never => {
      throw new Error(`${this.#program.name} ended:\n${this.#program.tail()}`);
    });
    try {
      return await withinMs(ANSWER_MS, kinds.join(' or '), Promise.race([found.promise, ended]));
    } finally {
      this.#events.off('report', listener);
    }
  }

  #take(report: Report): void {
    if (report.event === 'stanza')
      this.stanzas.push({ at: report.at, element: parseXml(report.xml as string) });
    else this.#reports.push(report);
    this.#events.emit('report', report);
  }
}
