// Poezio, used by its keys and its screen. A plugin tells of mentions.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ENJAMB } from '../../support/addresses.ts';
import { Terminal } from '../../support-clients/terminal.ts';
import type { RoomUserOptions } from './room-user.ts';
import { TerminalRoomUser } from './terminal-room-user.ts';

/** It would outlive its terminal, so its parent ends it. It refuses to run as root. */
const UNDER = `unshare --fork --kill-child ${process.getuid?.() === 0 ? '--user --map-user=1000 --map-group=1000' : ''}`;

export class PoezioUser extends TerminalRoomUser {
  readonly program = 'Poezio';

  async enter(room: string): Promise<void> {
    const { folder } = this.options;
    const home = join(folder, 'home');
    const config = join(home, '.config/poezio');
    await mkdir(join(folder, 'plugins'));
    await mkdir(config, { recursive: true, mode: 0o700 });
    await writeFile(join(config, 'poezio.cfg'), configuration(this.options, room));
    await writeFile(join(folder, 'plugins/alerts.py'), plugin(this.#alerts));
    this.running = await Terminal.start(this.t, {
      folder,
      command: `${UNDER} poezio -d ${join(folder, 'poezio.log')}`,
      env: {
        HOME: home,
        XDG_CONFIG_HOME: join(home, '.config'),
        XDG_DATA_HOME: join(home, '.local/share'),
        XDG_CACHE_HOME: join(home, '.cache'),
        LC_ALL: 'C.UTF-8',
      },
    });
    await this.terminal.shows(` 1.${room.replace(/@.*/, '')}`);
    await this.terminal.press('C-n');
    await this.terminal.shows(`You (${this.nick}) joined the room`);
  }

  /** On its right there are the nicks, each after two signs for show and role. */
  async people(): Promise<string[]> {
    const ends = (await this.screen()).split('\n').map((line) => /│.*│(.*)$/.exec(line)?.[1]?.trim() ?? '');
    return ends.filter((end) => end.length > 2).map((end) => end.slice(2));
  }

  alerts(): Promise<string> {
    return readFile(this.#alerts, 'utf8').catch(() => '');
  }

  /** Text and Enter that come together are pasted lines to it. */
  override async say(text: string): Promise<void> {
    await this.terminal.write(text);
    await this.terminal.shows(text);
    await this.terminal.press('Enter');
  }

  get #alerts(): string {
    return join(this.options.folder, 'alerts.txt');
  }
}

function configuration({ folder, jid, password, nick, caPath }: RoomUserOptions, room: string): string {
  return [
    '[Poezio]',
    `jid = ${jid}/poezio.test`,
    `password = ${password}`,
    `custom_host = ${ENJAMB.address}`,
    `custom_port = ${ENJAMB.c2s}`,
    `ca_cert_path = ${caPath}`,
    `default_nick = ${nick}`,
    `rooms = ${room}/${nick}`,
    'use_bookmarks_method = privatexml',
    'save_status = false',
    'enable_avatars = false',
    `plugins_dir = ${folder}/plugins`,
    'plugins_autoload = alerts',
    '',
  ].join('\n');
}

/** Those of its distribution fail for mentions (version 0.14). */
function plugin(file: string): string {
  return `from poezio.plugin import BasePlugin

class Plugin(BasePlugin):
    def init(self):
        self.api.add_event_handler('highlight', self.on_highlight)

    def on_highlight(self, message, tab):
        with open('${file}', 'a', encoding='utf-8') as alerts:
            alerts.write(message.body + '\\n')
`;
}
