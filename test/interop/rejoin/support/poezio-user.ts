// Poezio, used by its keys and its screen.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clean } from '../../../support/clean-up.ts';
import { ENJAMB } from '../../support/addresses.ts';
import { Terminal } from '../../support-clients/terminal.ts';
import type { RoomUser, RoomUserOptions } from './room-user.ts';
import { occurrences } from './screen.ts';

/** It would outlive its terminal, so its parent ends it. It refuses to run as root. */
const UNDER = `unshare --fork --kill-child ${process.getuid?.() === 0 ? '--user --map-user=1000 --map-group=1000' : ''}`;

export class PoezioUser implements RoomUser {
  readonly program = 'Poezio';
  readonly jid: string;
  readonly nick: string;
  readonly #t: Clean;
  readonly #options: RoomUserOptions;
  #running: Terminal | undefined;

  constructor(t: Clean, options: RoomUserOptions) {
    this.#t = t;
    this.#options = options;
    this.jid = options.jid;
    this.nick = options.nick;
  }

  async enter(room: string): Promise<void> {
    const { folder } = this.#options;
    const home = join(folder, 'home');
    const config = join(home, '.config/poezio');
    await mkdir(config, { recursive: true, mode: 0o700 });
    await writeFile(join(config, 'poezio.cfg'), configuration(this.#options, room));
    this.#running = await Terminal.start(this.#t, {
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

  async shown(text: string): Promise<number> {
    return occurrences(await this.terminal.screen(), text);
  }

  /** Text and Enter that come together are pasted lines to it. */
  async say(text: string): Promise<void> {
    await this.terminal.write(text);
    await this.terminal.shows(text);
    await this.terminal.press('Enter');
  }

  async picture(name: string): Promise<void> {
    await writeFile(join(this.#options.folder, `${name}.txt`), await this.terminal.screen());
  }

  get terminal(): Terminal {
    if (this.#running === undefined) throw new Error('Poezio was not started');
    return this.#running;
  }
}

function configuration({ jid, password, nick, caPath }: RoomUserOptions, room: string): string {
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
    '',
  ].join('\n');
}
