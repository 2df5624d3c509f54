// Rows of `enjamb s2s list`: age, security, authentication and queue of each link.

import { wallTime } from '../util/clock.ts';
import { HostLedger } from './ledger.ts';
import type { Link } from './link.ts';
import type { LinkPool } from './pool.ts';
import type { S2SStream } from './stream.ts';

/** Columns of the table; `--json` prints all fields. */
export const COLUMNS = [
  'local',
  'remote',
  'direction',
  'state',
  'since',
  'queued',
  'unacknowledged',
  'secured',
  'authenticated',
  'features',
  'error',
  'next_try',
];

type Row = Record<string, unknown>;

/** Returns one row for each stream and remote, and one for each link without a stream. */
export function listLinks(pool: LinkPool): Row[] {
  const { links, incoming } = pool.list();
  const carried = new Map(links.flatMap((link) => (link.carrier ? [[link.carrier, link] as const] : [])));
  const ours = links.flatMap((link): Row[] => {
    const session = link.outgoing?.session;
    if (session && session.remotes.size > 0) return [sessionRow(session, link.remote, carried.get(session))];
    return link.carrier === undefined ? [absentRow(link, pool)] : [];
  });
  const theirs = incoming.flatMap((session) =>
    session.pairs.map((pair) => sessionRow(session, pair.remote, carried.get(session), pair.host.domain)),
  );
  return [...ours, ...theirs];
}

function sessionRow(
  session: S2SStream,
  remote: string,
  link: Link | undefined,
  local: string = session.local,
): Row {
  const { features, unacknowledged } = new HostLedger(session.host).describe(session);
  return {
    local,
    remote,
    direction: session.direction,
    state: 'open',
    since: time(session.openSince),
    secured: session.securedBy,
    authenticated: session.authenticatedBy(remote),
    features: features.join(', ') || undefined,
    secure: session.secure,
    certificate: session.proves(remote),
    address: session.remoteAddress,
    queued: link?.remote === remote ? link.queued : 0,
    unacknowledged,
    stanzas_in: session.stanzasIn,
    stanzas_out: session.stanzasOut,
    error: undefined,
  };
}

function absentRow(link: Link, pool: LinkPool): Row {
  const { lastError } = link;
  return {
    local: link.host.domain,
    remote: link.remote,
    direction: 'out',
    state: link.outgoing ? 'connecting' : 'closed',
    since: time(lastError?.at),
    queued: link.queued,
    error: lastError?.message,
    next_try: time(link.nextTry === undefined ? undefined : wallTime(pool.clock, link.nextTry)),
  };
}

function time(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}
