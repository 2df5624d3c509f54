// One room service: its rooms, their shared state, and the postponed work of the present turn (turn.ts).

import type { ByteBudget, KeyvalStore, Module, SharedBudget, Stanza, StanzaEvent } from 'enjamb/api';
import type { MucOptions } from '../model/options.ts';
import type { Room, Seat } from '../model/room.ts';
import type { StoredRoom } from '../model/row.ts';
import type { Commits } from './change.ts';
import type { Listing } from './listing.ts';
import type { HistoryReader } from './ring.ts';

export interface Service {
  readonly module: Module<MucOptions>;
  readonly domain: string;
  /** By localpart. */
  readonly rooms: Map<string, Room>;
  readonly listing: Listing;
  /** The number of existing rooms by creator: keys are bare JIDs, and domains for all their users. */
  readonly created: Map<string, number>;
  readonly store: KeyvalStore<StoredRoom>;
  /** The rooms that have a row in the store. */
  readonly stored: Set<string>;
  /** The rooms to be written, or to be removed from the store, when the turn ends. */
  readonly changed: Set<string>;
  /** Changes that wait for a write, by the room's localpart. */
  readonly commits: Map<string, Commits>;
  readonly budgets: Budgets;
  readonly reader: HistoryReader;
  /** Writes that have not begun, by room. */
  readonly writing: Map<string, Promise<void>>;
  /** Clients found to be lost in this turn, with their rooms. */
  readonly gone: Map<Seat, Room>;
  /** The work that waits for the end of the turn. */
  readonly postponed: (() => void)[];
  /** Called at the end of each turn, with the event that started it. */
  readonly turnEnds: ((event: StanzaEvent | undefined) => void)[];
  inTurn: boolean;
}

/** Bounds on the memory of all rooms together. */
export interface Budgets {
  readonly affiliations: ByteBudget;
  readonly history: ByteBudget;
  readonly presence: ByteBudget;
  readonly invitations: ByteBudget;
  readonly subjects: ByteBudget;
  /** The number of seats. */
  readonly seats: SharedBudget;
  /** Requests from one occupant to another that are not answered yet; a number. */
  readonly relays: SharedBudget;
}

export function send(service: Service, stanza: Stanza): void {
  service.module.send(stanza);
}
