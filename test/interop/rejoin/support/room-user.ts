// A user in a room, with an interactive program: the common interface.

import type { Account, RoomProgram } from '../table/program.ts';

export interface RoomUser extends RoomProgram {
  /** Such as "Gajim". */
  readonly program: string;
  /** Bare. */
  readonly jid: string;
  readonly nick: string;
}

export type RoomUserOptions = Omit<Account, 'webSocket'>;
