// mcabber, used by its commands and its screen.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ENJAMB } from '../../support/addresses.ts';
import { Terminal } from '../../support-clients/terminal.ts';
import type { RoomUserOptions } from './room-user.ts';
import { TerminalRoomUser } from './terminal-room-user.ts';

export class McabberUser extends TerminalRoomUser {
  readonly program = 'mcabber';

  async enter(room: string): Promise<void> {
    const { folder } = this.options;
    const home = join(folder, 'home');
    const file = join(home, 'mcabberrc');
    await mkdir(home, { recursive: true, mode: 0o700 });
    await writeFile(file, configuration(this.options, room), { mode: 0o600 });
    this.running = await Terminal.start(this.t, {
      folder,
      command: `mcabber -f ${file}`,
      env: { HOME: home, LC_ALL: 'C.UTF-8' },
    });
    await this.terminal.shows('You have joined');
    await this.terminal.type(`/roster search ${room}`);
    await this.terminal.press('Enter');
  }

  /** It lists them on demand, in lines such as "*** [o] Speaker (owner/moderator)". */
  async people(): Promise<string[]> {
    await this.terminal.type('/room names');
    await this.terminal.shows('Total: ');
    const screen = await this.screen();
    const last = screen.slice(screen.lastIndexOf('Room members:'));
    return [...last.matchAll(/\*\*\* \[.\] (\S+)/g)].map(([, nick = '']) => nick);
  }

  async alerts(): Promise<string> {
    if ((await this.terminal.bells()) === 0) return '';
    return (await this.screen())
      .split('\n')
      .filter((line) => line.includes('> ') && line.includes(this.nick))
      .join('\n');
  }
}

function configuration({ jid, password, nick, caPath, folder }: RoomUserOptions, room: string): string {
  return [
    `set jid = ${jid}`,
    `set password = ${password}`,
    `set server = ${ENJAMB.address}`,
    `set port = ${ENJAMB.c2s}`,
    'set resource = mcabber.test',
    'set disable_random_resource = 1',
    'set tls = 1',
    `set ssl_ca = ${caPath}`,
    'set tracelog_level = 3',
    `set tracelog_file = ${join(folder, 'mcabber.log')}`,
    'set beep_on_message = 1',
    'set time_prefix = 1',
    `set hook-post-connect = room join ${room} ${nick}`,
    '',
  ].join('\n');
}
