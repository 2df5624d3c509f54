// Profanity, used by its commands and its screen.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clean } from '../../../support/clean-up.ts';
import { ProfanityUser } from '../../support-clients/profanity-user.ts';
import type { Terminal } from '../../support-clients/terminal.ts';
import { STARTTLS } from '../../support-clients/user.ts';
import type { RoomUser, RoomUserOptions } from './room-user.ts';
import { occurrences } from './screen.ts';

export class ProfanityRoomUser implements RoomUser {
  readonly program = 'Profanity';
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
    await mkdir(this.#options.folder, { recursive: true });
    const user = new ProfanityUser(this.#t, this.#options);
    this.#running = await user.beginLogin(STARTTLS);
    await this.terminal.shows('[TLS] [online]');
    await this.terminal.type(`/join ${room} nick ${this.nick}`);
    await this.terminal.shows(`-> You have joined the room as ${this.nick}`);
  }

  async shown(text: string): Promise<number> {
    return occurrences(await this.terminal.screen(), text);
  }

  async say(text: string): Promise<void> {
    await this.terminal.type(text);
  }

  async picture(name: string): Promise<void> {
    await writeFile(join(this.#options.folder, `${name}.txt`), await this.terminal.screen());
  }

  get terminal(): Terminal {
    if (this.#running === undefined) throw new Error('Profanity was not started');
    return this.#running;
  }
}
