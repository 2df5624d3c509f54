// Sends occupants each other's presence with roles and affiliations. Each version of it is serialised once.

import { type Element, type ElementLike, type Node, NS, type Stanza, share, xml } from 'enjamb/api';
import { occupantIdElement } from '../model/occupant_id.ts';
import type { Affiliation, Role } from '../model/ranks.ts';
import { affiliationOf, mainSeat, type Occupant, type Room, type Seat, seesJids } from '../model/room.ts';
import { type Service, send } from './service.ts';

/** The details of a presence update about an occupant. */
export interface PresenceUpdate {
  readonly type?: 'unavailable';
  /** The children of the client's presence; default: those of its main client's last presence. */
  readonly payload?: readonly Node[];
  readonly affiliation?: Affiliation;
  readonly role?: Role | 'none';
  /** The new nick, in a nick change (XEP-0045 §7.6). */
  readonly nick?: string;
  /** The nick of the occupant who caused the change (§8.2). */
  readonly actor?: string | undefined;
  readonly reason?: string | undefined;
  /** Status codes for all occupants. */
  readonly codes?: readonly string[];
  /** Further status codes for the occupant itself, besides 110. */
  readonly ownCodes?: readonly string[];
  /** The full JID of the client in question; default: the occupant's main client. */
  readonly jid?: string;
  /** The `id` of the presence of `client`, which is returned to it (§7.2.2). */
  readonly echo?: { readonly client: Seat; readonly id: string | undefined };
}

/** Sends the update to all occupants, including the occupant's own clients. */
export function announce(
  service: Service,
  room: Room,
  occupant: Occupant,
  update: PresenceUpdate = {},
): void {
  tellOthers(service, room, occupant, update);
  tellOwn(service, room, occupant, occupant.seats.values(), update);
}

/** Sends the update to all other occupants. */
export function tellOthers(
  service: Service,
  room: Room,
  occupant: Occupant,
  update: PresenceUpdate = {},
): void {
  const versions = new Map<boolean, Stanza>();
  for (const seat of room.seats.values()) {
    if (seat.occupant === occupant) continue;
    const open = seesJids(room, seat.occupant.role);
    const stanza = versions.get(open) ?? share(presence(service, room, occupant, update, open, false));
    versions.set(open, stanza);
    send(service, stanza.with({ to: seat.jid }));
  }
}

/** Sends the update to clients of the occupant itself (status 110, XEP-0045 §7.2.2). */
export function tellOwn(
  service: Service,
  room: Room,
  occupant: Occupant,
  seats: Iterable<Seat>,
  update: PresenceUpdate = {},
): void {
  let stanza: Stanza | undefined;
  for (const seat of seats) {
    stanza ??= share(presence(service, room, occupant, update, true, true));
    const id = update.echo?.client === seat ? update.echo.id : undefined;
    send(service, stanza.with({ to: seat.jid, id }));
  }
}

/** Sends a client the presence of all other occupants (XEP-0045 §7.2.2: before its own presence). */
export function sendOccupants(service: Service, room: Room, seat: Seat): void {
  const open = seesJids(room, seat.occupant.role);
  for (const occupant of room.occupants.values()) {
    if (occupant !== seat.occupant) send(service, view(service, room, occupant, open).with({ to: seat.jid }));
  }
}

/** The available presence of an occupant for new occupants, cached until it changes. */
function view(service: Service, room: Room, occupant: Occupant, open: boolean): Stanza {
  const kind = open ? 'nonAnonymous' : 'semiAnonymous';
  occupant.view[kind] ??= share(presence(service, room, occupant, {}, open, false));
  return occupant.view[kind];
}

function presence(
  service: Service,
  room: Room,
  occupant: Occupant,
  update: PresenceUpdate,
  open: boolean,
  own: boolean,
): Stanza {
  const stanza = xml('presence', { from: `${room.jid}/${occupant.nick}`, type: update.type });
  const payload = update.payload ?? (update.type === undefined ? mainSeat(occupant).presence : []);
  return stanza.withChildren([
    ...payload,
    ...(update.type === undefined ? additions(service, room, occupant) : []),
    userElement(room, occupant, update, open, own),
    occupantIdElement(occupant.id),
  ]);
}

/** Children that other modules add to an occupant's presence. */
function additions({ module }: Service, room: Room, occupant: Occupant): ElementLike[] {
  return module.items('muc-presence').flatMap((childrenOf) => childrenOf(room, occupant));
}

function userElement(
  room: Room,
  occupant: Occupant,
  update: PresenceUpdate,
  open: boolean,
  own: boolean,
): Element {
  const codes = [...(own ? (update.ownCodes ?? []) : []), ...(update.codes ?? [])];
  if (own) codes.push('110');
  return xml(
    'x',
    NS.MUC_USER,
    xml(
      'item',
      {
        affiliation: update.affiliation ?? affiliationOf(room, occupant.bare),
        role: update.role ?? occupant.role,
        jid: open ? (update.jid ?? mainSeat(occupant).jid) : undefined,
        nick: update.nick,
      },
      update.actor === undefined ? undefined : xml('actor', { nick: update.actor }),
      update.reason === undefined ? undefined : xml('reason', {}, update.reason),
    ),
    ...codes.sort().map((code) => xml('status', { code })),
  );
}
