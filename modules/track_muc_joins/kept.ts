// What survives a reload of this module. Once it was really off, joins and leaves may have passed unseen: unknown is
// better than wrong, for a room that the client has left must not be asked about.

import type { Module } from 'enjamb/api';
import { type DepartureData, newDepartures } from './departure_data.ts';
import type { JoinData } from './entries.ts';
import type { Join } from './join.ts';

export interface Kept {
  readonly joins: JoinData;
  readonly departures: DepartureData;
  /** Nothing was kept: what is on disk is of an earlier run. */
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

/** Sessions may have ended while the module was being replaced. */
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
