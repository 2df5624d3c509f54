// Dino: its account is in its database, the room among the bookmarks that are at the server.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { until, untilTime } from '../../support/waiting.ts';
import { bookmark } from './bookmark.ts';
import { column, write } from './databases.ts';
import { Desktop } from './desktop.ts';
import type { RoomUser, RoomUserOptions } from './room-user.ts';

const START_MS = 40_000;
/** Where the button for the list of people is on our screen. */
const PEOPLE = { x: 783, y: 193 };
const OPENED_MS = 1_500;

export class DinoUser implements RoomUser {
  readonly program = 'Dino';
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

  static async start(t: Parameters<typeof Desktop.start>[0], options: RoomUserOptions): Promise<DinoUser> {
    return new DinoUser(await Desktop.start(t, options), options);
  }

  async enter(room: string): Promise<void> {
    await bookmark(this.#options, room);
    await this.#open(conversation(room));
  }

  /** With a fresh profile and no room. */
  async login(): Promise<void> {
    await this.#open([]);
  }

  /** Starts it again after `stop`, with its profile. */
  async restart(): Promise<void> {
    await this.desktop.open({ name: 'dino', command: ['dino-im'] });
    await this.desktop.minimise();
  }

  async #open(conversations: Statements): Promise<void> {
    await mkdir(join(this.desktop.home.data, 'dino'), { recursive: true, mode: 0o700 });
    write(this.#file, [...TABLES, ...account(this.jid, this.#options.password, this.nick), ...conversations]);
    await this.restart();
  }

  async talk(): Promise<string> {
    const texts = column(
      this.#file,
      `SELECT message.body FROM content_item JOIN message ON message.id = content_item.foreign_id
       WHERE content_item.content_type = 1 AND content_item.hide = 0 ORDER BY content_item.time, content_item.id`,
    );
    return texts.join('\n');
  }

  /** Whether it has fetched its archive. */
  async hasFetched(): Promise<boolean> {
    return column(this.#file, 'SELECT id FROM mam_catchup').length > 0;
  }

  /** Its list opens at a click. */
  async people(): Promise<string[]> {
    const texts = await this.desktop.look(async () => {
      await this.desktop.click(PEOPLE.x, PEOPLE.y);
      await untilTime(Date.now() + OPENED_MS);
      const all = await this.desktop.texts();
      await this.desktop.press('Escape');
      return all.map(({ text }) => text);
    });
    const from = texts.indexOf('DinoUiOccupantMenuView');
    const list = from < 0 ? [] : texts.slice(from, texts.indexOf('Invite', from));
    return list.filter((_, i) => list[i - 1] === 'DinoUiAvatarImage');
  }

  alerts(): Promise<string> {
    return this.desktop.alerts();
  }

  async screen(): Promise<string> {
    return (await this.desktop.texts())
      .flatMap(({ role, text }) => (role === 'label' ? [text] : []))
      .join('\n');
  }

  async stop(): Promise<void> {
    await this.desktop.stop();
  }

  async say(text: string): Promise<void> {
    await this.desktop.look(async () => {
      await this.desktop.type(text);
      await this.desktop.press('Return');
    });
    const written = async () => ((await this.talk()).includes(text) ? true : undefined);
    await until(`"${text}" written in Dino`, written, START_MS);
  }

  async picture(name: string): Promise<void> {
    await this.desktop.look(() => this.desktop.picture(join(this.desktop.folder, `${name}.png`)));
  }

  get #file(): string {
    return join(this.desktop.home.data, 'dino', 'dino.db');
  }
}

type Statements = [sql: string, ...(string | number)[]][];

/** Those that we write to, as they are in its database of version 26; it makes all others. */
const TABLES: Statements = [
  [
    `CREATE TABLE account (id INTEGER PRIMARY KEY AUTOINCREMENT, bare_jid TEXT NOT NULL UNIQUE, resourcepart TEXT,
     password TEXT, alias TEXT, enabled INTEGER, roster_version TEXT, mam_earliest_synced INTEGER)`,
  ],
  ['CREATE TABLE jid (id INTEGER PRIMARY KEY AUTOINCREMENT, bare_jid TEXT NOT NULL UNIQUE)'],
  [
    `CREATE TABLE conversation (id INTEGER PRIMARY KEY AUTOINCREMENT, account_id INTEGER, jid_id INTEGER,
     resource TEXT, active INTEGER, active_last_changed INTEGER NOT NULL DEFAULT 0, last_active INTEGER, type INTEGER,
     encryption INTEGER, read_up_to INTEGER, read_up_to_item INTEGER NOT NULL DEFAULT -1, notification INTEGER,
     send_typing INTEGER, send_marker INTEGER, pinned INTEGER DEFAULT 0)`,
  ],
];

function account(jid: string, password: string, nick: string): Statements {
  return [[`INSERT INTO account VALUES (1, ?, 'dino.test', ?, ?, 1, '', 0)`, jid, password, nick]];
}

function conversation(room: string): Statements {
  return [
    ['INSERT INTO jid VALUES (1, ?)', room],
    [
      `INSERT INTO conversation (account_id, jid_id, active, last_active, type, encryption, notification, send_typing,
       send_marker) VALUES (1, 1, 1, ?, 1, 0, 0, 0, 0)`,
      Math.floor(Date.now() / 1000),
    ],
  ];
}
