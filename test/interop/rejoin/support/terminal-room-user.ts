// A user with a program in a terminal: what it shows is what is on the screen.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clean } from '../../../support/clean-up.ts';
import type { Terminal } from '../../support-clients/terminal.ts';
import type { RoomUser, RoomUserOptions } from './room-user.ts';

export abstract class TerminalRoomUser implements RoomUser {
  abstract readonly program: string;
  readonly jid: string;
  readonly nick: string;
  protected readonly t: Clean;
  protected readonly options: RoomUserOptions;
  protected running: Terminal | undefined;

  constructor(t: Clean, options: RoomUserOptions) {
    this.t = t;
    this.options = options;
    this.jid = options.jid;
    this.nick = options.nick;
  }

  abstract enter(room: string): Promise<void>;
  abstract people(): Promise<string[]>;

  async say(text: string): Promise<void> {
    await this.terminal.type(text);
  }

  talk(): Promise<string> {
    return this.screen();
  }

  screen(): Promise<string> {
    return this.terminal.screen();
  }

  async picture(name: string): Promise<void> {
    await writeFile(join(this.options.folder, `${name}.txt`), await this.screen());
  }

  async stop(): Promise<void> {
    await this.terminal.stop();
  }

  get terminal(): Terminal {
    if (this.running === undefined) throw new Error(`${this.program} was not started`);
    return this.running;
  }
}
