// What occupants see of each other: presence with roles and affiliations, each version of it serialised once.

import { type Element, type Node, NS, type Stanza, share, xml } from 'enjamb/api';
import { occupantIdElement } from '../model/occupant_id.ts';
import type { Affiliation, Role } from '../model/ranks.ts';
import { affiliationOf, mainSeat, type Occupant, type Room, type Seat, seesJids } from '../model/room.ts';
import { type Service, send } from './service.ts';

/** What becomes known of an occupant, beyond its plain presence. */
export interface News {
  readonly type?: 'unavailable';
  /** What the client said; default: what its main client said last. */
  readonly payload?: readonly Node[];
  readonly affiliation?: Affiliation;
  readonly role?: Role | 'none';
  /** The new nick, of one that is changing it (XEP-0045 §7.6). */
  readonly nick?: string;
  /** The nick of whoever brought it about (§8.2). */
  readonly actor?: string | undefined;
  readonly reason?: string | undefined;
  /** Status codes for everybody. */
  readonly codes?: readonly string[];
  /** Further status codes for the occupant itself; 110 is added. */
  readonly ownCodes?: readonly string[];
  /** Whose full JID it is about; default: the occupant's main client. */
  readonly jid?: string;
  /** The `id` of the presence that `client` sent, which it gets back (§7.2.2). */
  readonly echo?: { readonly client: Seat; readonly id: string | undefined };
}

/** Tells everybody in the room, the occupant's own clients too. */
export function announce(service: Service, room: Room, occupant: Occupant, news: News = {}): void {
  tellOthers(service, room, occupant, news);
  tellOwn(service, room, occupant, occupant.seats.values(), news);
}

/** Tells everybody else. */
export function tellOthers(service: Service, room: Room, occupant: Occupant, news: News = {}): void {
  const versions = new Map<boolean, Stanza>();
  for (const seat of room.seats.values()) {
    if (seat.occupant === occupant) continue;
    const open = seesJids(room, seat.occupant.role);
    const stanza = versions.get(open) ?? share(presence(service, room, occupant, news, open, false));
    versions.set(open, stanza);
    send(service, stanza.with({ to: seat.jid }));
  }
}

/** Tells clients of the occupant itself (status 110, XEP-0045 §7.2.2). */
export function tellOwn(
  service: Service,
  room: Room,
  occupant: Occupant,
  seats: Iterable<Seat>,
  news: News = {},
): void {
  let stanza: Stanza | undefined;
  for (const seat of seats) {
    stanza ??= share(presence(service, room, occupant, news, true, true));
    const id = news.echo?.client === seat ? news.echo.id : undefined;
    send(service, stanza.with({ to: seat.jid, id }));
  }
}

/** Shows a client everybody else in the room (XEP-0045 §7.2.2: before its own presence). */
export function showRoom(service: Service, room: Room, seat: Seat): void {
  const open = seesJids(room, seat.occupant.role);
  for (const occupant of room.occupants.values()) {
    if (occupant !== seat.occupant) send(service, view(service, room, occupant, open).with({ to: seat.jid }));
  }
}

/** The plain available presence of an occupant, made once for all who enter until something in it changes. */
function view(service: Service, room: Room, occupant: Occupant, open: boolean): Stanza {
  const kind = open ? 'nonAnonymous' : 'semiAnonymous';
  occupant.view[kind] ??= share(presence(service, room, occupant, {}, open, false));
  return occupant.view[kind];
}

function presence(
  service: Service,
  room: Room,
  occupant: Occupant,
  news: News,
  open: boolean,
  own: boolean,
): Stanza {
  const stanza = xml('presence', { from: `${room.jid}/${occupant.nick}`, type: news.type });
  const payload = news.payload ?? (news.type === undefined ? mainSeat(occupant).presence : []);
  return stanza.withChildren([
    ...payload,
    ...(news.type === undefined ? additions(service, room, occupant) : []),
    userElement(room, occupant, news, open, own),
    occupantIdElement(occupant.id),
  ]);
}

/** What other modules have to say of an occupant. */
function additions({ module }: Service, room: Room, occupant: Occupant): Element[] {
  return module.items('muc-presence').flatMap((childrenOf) => childrenOf(room, occupant));
}

function userElement(room: Room, occupant: Occupant, news: News, open: boolean, own: boolean): Element {
  const codes = [...(own ? (news.ownCodes ?? []) : []), ...(news.codes ?? [])];
  if (own) codes.push('110');
  return xml(
    'x',
    NS.MUC_USER,
    xml(
      'item',
      {
        affiliation: news.affiliation ?? affiliationOf(room, occupant.bare),
        role: news.role ?? occupant.role,
        jid: open ? (news.jid ?? mainSeat(occupant).jid) : undefined,
        nick: news.nick,
      },
      news.actor === undefined ? undefined : xml('actor', { nick: news.actor }),
      news.reason === undefined ? undefined : xml('reason', {}, news.reason),
    ),
    ...codes.sort().map((code) => xml('status', { code })),
  );
}
