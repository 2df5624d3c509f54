// The interface for other modules of the service: `module.use('muc')`.

import { type ElementLike, type Jid, newId, StanzaError, type StanzaEvent, share, xml } from 'enjamb/api';
import { applyAffiliations, checkSpace } from './acts/affiliations.ts';
import { type Departure, removeSeats } from './acts/depart.ts';
import { type Destruction, destroyRoom } from './acts/destroy.ts';
import { checkAffiliation } from './acts/enter.ts';
import { remember } from './engine/ring.ts';
import { createRoom, roomChanged, unlockRoom, visibleRoom } from './engine/rooms.ts';
import { type Service, send } from './engine/service.ts';
import { turn } from './engine/turn.ts';
import type { Affiliation, Role } from './model/ranks.ts';
import {
  affiliationOf,
  forgetViews,
  type Occupant,
  type Room,
  type Seat,
  seatOf,
  seesJids,
} from './model/room.ts';

/** Other modules may read rooms, and change them only by these functions. */
export interface Muc {
  get(localpart: string): Readonly<Room> | undefined;
  all(): Iterable<Readonly<Room>>;
  /**
   * The room that a stanza is addressed to, if it is visible to the sender. @throws StanzaError 'item-not-found'
   * (§17.2)
   */
  visible(event: StanzaEvent): Readonly<Room>;
  /** Whether a user may enter a room, apart from password and space. `bare`: a bare JID. */
  mayEnter(room: Readonly<Room>, bare: string): boolean;
  /** `role`: `undefined` for a client that is not in the room. */
  rankOf(
    room: Readonly<Room>,
    client: Jid,
  ): { readonly affiliation: Affiliation; readonly role: Role | undefined };
  /** Whether a client sees the real addresses of occupants (§7.2.3, §7.2.4). */
  seesAddresses(room: Readonly<Room>, client: Jid): boolean;
  /**
   * Changes an affiliation on behalf of the room, without a check of ranks.
   * @throws StanzaError 'resource-constraint'
   */
  setAffiliation(
    room: Readonly<Room>,
    bare: string,
    affiliation: Affiliation,
    details?: { nick?: string; reason?: string },
  ): void;
  /** Removes clients from the room. */
  remove(
    room: Readonly<Room>,
    seats: readonly Readonly<Seat>[],
    departure: Pick<Departure, 'codes' | 'reason'>,
  ): void;
  /** Sends a message from the room to all occupants, and stores it in the history. */
  say(room: Readonly<Room>, ...children: ElementLike[]): void;
  /** Sends a message from the room to all occupants, without the history. */
  tell(room: Readonly<Room>, ...children: ElementLike[]): void;
  /** Returns an existing room, or creates an unlocked one. `owner`: a bare JID. */
  create(localpart: string, owner: string): Readonly<Room>;
  destroy(room: Readonly<Room>, destruction?: Destruction): void;
  /** Call this when the result of `muc-presence` for an occupant changes. */
  forgetViews(occupant: Readonly<Occupant>): void;
}

declare module 'enjamb/api' {
  interface Exports {
    muc: Muc;
  }
}

export function exportsOf(service: Service): Muc {
  /** Runs `act` in a turn, unless the room has ended. */
  const inTurn = (room: Readonly<Room>, act: (room: Room) => void): void => {
    const live = service.rooms.get(room.name);
    if (live === room) turn(service, undefined, () => act(live));
  };
  return {
    get: (localpart) => service.rooms.get(localpart),
    all: () => service.rooms.values(),
    visible: (event) => visibleRoom(service, event),
    mayEnter,
    rankOf: (room, client) => ({
      affiliation: affiliationOf(room, client.bare),
      role: seatOf(room, client)?.occupant.role,
    }),
    seesAddresses(room, client) {
      const role = seatOf(room, client)?.occupant.role;
      return role !== undefined && seesJids(room, role);
    },
    setAffiliation(room, bare, affiliation, details = {}) {
      const changes = [{ bare, affiliation, ...details }];
      checkSpace(service, room, changes);
      inTurn(room, (live) => applyAffiliations(service, live, { bare: live.jid, actor: undefined }, changes));
    },
    remove: (room, seats, departure) =>
      inTurn(room, (live) => {
        const present = seats.filter(({ jid }) => live.seats.has(jid)).map(({ jid }) => live.seats.get(jid)!);
        if (present.length > 0) removeSeats(service, live, present, departure);
      }),
    say: (room, ...children) => inTurn(room, (live) => speakFor(service, live, children, true)),
    tell: (room, ...children) => inTurn(room, (live) => speakFor(service, live, children, false)),
    create: (localpart, owner) =>
      service.rooms.get(localpart) ?? turn(service, undefined, () => openRoom(service, localpart, owner)),
    destroy: (room, destruction = {}) => inTurn(room, (live) => destroyRoom(service, live, destruction)),
    forgetViews,
  };
}

function mayEnter(room: Readonly<Room>, bare: string): boolean {
  try {
    checkAffiliation(room, bare);
    return true;
  } catch (error) {
    if (error instanceof StanzaError) return false;
    throw error;
  }
}

function speakFor(service: Service, room: Room, children: readonly ElementLike[], kept: boolean): void {
  const message = xml('message', { type: 'groupchat', id: newId(), from: room.jid });
  const stanza = share(message.withChildren([...children]));
  for (const jid of room.seats.keys()) send(service, stanza.with({ to: jid }));
  if (kept) remember(service, room, stanza, service.module.clock.now());
}

function openRoom(service: Service, localpart: string, owner: string): Room {
  const room = createRoom(service, localpart, { owner, creator: undefined });
  unlockRoom(service, room);
  roomChanged(service, room);
  return room;
}
