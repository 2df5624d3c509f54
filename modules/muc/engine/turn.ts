// The turn in which everything happens that one event brings about.

import type { StanzaEvent } from 'enjamb/api';
import type { Service } from './service.ts';

/**
 * Runs what one event brings about. What we send may come back as an error within the same tick, or make a client hang
 * up; what follows from that is postponed to the end of the turn. So everybody hears of one thing after the other in
 * the same order, and a thousand clients that are gone do not nest a thousand announcements in each other.
 */
export function turn<T>(service: Service, event: StanzaEvent | undefined, act: () => T): T {
  if (service.inTurn) return act();
  service.inTurn = true;
  try {
    return act();
  } finally {
    runPostponed(service);
    service.inTurn = false;
    for (const end of service.turnEnds) end(event);
  }
}

/** Leaves something for the end of the turn. */
export function postpone(service: Service, act: () => void): void {
  service.postponed.push(act);
}

function runPostponed(service: Service): void {
  const { postponed } = service;
  // The list grows while it runs.
  for (let next = 0; next < postponed.length; next++) {
    try {
      postponed[next]?.();
    } catch (error) {
      service.module.report(error);
    }
  }
  postponed.length = 0;
}
