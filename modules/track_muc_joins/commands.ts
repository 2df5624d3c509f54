// `enjamb joins`: which rooms our users are in.

import { type Clock, type Command, defineCommand, string, wallTime } from 'enjamb/api';
import type { JoinIndex } from './entries.ts';
import { FLAG, type Join } from './join.ts';

/** Lists all tracked joins, or those of one address. `stateOf`: one word that says whether a domain is in doubt. */
export function joinsCommand(
  index: JoinIndex,
  clock: Clock,
  stateOf: (domain: string) => string | undefined,
): Command {
  return defineCommand({
    name: 'joins',
    summary: 'Rooms that our users are in, with state and last proof',
    args: { who: string('A user, a client, a room, or a domain of rooms', { optional: true }) },
    positional: ['who'],
    run: ({ who }) => ({
      rows: all(index)
        .filter((join) => who === undefined || concerns(join, who.toLowerCase()))
        .map((join) => ({ ...row(join, clock), domain: stateOf(join.room.domain.name) })),
      columns: ['session', 'room', 'nick', 'state', 'since', 'proof', 'domain'],
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
