// Data that survives a reload of this module. If the module was unloaded for a while, it has missed joins and leaves;
// then it forgets all joins, because a room that the client has left must not be asked about it.

import type { Module } from 'enjamb/api';
import { type DepartureData, newDepartures } from './departure_data.ts';
import type { JoinData } from './entries.ts';
import type { Join } from './join.ts';

export interface Kept {
  readonly joins: JoinData;
  readonly departures: DepartureData;
  /** Whether nothing was kept: rows on disk are from an earlier run. */
  isFresh: boolean;
}

export function keptData(module: Pick<Module, 'keep' | 'host'>): Kept {
  const kept = module.keep<Kept>('data', () => {
    forgetJoins(module);
    return { joins: { domains: new Map(), pending: new Map() }, departures: newDepartures(), isFresh: true };
  });
  dropEnded(module, kept);
  return kept;
}

function forgetJoins({ host }: Pick<Module, 'host'>): void {
  for (const { state } of host.sessions) {
    delete state.mucJoins;
    delete state.mucAddressed;
  }
}

/** Removes joins of sessions that have ended during the reload. */
function dropEnded({ host }: Pick<Module, 'host'>, { joins }: Kept): void {
  const isEnded = ({ session }: Join) => host.sessions.get(session.jid) !== session;
  for (const domain of joins.domains.values()) {
    for (const room of domain.rooms.values()) {
      for (const join of room.joins) if (isEnded(join)) room.joins.delete(join);
      if (room.joins.size === 0) domain.rooms.delete(room.jid);
    }
    if (domain.rooms.size === 0) joins.domains.delete(domain.name);
  }
  for (const join of joins.pending.keys()) if (isEnded(join)) joins.pending.delete(join);
}
