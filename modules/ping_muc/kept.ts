// What survives a reload of this module: the questions under way, so that no answer to them reaches a client, and
// which domains have to be asked again.

import type { Module } from 'enjamb/api';
import type { Probe } from './probe.ts';

export interface Kept {
  readonly probes: Map<string, Probe>;
  /** When rooms were last sent a presence probe, by room. */
  readonly presenceProbes: Map<string, number>;
  /** The domains that were in doubt when the module was unloaded. */
  interrupted: string[];
}

export function keptData(module: Pick<Module, 'keep' | 'host'>): Kept {
  return module.keep<Kept>('data', () => {
    // What sleeping clients were to be told before the module was off is not known to be true any more.
    for (const { state } of module.host.sessions) delete state.mucNotices;
    return { probes: new Map(), presenceProbes: new Map(), interrupted: [] };
  });
}

/** Rooms that are remembered as asked. Beyond that the first one is forgotten, and may be asked again. */
const MAX_ROOMS = 10_000;
const DAY_MS = 24 * 60 * 60_000;

/** Sends a presence probe to a room at most once a day: it is a last resort, and visible to the room. */
export function presenceProbes(sent: Map<string, number>, now: () => number) {
  return {
    may: (room: string) => (sent.get(room) ?? Number.NEGATIVE_INFINITY) + DAY_MS <= now(),
    sent(room: string) {
      sent.delete(room);
      for (const [oldest, at] of sent) {
        if (at + DAY_MS > now() && sent.size < MAX_ROOMS) break;
        sent.delete(oldest);
      }
      sent.set(room, now());
    },
  };
}
