// What survives a reload of this module: plain data, and only while nobody could miss anything.

import type { Module } from 'enjamb/api';
import type { DepartureData } from './departures.ts';
import type { Join, JoinData } from './entries.ts';

interface Kept {
  readonly joins: JoinData;
  readonly departures: DepartureData;
  /** When the module was last unloaded, in ms since 1970; 0 while it is loaded. */
  offSince: number;
}

/** A reload takes far less. Longer than that, and joins and leaves may have passed unseen. */
const RELOAD_MS = 1_000;

export function keptData(module: Module): Kept {
  const kept = module.keep<Kept>('data', () => ({
    joins: { domains: new Map(), pending: new Map() },
    departures: new Map(),
    offSince: 0,
  }));
  const isStale = kept.offSince !== 0 && module.clock.now() - kept.offSince > RELOAD_MS;
  if (isStale) forget(module, kept);
  else dropEnded(module, kept);
  kept.offSince = 0;
  module.onUnload(() => {
    kept.offSince = module.clock.now();
  });
  return kept;
}

/** Unknown is better than wrong: a room the client has left meanwhile must not be asked about. */
function forget(module: Module, kept: Kept): void {
  kept.joins.domains.clear();
  kept.joins.pending.clear();
  kept.departures.clear();
  for (const session of module.host.sessions) {
    delete session.state.mucJoins;
    delete session.state.mucAddressed;
  }
}

function dropEnded(module: Module, { joins }: Kept): void {
  const isEnded = ({ session }: Join) => module.host.sessions.get(session.jid) !== session;
  for (const domain of joins.domains.values()) {
    for (const room of domain.rooms.values()) {
      for (const join of room.joins) if (isEnded(join)) room.joins.delete(join);
      if (room.joins.size === 0) domain.rooms.delete(room.jid);
    }
    if (domain.rooms.size === 0) joins.domains.delete(domain.name);
  }
}
