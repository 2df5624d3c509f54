// What survives a reload of this module: the questions under way, so that no answer to them reaches a client, and
// which domains have to be asked again.

import { BoundedMap, type Module } from 'enjamb/api';
import type { Probe } from './probe.ts';

export interface Kept {
  readonly probes: Map<string, Probe>;
  /** When rooms were last sent a presence probe, by room. */
  readonly presenceProbes: PresenceProbes;
  /** The domains that were in doubt when the module was unloaded. */
  interrupted: string[];
}

export function keptData(module: Pick<Module, 'keep' | 'host'>): Kept {
  return module.keep<Kept>('data', () => {
    // What sleeping clients were to be told before the module was off is not known to be true any more.
    for (const { state } of module.host.sessions) delete state.mucNotices;
    return { probes: new Map(), presenceProbes: newPresenceProbes(), interrupted: [] };
  });
}

/** Rooms that are remembered as asked. Beyond that the first one is forgotten, and may be asked again. */
const MAX_ROOMS = 10_000;
const DAY_MS = 24 * 60 * 60_000;

type PresenceProbes = BoundedMap<string, number>;

/** No room has been asked. */
export function newPresenceProbes(): PresenceProbes {
  return new BoundedMap(MAX_ROOMS);
}

/** Sends a presence probe to a room at most once a day: it is a last resort, and visible to the room. */
export function presenceProbes(sent: PresenceProbes, now: () => number) {
  return {
    may: (room: string) => (sent.get(room) ?? Number.NEGATIVE_INFINITY) + DAY_MS <= now(),
    sent(room: string) {
      for (const [oldest, at] of sent) {
        if (at + DAY_MS > now()) break;
        sent.delete(oldest);
      }
      sent.set(room, now());
    },
  };
}
