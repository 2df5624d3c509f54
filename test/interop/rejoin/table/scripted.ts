// Small programs made with client libraries, each with the library's own support for rooms. A program gets its account as JSON
// in its only argument, logs in and joins. Then it obeys JSON lines, {do: 'say', text} or {do: 'people'}, and prints some:
// {event, what}, where the event is "in" (it has joined), "talk" (a message), "people" (the answer), or "told": what else the
// library has told it about the room.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Clean } from '../../../support/clean-up.ts';
import { ENJAMB } from '../../support/addresses.ts';
import { Program, run } from '../../support/program.ts';
import { until } from '../../support/waiting.ts';
import type { Account, ProgramKind, RoomProgram } from './program.ts';

const PYTHON = '/usr/bin/python3';
const ENTER_MS = 60_000;
const ANSWER_MS = 10_000;

interface Report {
  readonly event: string;
  readonly what: unknown;
}

class ScriptedProgram implements RoomProgram {
  readonly #t: Clean;
  readonly #command: readonly string[];
  readonly #account: Account;
  readonly #reports: Report[] = [];
  #program: Program | undefined;

  constructor(t: Clean, command: readonly string[], account: Account) {
    this.#t = t;
    this.#command = command;
    this.#account = account;
  }

  async enter(room: string): Promise<void> {
    const { jid, password, nick, caPath: ca, webSocket: url, folder } = this.#account;
    const given = { jid, password, nick, room, ca, url, host: ENJAMB.address, port: ENJAMB.c2s };
    const [command = '', ...args] = this.#command;
    this.#program = new Program(this.#t, nick, {
      command,
      args: [...args, JSON.stringify(given)],
      env: { NODE_EXTRA_CA_CERTS: ca },
      logFile: join(folder, 'output.log'),
    });
    this.#program.onStdout((line) => {
      if (line.startsWith('{')) this.#reports.push(JSON.parse(line) as Report);
    });
    await this.#next('in', 0, ENTER_MS);
  }

  async say(text: string): Promise<void> {
    this.#program?.writeLine(JSON.stringify({ do: 'say', text }));
  }

  async talk(): Promise<string> {
    return this.#all('talk').join('\n');
  }

  async people(): Promise<string[]> {
    const before = this.#all('people').length;
    this.#program?.writeLine(JSON.stringify({ do: 'people' }));
    return (await this.#next('people', before, ANSWER_MS)) as string[];
  }

  async screen(): Promise<string> {
    return this.#all('told').join('\n');
  }

  async stop(): Promise<void> {
    this.#program?.kill('SIGTERM');
    await this.#program?.exited;
  }

  #all(event: string): unknown[] {
    return this.#reports.filter((report) => report.event === event).map(({ what }) => what);
  }

  #next(event: string, before: number, limitMs: number): Promise<unknown> {
    const found = () => {
      if (this.#program?.isRunning === false) throw new Error(`it ended:\n${this.#program.tail()}`);
      const all = this.#all(event);
      return all.length > before ? all.at(-1) : undefined;
    };
    return until(`"${event}" of ${this.#account.nick}`, found, limitMs);
  }
}

function scripted(name: string, script: string, version: () => Promise<string>): ProgramKind {
  const file = fileURLToPath(new URL(`./scripts/${script}`, import.meta.url));
  const interpreter = script.endsWith('.py') ? PYTHON : process.execPath;
  return {
    name,
    group: 'scripted',
    version,
    make: async (t, account) => new ScriptedProgram(t, [interpreter, file], account),
  };
}

/** That of a Debian package, without Debian's own part. */
export async function debianVersion(name: string): Promise<string> {
  const { stdout } = await run('dpkg-query', ['--show', name]);
  return stdout.replace(/^\S+\t(\d+:)?/, '').replace(/[-+].*/s, '');
}

export async function npmVersion(name: string): Promise<string> {
  const file = fileURLToPath(new URL(`../../../../node_modules/${name}/package.json`, import.meta.url));
  return (JSON.parse(await readFile(file, 'utf8')) as { version: string }).version;
}

export const SCRIPTED: readonly ProgramKind[] = [
  scripted('slixmpp', 'slixmpp_room.py', () => debianVersion('python3-slixmpp')),
  scripted('aioxmpp', 'aioxmpp_room.py', () => debianVersion('python3-aioxmpp')),
  scripted('@xmpp/client', 'xmpp_js_room.js', () => npmVersion('@xmpp/client')),
  scripted('strophe.js', 'strophe_room.js', () => npmVersion('strophe.js')),
  scripted('stanza', 'stanza_room.js', () => npmVersion('stanza')),
];
