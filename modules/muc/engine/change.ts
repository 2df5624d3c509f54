// A change of a room, and the changes that wait for a write; see commit.ts.

import type { StanzaEvent } from 'enjamb/api';
import type { Room } from '../model/room.ts';

export interface Change {
  /**
   * Checks the change against a room or a draft of it, and modifies neither.
   * @throws StanzaError when the change is not allowed
   */
  check(room: Room): void;
  /** Applies the stored part of the change to a draft. Called directly after `check`. */
  stage(draft: Draft): void;
  /**
   * Applies the change, answers the requester, and notifies the occupants. Must not refuse: it runs after the write.
   */
  apply(room: Room): void;
}

/** The room after the changes. */
export interface Draft extends Room {
  /** Set if the room will be destroyed. */
  removed?: boolean;
}

export interface Request {
  readonly change: Change;
  readonly event: StanzaEvent;
  readonly room: Room;
  done(): void;
}

/** The requested changes of one room. */
export interface Commits {
  readonly waiting: Request[];
  /** Resolves when no change is pending; never rejects. */
  readonly idle: Promise<void>;
}
