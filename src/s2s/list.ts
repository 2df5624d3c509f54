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
    const stream = link.outgoing?.stream;
    if (stream && stream.remotes.size > 0) return [streamRow(stream, link.remote, carried.get(stream))];
    return link.carrier === undefined ? [absentRow(link, pool)] : [];
  });
  const theirs = incoming.flatMap((stream) =>
    stream.pairs.map((pair) => streamRow(stream, pair.remote, carried.get(stream), pair.host.domain)),
  );
  return [...ours, ...theirs];
}

function streamRow(
  stream: S2SStream,
  remote: string,
  link: Link | undefined,
  local: string = stream.local,
): Row {
  const { features, unacknowledged } = new HostLedger(stream.host).describe(stream);
  return {
    local,
    remote,
    direction: stream.direction,
    state: 'open',
    since: time(stream.openSince),
    secured: stream.securedBy,
    authenticated: stream.authenticatedBy(remote),
    features: features.join(', ') || undefined,
    secure: stream.secure,
    certificate: stream.proves(remote),
    address: stream.remoteAddress,
    queued: link?.remote === remote ? link.queued : 0,
    unacknowledged,
    stanzas_in: stream.stanzasIn,
    stanzas_out: stream.stanzasOut,
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
