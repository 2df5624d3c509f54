// A turn: all that one event causes.

import type { StanzaEvent } from 'enjamb/api';
import type { Service } from './service.ts';

/**
 * Runs the handler of one event. Our stanzas may return as errors in the same tick, or close a client's stream. The
 * consequences are postponed to the end of the turn. So all occupants see changes in the same order, and a thousand
 * lost clients do not nest a thousand announcements.
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

/** Postpones work to the end of the turn. */
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
