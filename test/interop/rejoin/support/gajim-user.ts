// Gajim: its account is in its settings, the room among the bookmarks that are at the server.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BETWEEN } from '../../support/addresses.ts';
import { until } from '../../support/waiting.ts';
import { bookmark } from './bookmark.ts';
import { column, write } from './databases.ts';
import { Desktop } from './desktop.ts';
import type { Shown } from './desktop-session.ts';
import type { RoomUser, RoomUserOptions } from './room-user.ts';

const WRITTEN_MS = 20_000;
const ENTER_MS = 60_000;
/** Where the first of its conversations is on our screen. */
const CONVERSATION = { x: 175, y: 178 };
/** Where it is written. */
const INPUT = { x: 730, y: 697 };

export class GajimUser implements RoomUser {
  readonly program = 'Gajim';
  readonly jid: string;
  readonly nick: string;
  readonly desktop: Desktop;
  readonly #options: RoomUserOptions;

  private constructor(desktop: Desktop, options: RoomUserOptions) {
    this.desktop = desktop;
    this.jid = options.jid;
    this.nick = options.nick;
    this.#options = options;
  }

  static async start(t: Parameters<typeof Desktop.start>[0], options: RoomUserOptions): Promise<GajimUser> {
    return new GajimUser(await Desktop.start(t, options), options);
  }

  async enter(room: string): Promise<void> {
    await bookmark(this.#options, room);
    await this.#open([chatIn(room)]);
    await this.desktop.click(CONVERSATION.x, CONVERSATION.y);
    await this.desktop.minimise();
    const isIn = async () => ((await this.people()).includes(this.nick) ? true : undefined);
    await until(`${this.nick} among the people that Gajim lists`, isIn, ENTER_MS);
  }

  /** With a fresh profile and no room. */
  async login(): Promise<void> {
    await this.#open([]);
  }

  /** Starts it again after `stop`, with its profile. */
  async restart(): Promise<void> {
    await this.desktop.open({ name: 'gajim', command: ['gajim', '--verbose'] });
  }

  async #open(chats: readonly object[]): Promise<void> {
    const folder = join(this.desktop.home.config, 'gajim');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    write(
      join(folder, 'settings.sqlite'),
      settings({ jid: this.jid, password: this.#options.password, chats }),
    );
    await this.restart();
  }

  async talk(): Promise<string> {
    const sql = 'SELECT message FROM logs WHERE message IS NOT NULL ORDER BY time, log_line_id';
    return column(this.#logs, sql).join('\n');
  }

  /** Whether it has fetched its archive. */
  async hasFetched(): Promise<boolean> {
    return column(this.#logs, 'SELECT last_mam_id FROM last_archive_message').length > 0;
  }

  get #logs(): string {
    return join(this.desktop.home.data, 'gajim', 'logs.db');
  }

  /** Its list has the nicks below headings such as "Owners (1/2)". */
  async people(): Promise<string[]> {
    const cells = (await this.#showing()).filter(({ role }) => role === 'table cell');
    return cells.map(({ text }) => text).filter((text) => !/ \(\d+\/\d+\)$/.test(text));
  }

  alerts(): Promise<string> {
    return this.desktop.alerts();
  }

  async screen(): Promise<string> {
    return (await this.#showing()).map(({ text }) => text).join('\n');
  }

  async stop(): Promise<void> {
    await this.desktop.stop();
  }

  /** Where it says that it has left the room, there is nothing to write into. */
  async say(text: string): Promise<void> {
    if ((await this.#showing()).some(({ role, text }) => role === 'push button' && text === 'Join')) return;
    await this.desktop.look(async () => {
      await this.desktop.click(INPUT.x, INPUT.y);
      await this.desktop.type(text);
      await this.desktop.press('Return');
    });
    const written = async () => ((await this.talk()).includes(text) ? true : undefined);
    await until(`"${text}" written in Gajim`, written, WRITTEN_MS);
  }

  async #showing(): Promise<Shown[]> {
    const texts = await this.desktop.look(() => this.desktop.texts());
    return texts.filter(({ showing }) => showing);
  }

  async picture(name: string): Promise<void> {
    await this.desktop.look(() => this.desktop.picture(join(this.desktop.folder, `${name}.png`)));
  }
}

const ACCOUNT = 'account';

function chatIn(room: string): object {
  return {
    account: ACCOUNT,
    jid: { __type: 'JID', value: room },
    type: 'groupchat',
    pinned: false,
    position: 0,
  };
}

const WORKSPACE = 'd6c2a1b0-0000-4000-8000-000000000001';

type Statements = [sql: string, ...(string | number)[]][];

interface Settings {
  readonly jid: string;
  readonly password: string;
  readonly chats: readonly object[];
}

/** Of version 5 of its settings. */
function settings({ jid, password, chats }: Settings): Statements {
  const [name = '', hostname = ''] = jid.split('@');
  const account = {
    name,
    hostname,
    password,
    active: true,
    autoconnect: true,
    resource: 'gajim.test',
    use_custom_host: true,
    custom_host: BETWEEN,
    custom_port: 5222,
    custom_type: 'START TLS',
  };
  const app = { check_for_update: false, use_keyring: false, ask_online_status: false };
  const workspaces = { [WORKSPACE]: { name: 'Test', color: '#336699', avatar_sha: '', chats } };
  const rows = { app, soundevents: {}, status_presets: {}, proxies: {}, plugins: {}, workspaces };
  return [
    ['CREATE TABLE settings (name TEXT UNIQUE, settings TEXT)'],
    ['CREATE TABLE account_settings (account TEXT UNIQUE, settings TEXT)'],
    ...Object.entries(rows).map(([row, value]): [string, string, string] => [
      'INSERT INTO settings VALUES (?, ?)',
      row,
      JSON.stringify(value),
    ]),
    [
      'INSERT INTO account_settings VALUES (?, ?)',
      ACCOUNT,
      JSON.stringify({ account, contact: {}, group_chat: {} }),
    ],
    ['PRAGMA user_version = 5'],
  ];
}
