// Converse, in Chromium: it is configured to log in and to join the room when its page opens.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Clean } from '../../../support/clean-up.ts';
import { until } from '../../support/waiting.ts';
import type { Account } from '../table/program.ts';
import { Browser, serve } from './browser.ts';
import type { RoomUser } from './room-user.ts';

const ENTER_MS = 60_000;
const DIST = fileURLToPath(new URL('../../../../node_modules/converse.js/dist', import.meta.url));
const TEXTS =
  '[...document.querySelectorAll("converse-chat-message .chat-msg__text")].map((it) => it.innerText.trim())';
const NICKS =
  '[...document.querySelectorAll("converse-muc-occupants .occupant-nick")].map((it) => it.innerText.trim())';

/** Takes the place of the browser's notifications. */
const RECORDER = `window.alerts = [];
window.Notification = class {
  static permission = 'granted';
  constructor(title, { body }) { window.alerts.push(title + ': ' + body); }
};`;

export class ConverseUser implements RoomUser {
  readonly program = 'Converse';
  readonly jid: string;
  readonly nick: string;
  readonly #t: Clean;
  readonly #options: Account;
  #running: Browser | undefined;

  constructor(t: Clean, options: Account) {
    this.#t = t;
    this.#options = options;
    this.jid = options.jid;
    this.nick = options.nick;
  }

  async enter(room: string): Promise<void> {
    const { folder } = this.#options;
    await mkdir(folder, { recursive: true });
    const url = await serve(this.#t, page(this.#options, room), DIST);
    this.#running = await Browser.start(this.#t, folder, url);
    const isIn = async () => ((await this.people()).includes(this.nick) ? true : undefined);
    await until(`${this.nick} among the occupants that Converse shows`, isIn, ENTER_MS);
    await this.browser.lookAway();
  }

  async talk(): Promise<string> {
    return (await this.browser.value<string[]>(TEXTS)).join('\n');
  }

  people(): Promise<string[]> {
    return this.browser.value(NICKS);
  }

  async say(text: string): Promise<void> {
    await this.browser.value('document.querySelector("textarea.chat-textarea").focus()');
    await this.browser.type(text);
    await this.browser.enter();
  }

  async picture(name: string): Promise<void> {
    await this.browser.picture(join(this.#options.folder, `${name}.png`));
  }

  screen(): Promise<string> {
    return this.browser.value('document.body.innerText');
  }

  /** Its notifications; while its tab is hidden. */
  async alerts(): Promise<string> {
    return this.browser.value('window.alerts.join("\\n")');
  }

  async stop(): Promise<void> {
    await this.browser.close();
  }

  get browser(): Browser {
    if (this.#running === undefined) throw new Error('Converse was not started');
    return this.#running;
  }
}

function page({ jid, password, nick, webSocket }: Account, room: string): string {
  const settings = {
    jid: `${jid}/converse.test`,
    password,
    authentication: 'login',
    auto_login: true,
    websocket_url: webSocket,
    discover_connection_methods: false,
    auto_join_rooms: [{ jid: room, nick }],
    assets_path: '/',
    view_mode: 'fullscreen',
    i18n: 'en',
    loglevel: 'info',
    notify_nicknames_without_references: true,
    notification_icon: '/images/logo/conversejs-filled.svg',
  };
  return `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Converse</title>
<link rel="stylesheet" href="/converse.min.css"><script type="module" src="/converse.min.js"></script>
<script>${RECORDER}</script></head>
<body class="converse-fullscreen"><script type="module">converse.initialize(${JSON.stringify(settings)});</script></body></html>`;
}
