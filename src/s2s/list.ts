// Every link with another server as administrators see it: since when, secured and authenticated how, what waits.

import type { Links } from './links.ts';
import type { Route } from './route.ts';
import type { S2SSession } from './session.ts';

/** What the table shows; `--json` gives everything. */
export const COLUMNS = [
  'local',
  'remote',
  'direction',
  'state',
  'since',
  'queued',
  'unconfirmed',
  'secured',
  'authenticated',
  'features',
  'error',
  'next_try',
];

type Row = Record<string, unknown>;

/** One row for each stream and domain, and one for each domain that there is no stream to. */
export function listLinks(links: Links): Row[] {
  const { routes, incoming } = links.list();
  const carried = new Map(
    routes.flatMap((route) => (route.session ? [[route.session, route] as const] : [])),
  );
  const ours = routes.flatMap((route): Row[] => {
    const session = route.call?.session;
    if (session && session.remotes.size > 0) return [sessionRow(session, route.remote, carried.get(session))];
    return route.session === undefined ? [absentRow(route)] : [];
  });
  const theirs = incoming.flatMap((session) =>
    session.pairs.map((pair) => sessionRow(session, pair.remote, carried.get(session), pair.local)),
  );
  return [...ours, ...theirs];
}

function sessionRow(
  session: S2SSession,
  remote: string,
  route: Route | undefined,
  local: string = session.local,
): Row {
  const description = { features: [] as string[], unconfirmed: 0 };
  session.host.hooks.notify('s2s-describe', { session, description });
  return {
    local,
    remote,
    direction: session.direction,
    state: 'open',
    since: time(session.openSince),
    secured: session.securedBy,
    authenticated: session.authenticatedBy(remote),
    features: description.features.join(', ') || undefined,
    secure: session.secure,
    certificate: session.proves(remote),
    address: session.remoteAddress,
    queued: route?.remote === remote ? route.queued : 0,
    unconfirmed: description.unconfirmed,
    stanzas_in: session.stanzasIn,
    stanzas_out: session.stanzasOut,
    error: undefined,
  };
}

function absentRow(route: Route): Row {
  const { lastError } = route;
  return {
    local: route.host.domain,
    remote: route.remote,
    direction: 'out',
    state: route.isActive ? 'connecting' : 'closed',
    since: time(lastError?.at),
    queued: route.queued,
    error: lastError?.message,
    next_try: time(route.nextTry),
  };
}

function time(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}
