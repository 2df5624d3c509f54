// `enjamb joins probe`, `enjamb joins forget` and `enjamb joins outages`.

import { type Command, CommandError, defineCommand, type Host, Jid, string } from 'enjamb/api';
import type { Context, Joins } from './context.ts';
import type { EpisodeRecord } from './episode.ts';
import type { Outages } from './outages.ts';

type Rejoins = NonNullable<EpisodeRecord['rejoins']>;

export function probeCommand(context: Context, outages: Outages): Command {
  return defineCommand({
    name: 'joins probe',
    summary: 'Asks the rooms of a domain now whether our users are still in them',
    args: { domain: string('The domain of the rooms') },
    positional: ['domain'],
    run({ domain }) {
      const name = domain.toLowerCase();
      if (context.joins.domain(name) === undefined) return {};
      const count = outages.of(name).askNow();
      const joins = count === 1 ? 'join' : 'joins';
      return { text: `asking about ${count} ${joins} at ${name}`, data: { count } };
    },
    nothing: ({ domain }) => `no user is in a room at ${domain}, so there is nothing to ask`,
  });
}

/** The last outages that are over, the newest last. */
export function outagesCommand(outages: Outages): Command {
  return defineCommand({
    name: 'joins outages',
    summary: 'The last outages of domains of rooms: duration, and results for the joins',
    args: { domain: string('The domain of the rooms', { optional: true }) },
    positional: ['domain'],
    run: ({ domain }) => ({
      rows: outages.episodes
        .filter(({ remote }) => domain === undefined || remote === domain.toLowerCase())
        .map(({ startedAt, durationMs, rejoins, ...counts }) => ({
          began: new Date(startedAt).toISOString(),
          seconds: Math.round(durationMs / 1_000),
          ...counts,
          ...(rejoins && rowOf(rejoins)),
        })),
      columns: [
        'remote',
        'began',
        'seconds',
        'cause',
        'entries',
        'proofs',
        'pings',
        'lost',
        'unknown',
        'unproven',
        'alive',
        'told',
        'joins',
        'people',
        'messages',
        'left out',
        'resent',
        'slowest',
      ],
    }),
  });
}

/** What was done for the lost clients; the slowest in seconds. */
function rowOf({ alive, told, joins, people, messages, leftOut, resent, slowestMs }: Rejoins) {
  const slowest = Math.round(slowestMs / 100) / 10;
  return { alive, told, joins, people, messages, 'left out': leftOut, resent, slowest };
}

/** Removes a join that an administrator knows to be wrong, and notifies neither the client nor the room. */
export function forgetCommand(
  { domain, sessions }: Pick<Host, 'domain' | 'sessions'>,
  joins: Joins,
): Command {
  return defineCommand({
    name: 'joins forget',
    summary: 'Forgets a join, and notifies neither the client nor the room',
    args: { client: string('The full address of the client'), room: string('The address of the room') },
    positional: ['client', 'room'],
    run({ client, room }) {
      const address = Jid.tryParse(client);
      if (address?.domain !== domain) return {};
      const session = sessions.get(address);
      const join = session && joins.get(session, room.toLowerCase());
      if (join === undefined) throw new CommandError(`${client} is not known to be in ${room}`);
      joins.remove(join);
      return { text: `forgot that ${client} is in ${room}` };
    },
    nothing: ({ client }) => `${client} is not a client of any host here`,
  });
}
