// Entering a room (XEP-0045 §7.2): who may, and what is sent in which order (§7.1).

import { parseDateTime } from '../../../src/xep/date-time.ts';
import { delayBy } from '../../../src/xep/stamps.ts';
import { Element, type Node, xml } from '../../../src/xml/element.ts';
import { errorReply, StanzaError } from '../../../src/xml/errors.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import type { Occupant } from './occupants.ts';
import { accountOf, splitAddress } from './replies.ts';
import type { Room, Spoken } from './room.ts';
import type { RoomService } from './service.ts';

const CAPTCHA = 'urn:xmpp:captcha';

/** The children of a presence that the room passes on. */
export function passedOn(presence: Element): Node[] {
  const isOwn = (child: Node) =>
    child instanceof Element &&
    (child.is('x', NS.MUC) || child.is('x', NS.MUC_USER) || child.is('occupant-id', NS.OCCUPANT_ID));
  return presence.children.filter((child) => !isOwn(child));
}

/** A join. `isNew`: it has created the room. */
export function enter(room: Room, join: Element, isNew: boolean): void {
  const full = join.attrs.from!;
  const [, wanted] = splitAddress(join.attrs.to);
  const { behaviour } = room.service;
  const present = room.occupants.of(full);
  const error = present ? conflict(room, full, wanted) : refusal(room, join);
  if (error) {
    refuse(room.service, join, error);
    return;
  }
  if (behaviour.captcha && present === undefined) {
    askWhetherHuman(room, join);
    return;
  }
  const nick = behaviour.assignNick(wanted);
  if (present && present.nick !== nick) room.changeNick(full, wanted, passedOn(join));
  const occupant = present
    ? room.occupants.of(full)!
    : (room.occupants.named(nick) ?? newcomer(room, full, nick));
  room.occupants.seat(occupant, full, passedOn(join));
  room.service.entered(room, full, join);
  welcome(room, full, occupant, join, [
    ...(nick === wanted ? [] : ['210']),
    ...(room.config.nonAnonymous ? ['100'] : []),
    ...(room.config.logging ? ['170'] : []),
    ...(isNew ? ['201'] : []),
  ]);
}

/** §7.1: the others, oneself, history, subject. */
function welcome(room: Room, full: string, occupant: Occupant, join: Element, selfCodes: string[]): void {
  const messages = () => {
    for (const spoken of historyFor(room, join)) room.send(asHistory(room, spoken).with({ to: full }));
    room.sendSubject(full);
  };
  if (room.service.behaviour.messagesFirst) messages();
  for (const other of room.occupants) if (other !== occupant) room.showTo(full, other);
  for (const [other] of room.occupants.everybody()) if (other !== full) room.showTo(other, occupant);
  room.showTo(full, occupant, { selfCodes }, true, join.attrs.id);
  if (!room.service.behaviour.messagesFirst) messages();
}

/** §7.2.13. */
export function asHistory(room: Room, spoken: Spoken): Element {
  const message = room.stamped(spoken);
  return message.withChildren([...message.children, delayBy(room.jid, spoken.at)]);
}

/** §7.2.14: what meets all conditions, the newest. */
export function historyFor(room: Room, join: Element): Spoken[] {
  const { historyFilter, historyLimit } = room.service.behaviour;
  const wish = join.getChild('x', NS.MUC)?.getChild('history')?.attrs ?? {};
  if (historyFilter === 'ignored' || historyLimit === 0)
    return room.history.slice(-historyLimit || room.history.length);
  const unit = historyFilter === 'rounded' ? 1_000 : 1;
  const round = (ms: number) => Math.floor(ms / unit) * unit;
  const since = Math.max(
    wish.seconds === undefined ? 0 : round(room.now()) - Number(wish.seconds) * 1_000,
    wish.since === undefined ? 0 : round(parseDateTime(wish.since) ?? 0),
  );
  let found = room.history.filter(({ at }) => round(at) >= since);
  const most = Number(wish.maxstanzas ?? historyLimit);
  found = most === 0 ? [] : found.slice(-most);
  return wish.maxchars === undefined ? found : withinChars(room, found, Number(wish.maxchars));
}

function withinChars(room: Room, found: readonly Spoken[], most: number): Spoken[] {
  let left = most;
  const kept: Spoken[] = [];
  for (const spoken of found.toReversed()) {
    left -= `${room.stamped(spoken)}`.length;
    if (left < 0) break;
    kept.unshift(spoken);
  }
  return kept;
}

function newcomer(room: Room, full: string, nick: string): Occupant {
  const account = accountOf(full);
  return {
    nick,
    account,
    role: room.roleFor(room.affiliation(account)),
    id: room.service.occupantId(room, account),
    clients: new Map(),
  };
}

/** Why this join is refused; `undefined` if it is not. The first reason counts. */
export function refusal(room: Room, join: Element): StanzaError | undefined {
  const full = join.attrs.from!;
  const affiliation = room.affiliation(accountOf(full));
  const isAdmin = affiliation === 'owner' || affiliation === 'admin';
  const { membersOnly, password, maxUsers } = room.config;
  const [, wanted] = splitAddress(join.attrs.to);
  if (wanted === '') return new StanzaError('jid-malformed'); // §7.2.1
  if (affiliation === 'outcast') return new StanzaError('forbidden'); // §7.2.7
  if (room.isLocked && affiliation !== 'owner') return new StanzaError('item-not-found'); // §7.2.10
  if (membersOnly && affiliation === 'none') return new StanzaError('registration-required'); // §7.2.6
  const given = join.getChild('x', NS.MUC)?.getChildText('password');
  if (password !== undefined && given !== password) return new StanzaError('not-authorized'); // §7.2.5
  // §7.2.9.
  if (room.occupants.clients >= maxUsers && !isAdmin)
    return new StanzaError('service-unavailable', { type: 'wait' });
  return conflict(room, full, wanted);
}

/** §7.2.8. */
export function conflict(room: Room, full: string, wanted: string): StanzaError | undefined {
  const { assignNick, sharesNicks } = room.service.behaviour;
  const holder = room.occupants.named(assignNick(wanted));
  if (holder === undefined || holder === room.occupants.of(full)) return undefined;
  if (holder.account === accountOf(full) && sharesNicks) return undefined;
  return new StanzaError('conflict', { by: room.jid });
}

/** §7.2.17, §7.6: the error has the `<x/>` of a join. */
export function refuse(service: RoomService, presence: Element, error: StanzaError): void {
  const reply = errorReply(presence, error)!;
  service.refused(presence, error);
  service.deliver(reply.withChildren([xml('x', NS.MUC), ...reply.children]));
}

/** XEP-0158, as ejabberd asks: a message, and no answer to the presence. */
function askWhetherHuman(room: Room, join: Element): void {
  const field = (name: string, value: string) =>
    xml('field', { type: 'hidden', var: name }, xml('value', {}, value));
  const form = xml(
    'x',
    { xmlns: NS.DATA_FORMS, type: 'form' },
    field('FORM_TYPE', CAPTCHA),
    field('from', join.attrs.to!),
    field('challenge', '1'),
    field('sid', join.attrs.id ?? ''),
  );
  const body = xml('body', {}, 'Solve the riddle to enter this room');
  room.send(
    xml('message', { from: room.jid, to: join.attrs.from, id: '1' }, body, xml('captcha', CAPTCHA, form)),
  );
}
