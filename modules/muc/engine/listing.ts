// The public list of rooms (XEP-0045 §6.3). It is kept sorted by address, so that a request costs only its page.

import type { Room } from '../model/room.ts';

export interface ListingPage {
  readonly rooms: readonly Room[];
  /** Index of the page's first room in the whole list. */
  readonly start: number;
}

/** Whether a room is in the public list. */
export function isListed(room: Room): boolean {
  return room.config.listed && room.lockedSince === undefined;
}

export class Listing {
  readonly #rooms: Room[] = [];

  get size(): number {
    return this.#rooms.length;
  }

  /** Adds a room to the list, or removes it. Idempotent. */
  update(room: Room, isShown: boolean): void {
    const place = this.#firstFrom(room.jid);
    const isThere = this.#rooms[place]?.jid === room.jid;
    if (isShown) this.#rooms.splice(place, isThere ? 1 : 0, room);
    else if (isThere) this.#rooms.splice(place, 1);
  }

  /**
   * The next `max` rooms after the address `after`, which may be missing from the list; `undefined`: from the start.
   */
  page(after: string | undefined, max: number): ListingPage {
    const place = after === undefined ? 0 : this.#firstFrom(after);
    const start = after !== undefined && this.#rooms[place]?.jid === after ? place + 1 : place;
    return { rooms: this.#rooms.slice(start, start + max), start };
  }

  /** The index of the first room whose address is not before `jid`. */
  #firstFrom(jid: string): number {
    let low = 0;
    let high = this.#rooms.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#rooms[middle]!.jid < jid) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
