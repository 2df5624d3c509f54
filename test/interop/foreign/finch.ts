// finch: libpurple, which Pidgin is made of, in a terminal. Its D-Bus interface stands in for two menus.

import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clean } from '../../support/clean-up.ts';
import { ENJAMB } from '../support/addresses.ts';
import { run } from '../support/program.ts';
import { until } from '../support/waiting.ts';
import { Terminal } from '../support-clients/terminal.ts';
import { ROMEO, ROOMS } from './scene.ts';
import { systemWith } from './system.ts';

const START_MS = 10_000;
const ACCOUNT = `${ROMEO}/window`;

export interface FinchOptions {
  /** Made for this program; the path must be short. */
  readonly folder: string;
  readonly caPath: string;
  readonly password: string;
}

export class Finch {
  readonly terminal: Terminal;
  readonly #bus: string;

  private constructor(terminal: Terminal, bus: string) {
    this.terminal = terminal;
    this.#bus = bus;
  }

  /** It logs in by itself, and enters the hall. */
  static async open(t: Clean, { folder, caPath, password }: FinchOptions): Promise<Finch> {
    await mkdir(join(folder, 'purple'), { recursive: true });
    await writeFile(join(folder, 'purple', 'accounts.xml'), accounts(password));
    await writeFile(join(folder, 'purple', 'blist.xml'), SAVED_ROOM);
    const bus = join(folder, 'bus');
    const start = `echo $DBUS_SESSION_BUS_ADDRESS > "${bus}"; exec finch --config="${join(folder, 'purple')}"`;
    await writeFile(join(folder, 'finch.sh'), start);
    const system = await systemWith(join(folder, 'system'), caPath);
    const words = [...system, 'dbus-run-session', '--', 'sh', join(folder, 'finch.sh')];
    const script = words.map((word) => `'${word}'`).join(' ');
    await writeFile(join(folder, 'start.sh'), script);
    const env = { HOME: folder, LC_ALL: 'C.UTF-8' };
    const terminal = await Terminal.start(t, { folder, command: `sh "${join(folder, 'start.sh')}"`, env });
    await terminal.shows('Buddy List');
    const address = async () => (await readFile(bus, 'utf8').catch(() => '')).trim() || undefined;
    return new Finch(terminal, await until('a bus of its own', address, START_MS));
  }

  /** Adds a contact, and requests a subscription. */
  async addBuddy(jid: string): Promise<void> {
    const account = await this.#account();
    const buddy = await this.#call('BuddyNew', `int32:${account}`, `string:${jid}`, 'string:');
    await this.#call('BlistAddBuddy', `int32:${buddy}`, 'int32:0', 'int32:0', 'int32:0');
    await this.#call('AccountAddBuddy', `int32:${account}`, `int32:${buddy}`);
  }

  async openConversation(jid: string): Promise<void> {
    await this.#call('ConversationNew', 'int32:1', `int32:${await this.#account()}`, `string:${jid}`);
  }

  /** Brings a window to the front, by its number at the bottom of the screen. */
  async front(number: number): Promise<void> {
    await this.terminal.press(`M-${number}`);
  }

  #account(): Promise<string> {
    return this.#call('AccountsFindConnected', `string:${ACCOUNT}`, 'string:prpl-jabber');
  }

  async #call(method: string, ...args: string[]): Promise<string> {
    const target = ['--dest=im.pidgin.purple.PurpleService', '/im/pidgin/purple/PurpleObject'];
    const name = `im.pidgin.purple.PurpleInterface.Purple${method}`;
    const env = { DBUS_SESSION_BUS_ADDRESS: this.#bus };
    const { code, stdout, stderr } = await run(
      'dbus-send',
      ['--print-reply=literal', ...target, name, ...args],
      { env },
    );
    assert.equal(code, 0, stderr);
    return stdout.trim().split(' ').at(-1) ?? '';
  }
}

function accounts(password: string): string {
  return `<?xml version='1.0' encoding='UTF-8' ?>
<account version='1.0'><account>
 <protocol>prpl-jabber</protocol><name>${ACCOUNT}</name><password>${password}</password>
 <settings>
  <setting name='port' type='int'>${ENJAMB.c2s}</setting>
  <setting name='connection_security' type='string'>require_tls</setting>
 </settings>
 <settings ui='gnt-purple'><setting name='auto-login' type='bool'>1</setting></settings>
</account></account>
`;
}

const SAVED_ROOM = `<?xml version='1.0' encoding='UTF-8' ?>
<purple version='1.0'><blist><group name='Rooms'><chat proto='prpl-jabber' account='${ACCOUNT}'>
 <component name='room'>hall</component><component name='server'>${ROOMS}</component>
 <component name='handle'>Romeo</component><setting name='gnt-autojoin' type='bool'>1</setting>
</chat></group></blist></purple>
`;
