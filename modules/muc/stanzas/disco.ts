// Service discovery (XEP-0030) of the service and of rooms (XEP-0045 §6).

import { type Element, type Jid, NS, StanzaError, xml } from 'enjamb/api';
import { buildForm, type Field, pageElement, readPageRequest } from 'enjamb/xep';
import type { Service } from '../engine/service.ts';
import { isAtLeast } from '../model/ranks.ts';
import { affiliationOf, type Room, seatOf } from '../model/room.ts';
import { roomError } from '../model/room_error.ts';

/** A longer list of rooms is sent in pages (§6.3). */
const MAX_ROOMS_PER_PAGE = 500;

/** The features of the service and of all rooms. */
export const SERVICE_FEATURES = [
  NS.DISCO_INFO,
  NS.DISCO_ITEMS,
  NS.MUC,
  NS.MUC_STABLE_ID,
  NS.OCCUPANT_ID, // announced by the service too, because all rooms support it (XEP-0421 §4)
] as const;

const ROOM_FEATURES = [
  ...SERVICE_FEATURES,
  NS.MUC_REQUEST,
  NS.MUC_ROOMCONFIG,
  NS.MUC_ROOMINFO,
  NS.MUC_SELF_PING,
];

/** §6.2, with the features and forms of other modules. */
export function serviceInfo(service: Service): Element {
  const { module } = service;
  const features = new Set<string>([...SERVICE_FEATURES, ...module.items('disco-feature')]);
  return xml(
    'query',
    NS.DISCO_INFO,
    xml('identity', { category: 'conference', type: 'text', name: 'Chatrooms' }),
    ...module.items('disco-identity').map((identity) => xml('identity', { ...identity })),
    ...[...features].map((feature) => xml('feature', { var: feature })),
  );
}

/** §6.3: the public rooms by name, in pages if `query` requests one or the list is long (XEP-0059). */
export function serviceItems(service: Service, query: Element): Element {
  const { listing } = service;
  const wanted = readPageRequest(query);
  const max = Math.min(wanted?.max ?? MAX_ROOMS_PER_PAGE, MAX_ROOMS_PER_PAGE);
  const { rooms, start } = listing.page(wanted?.after || undefined, max);
  const isWhole = !wanted && rooms.length === listing.size;
  const page = { first: rooms[0]?.jid, last: rooms.at(-1)?.jid, index: start, count: listing.size };
  return xml(
    'query',
    NS.DISCO_ITEMS,
    ...rooms.map((room) => xml('item', { jid: room.jid, name: titleOf(room) })),
    isWhole ? undefined : pageElement(page),
  );
}

/** §6.4, and the nodes of §7.12 and §18.1.1. @throws StanzaError for an unknown node */
export function roomInfo(service: Service, room: Room, from: Jid, query: Element): Element {
  const { node } = query.attrs;
  if (node === 'x-roomuser-item') return reservedNick(room, from);
  // §18.1.1: "If a service does not discard any namespaces, it MUST return a <service-unavailable/> error".
  if (node === NS.MUC_TRAFFIC) throw new StanzaError('service-unavailable');
  if (node !== undefined) throw roomError(room.jid, 'item-not-found');
  const { module } = service;
  const features = module.items('muc-feature').flatMap((featuresOf) => featuresOf(room, from));
  const fields = module.items('muc-info').flatMap((fieldsOf) => fieldsOf(room, from));
  return xml(
    'query',
    NS.DISCO_INFO,
    xml('identity', { category: 'conference', type: 'text', name: titleOf(room) }),
    ...[...ROOM_FEATURES, ...kindsOf(room), ...features].map((feature) => xml('feature', { var: feature })),
    buildForm({ type: 'result', formType: NS.MUC_ROOMINFO, fields: [...roomInfoFields(room), ...fields] }),
  );
}

/**
 * §6.5: occupants may list the occupants. Others may only if the room is public and open, and the service allows it
 * ("advised to turn off such information sharing by default").
 */
export function roomItems(service: Service, room: Room, from: Jid): Element {
  const mayKnow = seatOf(room, from) || (service.module.options.muc_public_occupants && isOpen(room, from));
  const nicks = mayKnow ? [...room.occupants.keys()] : [];
  return xml('query', NS.DISCO_ITEMS, ...nicks.map((nick) => xml('item', { jid: `${room.jid}/${nick}` })));
}

function isOpen(room: Room, from: Jid): boolean {
  const { listed, membersOnly, passwordProtected } = room.config;
  return listed && !membersOnly && !passwordProtected && isAtLeast(affiliationOf(room, from.bare), 'none');
}

function titleOf(room: Room): string {
  return room.config.name === '' ? room.name : room.config.name;
}

/** §15.3: the room types of §4.2. */
function kindsOf({ config }: Room): string[] {
  return [
    config.listed ? 'muc_public' : 'muc_hidden',
    config.persistent ? 'muc_persistent' : 'muc_temporary',
    config.membersOnly ? 'muc_membersonly' : 'muc_open',
    config.moderated ? 'muc_moderated' : 'muc_unmoderated',
    config.passwordProtected ? 'muc_passwordprotected' : 'muc_unsecured',
    config.whois === 'anyone' ? 'muc_nonanonymous' : 'muc_semianonymous',
  ];
}

/** §15.5.4, without the subject (§14.4). */
function roomInfoFields({ config, occupants }: Room): Field[] {
  const yes = (value: boolean) => [value ? '1' : '0'];
  return [
    {
      var: 'muc#roominfo_description',
      type: 'text-single',
      label: 'Description',
      values: [config.description],
    },
    {
      var: 'muc#roominfo_occupants',
      type: 'text-single',
      label: 'Occupants',
      values: [String(occupants.size)],
    },
    { var: 'muc#roominfo_lang', type: 'text-single', label: 'Language', values: [config.language] },
    {
      var: 'muc#roominfo_subjectmod',
      type: 'boolean',
      label: 'Participants may change the subject',
      values: yes(config.changeSubject),
    },
    {
      var: 'muc#roomconfig_allowinvites',
      type: 'boolean',
      label: 'Members may invite others',
      values: yes(config.allowInvites),
    },
    {
      var: 'muc#maxhistoryfetch',
      type: 'text-single',
      label: 'Messages kept for new occupants',
      values: [String(config.historyLength)],
    },
  ];
}

/** §7.12: the nick that the user has reserved; empty if there is none. */
function reservedNick(room: Room, from: Jid): Element {
  const nick = room.affiliations.get(from.bare)?.nick;
  return xml(
    'query',
    { xmlns: NS.DISCO_INFO, node: 'x-roomuser-item' },
    nick === undefined ? undefined : xml('identity', { category: 'conference', type: 'text', name: nick }),
  );
}
