// `enjamb joins`: which rooms our users are in.

import { type Clock, type Command, defineCommand, string, wallTime } from 'enjamb/api';
import type { JoinIndex } from './entries.ts';
import type { JoinNote } from './exports.ts';
import { FLAG, type Join } from './join.ts';

/** What other modules add to the list. */
export interface JoinNotes {
  /** Whether a domain is in doubt, in a word. */
  domain(name: string): string | undefined;
  join(join: Join): JoinNote | undefined;
}

/** Lists tracked joins, all of them or those of one address. */
export function joinsCommand(index: JoinIndex, clock: Clock, notes: JoinNotes): Command {
  return defineCommand({
    name: 'joins',
    summary: 'Rooms that our users are in, with state and last proof',
    args: { who: string('A user, a client, a room, or a domain of rooms', { optional: true }) },
    positional: ['who'],
    run: ({ who }) => ({
      rows: all(index)
        .filter((join) => who === undefined || concerns(join, who.toLowerCase()))
        .map((join) => ({
          ...row(join, clock),
          domain: notes.domain(join.room.domain.name),
          ...notes.join(join),
        })),
      columns: ['session', 'room', 'nick', 'state', 'since', 'proof', 'domain', 'again', 'gap'],
    }),
  });
}

function all(index: JoinIndex): Join[] {
  const rooms = [...index.domains()].flatMap((domain) => [...domain.rooms.values()]);
  return rooms.flatMap((room) => [...room.joins]);
}

function concerns({ session, room }: Join, who: string): boolean {
  const addresses = [`${session.jid}`.toLowerCase(), session.jid.bare, room.jid, room.domain.name];
  return addresses.includes(who);
}

function row(join: Join, clock: Clock): Record<string, unknown> {
  return {
    session: `${join.session.jid}`,
    room: join.room.jid,
    nick: join.nick,
    state: join.flags & FLAG.UNPROVEN ? `${join.state}, unproven` : join.state,
    since: date(join.sinceSeconds * 1_000),
    proof: join.provenAt === 0 ? undefined : date(wallTime(clock, join.provenAt)),
  };
}

function date(at: number): string {
  return new Date(at).toISOString();
}
