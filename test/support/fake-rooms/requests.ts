// Iqs to a room, and to the service: self-pings, disco#info, lists, configuration, archive.

import { buildForm, readForm } from '../../../src/xep/form.ts';
import { type Element, xml } from '../../../src/xml/element.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { affiliate, configure, destroy, giveRole, kick } from './moderation.ts';
import type { Affiliation, Role } from './occupants.ts';
import { accountOf, failure, result, splitAddress } from './replies.ts';
import type { Room, RoomConfig } from './room.ts';
import type { RoomService } from './service.ts';

/** Returns the answer; `undefined` if there is none, or it was sent. */
export function answer(service: RoomService, iq: Element): Element | undefined {
  if (iq.attrs.type !== 'get' && iq.attrs.type !== 'set') return undefined;
  const [jid, nick] = splitAddress(iq.attrs.to);
  const room = service.rooms.get(jid);
  const isInfo = iq.getChild('query', NS.DISCO_INFO) !== undefined;
  if (jid === service.domain) return isInfo ? serviceInfo(iq) : failure(iq, 'service-unavailable');
  if (room === undefined) return failure(iq, 'item-not-found', { by: service.domain });
  if (nick !== '') return toOccupant(room, iq, nick);
  if (isInfo) return roomInfo(room, iq);
  if (iq.getChild('query', NS.MUC_ADMIN)) return isList(iq) ? list(room, iq) : admin(room, iq);
  if (iq.getChild('query', NS.MUC_OWNER)) return owner(room, iq);
  if (iq.getChild('query', NS.MAM) && iq.attrs.type === 'set') {
    room.archive.answer(iq);
    return undefined;
  }
  return failure(iq, 'service-unavailable');
}

/** XEP-0410 §3.3: the room answers self-pings itself. Other iqs are not relayed (§17.4 allows that). */
function toOccupant(room: Room, iq: Element, nick: string): Element {
  const own = room.occupants.of(iq.attrs.from ?? '');
  if (own === undefined) return failure(iq, 'not-acceptable', { type: 'cancel', by: room.jid });
  if (own.nick === nick && iq.getChild('ping', NS.PING)) return result(iq);
  const isThere = room.occupants.named(nick) !== undefined;
  return failure(iq, isThere ? 'service-unavailable' : 'item-not-found', { by: room.jid });
}

function serviceInfo(iq: Element): Element {
  const identity = xml('identity', { category: 'conference', type: 'text' });
  return result(iq, xml('query', NS.DISCO_INFO, identity, xml('feature', { var: NS.MUC })));
}

/** §6.4. */
function roomInfo(room: Room, iq: Element): Element {
  const { config, service } = room;
  const features = [
    NS.MUC,
    NS.MUC_SELF_PING,
    config.hidden ? 'muc_hidden' : 'muc_public',
    config.membersOnly ? 'muc_membersonly' : 'muc_open',
    config.moderated ? 'muc_moderated' : 'muc_unmoderated',
    config.nonAnonymous ? 'muc_nonanonymous' : 'muc_semianonymous',
    config.password === undefined ? 'muc_unsecured' : 'muc_passwordprotected',
    config.persistent ? 'muc_persistent' : 'muc_temporary',
    ...(service.behaviour.archive === 'none' ? [] : [NS.MAM, NS.STANZA_ID]),
    ...(service.behaviour.occupantIds ? [NS.OCCUPANT_ID] : []),
  ];
  const fields = [
    { var: 'muc#roominfo_occupants', type: 'text-single', values: [String([...room.occupants].length)] },
    { var: 'muc#roominfo_subject', type: 'text-single', values: [room.subject?.text ?? ''] },
  ] as const;
  return result(
    iq,
    xml(
      'query',
      NS.DISCO_INFO,
      xml('identity', { category: 'conference', type: 'text', name: config.name }),
      ...features.map((feature) => xml('feature', { var: feature })),
      buildForm({ type: 'result', formType: NS.MUC_ROOMINFO, fields }),
    ),
  );
}

function isList(iq: Element): boolean {
  return iq.attrs.type === 'get';
}

/** §9.5: in members-only rooms that are not anonymous, members get the lists. */
function list(room: Room, iq: Element): Element | undefined {
  const { lists } = room.service.behaviour;
  if (lists === 'silent') return undefined;
  const from = iq.attrs.from ?? '';
  const own = room.affiliation(accountOf(from));
  const isAdmin = own === 'owner' || own === 'admin';
  const mayRead = isAdmin || (room.config.nonAnonymous && room.occupants.of(from) !== undefined);
  const wanted = iq.getChild('query', NS.MUC_ADMIN)?.getChild('item')?.attrs.affiliation;
  if (lists === 'refused' || !mayRead || wanted === undefined) return failure(iq, 'forbidden');
  const found = [...room.affiliations].filter(([, affiliation]) => affiliation === wanted);
  return result(
    iq,
    xml('query', NS.MUC_ADMIN, ...found.map(([jid, affiliation]) => xml('item', { affiliation, jid }))),
  );
}

/** §9: changes of affiliations and roles. */
function admin(room: Room, iq: Element): Element {
  const query = iq.getChild('query', NS.MUC_ADMIN)!;
  const items = query.getChildren('item');
  const from = iq.attrs.from ?? '';
  const own = room.affiliation(accountOf(from));
  const isAdmin = own === 'owner' || own === 'admin';
  if (!isAdmin && room.occupants.of(from)?.role !== 'moderator') return failure(iq, 'forbidden');
  for (const { attrs } of items) {
    if (attrs.role === 'none' && attrs.nick) kick(room, attrs.nick, undefined, room.occupants.of(from)?.nick);
    else if (attrs.role && attrs.nick) giveRole(room, attrs.nick, attrs.role as Exclude<Role, 'none'>);
    else if (attrs.affiliation && attrs.jid && isAdmin)
      affiliate(room, attrs.jid, attrs.affiliation as Affiliation);
    else return failure(iq, 'forbidden');
  }
  return result(iq);
}

/** §10.1.2: the empty form opens the room; §10.2, §10.9. */
function owner(room: Room, iq: Element): Element | undefined {
  if (room.affiliation(accountOf(iq.attrs.from)) !== 'owner') return failure(iq, 'forbidden');
  const query = iq.getChild('query', NS.MUC_OWNER)!;
  const gone = query.getChild('destroy');
  if (gone) destroy(room, gone.attrs.jid, gone.getChildText('reason'));
  else if (query.getChild('x', NS.DATA_FORMS)?.attrs.type === 'cancel')
    destroy(room); // §10.1.3
  else {
    const change = room.service.behaviour.takesConfiguration ? changeIn(query) : {};
    if (Object.keys(change).length > 0) configure(room, change);
    room.isLocked = false;
  }
  return result(iq);
}

/** §15.5.3. */
function changeIn(query: Element): Partial<RoomConfig> {
  const form = query.getChild('x', NS.DATA_FORMS);
  const values = form ? readForm(form) : new Map<string, string[]>();
  const value = (name: string) => values.get(`muc#roomconfig_${name}`)?.[0];
  return {
    ...(value('publicroom') === undefined ? {} : { hidden: value('publicroom') === '0' }),
    ...(value('moderatedroom') === undefined ? {} : { moderated: value('moderatedroom') === '1' }),
  };
}
