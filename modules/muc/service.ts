// One room service, and the turn in which everything happens that one event brings about.

import type { ByteBudget, KeyvalStore, Module, SharedBudget, Stanza, StanzaEvent } from 'enjamb/api';
import type { Commits } from './commit.ts';
import type { HistoryReader } from './history.ts';
import type { Relay } from './iq_relay.ts';
import type { Listing } from './listing.ts';
import type { MucOptions } from './options.ts';
import type { Room, Seat } from './room.ts';
import { type StoredRoom, writeChanges } from './stored.ts';

export interface Service {
  readonly module: Module<MucOptions>;
  readonly domain: string;
  /** By localpart. */
  readonly rooms: Map<string, Room>;
  readonly listing: Listing;
  /** The number of existing rooms by creator: keys are bare JIDs, and domains for all their users. */
  readonly created: Map<string, number>;
  /** IQ requests from one occupant to another, by the id that we gave them; oldest first. */
  readonly relays: Map<string, Relay>;
  readonly store: KeyvalStore<StoredRoom>;
  /** The rooms that have a row in the store. */
  readonly stored: Set<string>;
  /** The rooms to be written, or to be removed from the store, when the turn ends. */
  readonly changed: Set<string>;
  /** Changes that wait for the disk, by the room's localpart. */
  readonly commits: Map<string, Commits>;
  readonly budgets: Budgets;
  readonly reader: HistoryReader;
  /** Writes that have not begun yet, by room. */
  readonly writing: Map<string, Promise<void>>;
  /** Clients that turned out to be gone in this turn, with the rooms they were in. */
  readonly gone: Map<Seat, Room>;
  /** What waits for the end of the turn. */
  readonly postponed: (() => void)[];
  inTurn: boolean;
}

/** Bounds on the memory of all rooms together. */
export interface Budgets {
  readonly standings: ByteBudget;
  readonly history: ByteBudget;
  readonly presence: ByteBudget;
  readonly invitations: ByteBudget;
  /** Clients in rooms; a number. */
  readonly seats: SharedBudget;
  /** Requests from one occupant to another that are under way; a number. */
  readonly relays: SharedBudget;
}

export function send(service: Service, stanza: Stanza): void {
  service.module.send(stanza);
}

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
    for (const write of writeChanges(service)) {
      if (event) event.waitUntil(write);
      else service.module.spawn(write);
    }
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
