// muc#admin: lists and changes roles and affiliations (XEP-0045 §8, §9, §10.3 to §10.8).

import { type Element, Jid, NS, type StanzaEvent, xml } from 'enjamb/api';
import {
  type AffiliationChange,
  applyAffiliations,
  checkAffiliations,
  checkNumber,
  stageAffiliations,
} from '../acts/affiliations.ts';
import { writtenNick } from '../acts/rename.ts';
import { applyRole, checkRole, type RoleChange } from '../acts/roles.ts';
import { commit } from '../engine/commit.ts';
import type { Service } from '../engine/service.ts';
import { type Affiliation, isAffiliation, isAtLeast, isRole, type Role } from '../model/ranks.ts';
import { reasonIn } from '../model/reason.ts';
import {
  type AffiliationEntry,
  affiliationOf,
  mainSeat,
  moderatorOf,
  occupantsOf,
  type Room,
  seatOf,
} from '../model/room.ts';
import { roomError } from '../model/room_error.ts';

/** The answer to a get. @throws StanzaError 'forbidden', 'bad-request' */
export function readList(room: Room, from: Jid, query: Element): Element {
  const item = query.getChild('item');
  const { role, affiliation } = item?.attrs ?? {};
  if (isRole(role) && affiliation === undefined)
    return xml('query', NS.MUC_ADMIN, ...roleItems(room, from, role));
  if (isAffiliation(affiliation) && affiliation !== 'none' && role === undefined) {
    return xml('query', NS.MUC_ADMIN, ...affiliationItems(room, from, affiliation));
  }
  throw roomError(room.jid, 'bad-request', { text: 'Name one role or one affiliation' });
}

/**
 * Changes roles or affiliations. The request is checked as a whole, then `answer` is called, then the changes are
 * applied (§8.2, §9.2). So a refused request has no effect, and the requester gets the answer before the changes.
 * @throws StanzaError with the conditions of §8 to §10
 */
export function changeList(
  service: Service,
  room: Room,
  event: StanzaEvent,
  query: Element,
  answer: () => void,
): void {
  const { from } = event;
  const items = query.getChildren('item');
  if (items.length === 0) throw roomError(room.jid, 'bad-request', { text: 'The request has no item' });
  checkNumber(room, items.length);
  // §17.4: one item changes a role or an affiliation, not both.
  const isMixed = items.some(({ attrs }) => (attrs.role === undefined) === (attrs.affiliation === undefined));
  if (isMixed)
    throw roomError(room.jid, 'bad-request', { text: 'An item changes either a role or an affiliation' });
  const roles = items.filter(({ attrs }) => attrs.role !== undefined).map((item) => roleChange(room, item));
  const affiliations = items
    .filter(({ attrs }) => attrs.affiliation !== undefined)
    .map((item) => affiliationChange(service, room, item));
  const check = (tried: Room) => {
    for (const change of roles) checkRole(tried, from, change);
    if (affiliations.length > 0) checkAffiliations(service, tried, from.bare, affiliations);
  };
  const apply = () => {
    const actor = (seatOf(room, from)?.occupant ?? occupantsOf(room, from.bare)[0])?.nick;
    answer();
    for (const change of roles) applyRole(service, room, actor, change);
    applyAffiliations(service, room, { bare: from.bare, actor }, affiliations);
  };
  if (affiliations.length > 0) {
    commit(service, room, event, { check, stage: (draft) => stageAffiliations(draft, affiliations), apply });
    return;
  }
  check(room);
  apply();
}

function roleChange(room: Room, item: Element): RoleChange {
  const { role, nick } = item.attrs;
  if (nick === undefined || (role !== 'none' && !isRole(role))) throw roomError(room.jid, 'bad-request');
  const occupant = room.occupants.get(nick);
  if (!occupant) throw roomError(room.jid, 'item-not-found', { text: 'No occupant has this nickname' });
  return { occupant, role, reason: reasonIn(room, item) };
}

/** The item names a user by JID, or an occupant by nick, as some clients do. */
function affiliationChange(service: Service, room: Room, item: Element): AffiliationChange {
  const { affiliation, jid, nick } = item.attrs;
  if (!isAffiliation(affiliation)) throw roomError(room.jid, 'bad-request');
  const reason = reasonIn(room, item);
  if (jid === undefined) {
    const occupant = room.occupants.get(nick ?? '');
    if (!occupant) throw roomError(room.jid, 'item-not-found', { text: 'No occupant has this nickname' });
    return { bare: occupant.bare, affiliation, reason };
  }
  const bare = Jid.tryParse(jid)?.bare;
  if (bare === undefined) throw roomError(room.jid, 'jid-malformed');
  if (!isAtLeast(affiliation, 'member') || nick === undefined) return { bare, affiliation, reason };
  // An empty nick cancels the reservation.
  return { bare, affiliation, nick: nick === '' ? '' : writtenNick(service, room, nick), reason };
}

function roleItems(room: Room, from: Jid, role: Role): Element[] {
  const may =
    role === 'moderator'
      ? isAtLeast(affiliationOf(room, from.bare), 'admin')
      : moderatorOf(room, from) !== undefined;
  if (!may) throw roomError(room.jid, 'forbidden');
  return [...room.occupants.values()]
    .filter((occupant) => occupant.role === role)
    .map((occupant) =>
      xml('item', {
        affiliation: affiliationOf(room, occupant.bare),
        role,
        nick: occupant.nick,
        jid: mainSeat(occupant).jid,
      }),
    );
}

function affiliationItems(room: Room, from: Jid, affiliation: Affiliation): Element[] {
  if (!maySeeList(room, from, affiliation)) throw roomError(room.jid, 'forbidden');
  const nicks = new Map([...room.occupants.values()].map(({ bare, nick }) => [bare, nick]));
  return [...room.affiliations]
    .filter(([, entry]) => entry.affiliation === affiliation)
    .map(([bare, entry]) => entryItem(bare, entry, nicks.get(bare)));
}

function entryItem(
  bare: string,
  { affiliation, nick, reason }: AffiliationEntry,
  present: string | undefined,
): Element {
  return xml(
    'item',
    { affiliation, jid: bare, nick: affiliation === 'outcast' ? undefined : (nick ?? present) },
    reason === undefined ? undefined : xml('reason', {}, reason),
  );
}

/**
 * §9.2, §9.5, §10.5, §10.8: lists contain real addresses, so in semi-anonymous rooms only admins and owners see them.
 */
function maySeeList(room: Room, from: Jid, affiliation: Affiliation): boolean {
  const own = affiliationOf(room, from.bare);
  if (affiliation === 'outcast') return isAtLeast(own, 'admin');
  if (isAtLeast(own, affiliation === 'member' ? 'admin' : 'owner')) return true;
  return room.config.whois === 'anyone' && (isAtLeast(own, 'member') || seatOf(room, from) !== undefined);
}
