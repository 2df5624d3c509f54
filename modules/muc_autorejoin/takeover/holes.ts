// Gaps without a loss: a connection broke, and the room has kept the client. Stanzas that the other server took for delivered may
// have been lost with the connection. One query to the archive of each room finds them; only with `muc_autorejoin_holes`.

import { inChunks, PacedQueue, ResettableTimer } from 'enjamb/api';
import type { HeldMessage } from '../answer/held.ts';
import { giveGap } from '../gap/gap.ts';
import type { Rejoins } from '../join/rejoins.ts';
import type { Place, RoomMemory } from '../memory/memory.ts';
import {
  following,
  heardMarks,
  type Marks,
  marksSince,
  RING_SIZE,
  type Said,
  withoutRepeats,
} from '../memory/ring.ts';
import { sizeOf } from '../memory/rooms.ts';
import type { Context } from '../shared/context.ts';

/** The last message that a client had heard when the connection broke. */
interface Before {
  readonly heard: Said;
  /** The messages of the room, see `Ring`. */
  readonly count: number;
}

/** Larger rooms are not joined again to update the list of occupants. */
const MAX_PEOPLE = 500;

export class Holes {
  readonly #context: Context;
  readonly #rejoins: Rejoins;
  /** Remotes whose connection broke, until their rooms have been asked. */
  readonly #broken = new Set<string>();
  readonly #before = new WeakMap<Place, Before>();

  constructor(context: Context, rejoins: Rejoins) {
    this.#context = context;
    this.#rejoins = rejoins;
  }

  linkClosed(remote: string, cause: string): void {
    if (!this.#context.settings.findsHoles || (cause !== 'reset' && cause !== 'timeout')) return;
    for (const known of this.#broken) if (!this.#context.joins.domain(known)) this.#broken.delete(known);
    this.#broken.add(remote);
    this.#rooms(remote, (room) => {
      for (const place of room.places) {
        const { heard, state } = place;
        if (state === 'in' && heard?.id !== undefined && !this.#before.has(place))
          this.#before.set(place, { heard, count: room.ring.count });
      }
    });
  }

  /** All rooms of a remote have been asked, and lost clients are being joined. */
  settled(remote: string): void {
    const { clock, module, settings } = this.#context;
    if (!this.#broken.has(remote) || module.link(remote).state !== 'up') return;
    this.#broken.delete(remote);
    const paced = new PacedQueue<RoomMemory>({ perSecond: settings.rate, laneGapMs: 0, clock });
    const timer = new ResettableTimer(clock);
    const drain = (): void => {
      const waitMs = paced.drain((room) => this.#look(room));
      if (waitMs !== undefined) timer.set(waitMs, drain);
    };
    this.#rooms(remote, (room) => paced.push(remote, room));
    timer.set(0, drain);
  }

  #rooms(remote: string, each: (room: RoomMemory) => void): void {
    const { after, joins, rooms } = this.#context;
    inChunks((joins.domain(remote)?.rooms ?? new Map<string, never>()).keys(), after, (chunk) => {
      for (const jid of chunk) {
        const room = rooms.all.get(jid);
        if (room) each(room);
      }
    });
  }

  /** Asks for the messages after the oldest of the last messages that our clients had heard. */
  #look(room: RoomMemory): void {
    const brokenAt = this.#context.joins.domain(room.domain)?.brokenAt ?? 0;
    const clients: [Place, Before][] = [];
    for (const place of room.places) {
      const before = this.#before.get(place);
      this.#before.delete(place);
      if (before && place.state === 'in' && place.join.provenAt > brokenAt) clients.push([place, before]);
    }
    const [first, ...others] = clients;
    if (first === undefined || !room.facts?.hasArchive) return;
    const oldest = others.reduce((a, b) => (b[1].heard.position < a[1].heard.position ? b : a), first);
    this.#rejoins.archives.since(oldest[0], oldest[1].heard, (found) => {
      const { count } = room.ring;
      // Before the given messages join the ring.
      const live = clients.map(([, before]) => marksSince(room.ring, before.count));
      for (const [i, [place, before]] of clients.entries()) {
        if (place.state !== 'in' || !room.places.has(place)) continue;
        if (count - before.count > RING_SIZE) continue; // Nothing tells what it has heard since.
        this.#fill(place, before, found, live[i]!);
      }
    });
  }

  /** @param live the messages of the room since then */
  #fill(place: Place, { heard }: Before, all: readonly HeldMessage[], live: Marks): void {
    const { rest } = following(all, heardMarks(place.room.ring, heard));
    const messages = withoutRepeats(rest).filter(({ mark }) => !live.has(mark));
    if (messages.length === 0) return;
    const gap = { all, messages, isOpen: false, isWhole: true };
    place.heard = giveGap(this.#context, this.#rejoins.unconfirmed, place, gap) ?? place.heard;
    if (sizeOf(place.room) <= MAX_PEOPLE) this.#rejoins.lose(place, 'hole');
  }
}
