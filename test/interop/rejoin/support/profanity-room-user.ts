// Profanity, used by its commands and its screen.

import { join } from 'node:path';
import { ProfanityUser } from '../../support-clients/profanity-user.ts';
import { STARTTLS } from '../../support-clients/user.ts';
import { alertsIn, inSession } from './desktop-session.ts';
import { TerminalRoomUser } from './terminal-room-user.ts';

const HEADINGS = ['Moderators', 'Participants', 'Visitors'];

export class ProfanityRoomUser extends TerminalRoomUser {
  readonly program = 'Profanity';

  async enter(room: string): Promise<void> {
    const user = new ProfanityUser(this.t, {
      ...this.options,
      command: inSession('profanity', this.#session),
      notifications: { 'room.mention': 'true', 'room.current': 'true', 'room.text': 'true' },
    });
    this.running = await user.beginLogin(STARTTLS);
    await this.terminal.shows('[TLS] [online]');
    await this.terminal.type(`/join ${room} nick ${this.nick}`);
    await this.terminal.shows(`-> You have joined the room as ${this.nick}`);
  }

  /** On its right there are headings by role, and the nicks below. */
  async people(): Promise<string[]> {
    const lines = (await this.screen()).split('\n');
    const [left = -1] = lines.map((line) => line.search(/Moderators$/)).filter((at) => at >= 0);
    const column = lines.map((line) => (left < 0 ? '' : line.slice(left).trim()));
    return column.slice(column.indexOf('Moderators'), -1).filter((it) => it !== '' && !HEADINGS.includes(it));
  }

  alerts(): Promise<string> {
    return alertsIn(this.#session);
  }

  get #session(): string {
    return join(this.options.folder, 'session.jsonl');
  }
}
