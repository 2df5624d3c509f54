// Selects the presence of occupants that a client is shown after a silent join (XEP-0045 §7.2.2).

import { detach, type Element, type Jid, NS, type Stanza, xml } from 'enjamb/api';
import { hasCode } from '../memory/losses.ts';
import type { Affiliation, Place, Self, ViewName } from '../memory/memory.ts';
import { contentPrint, textPrint } from '../memory/prints.ts';
import { affiliationIn, asAffiliation, type Rooms } from '../memory/rooms.ts';

/** Status codes that programs show each time: non-anonymous, logged. */
const TOLD_ONCE = ['100', '170'];
const NONE: readonly string[] = [];
/** Status codes of a join of the server that clients must not see: new room, nick changed by the room. */
const NEVER_TOLD = ['201', '210'];

/** Presence of another occupant. */
export interface OccupantPresence {
  readonly stanza: Stanza;
  readonly from: Jid;
  readonly x: Element | undefined;
}

/**
 * Notes the presence of an occupant. Returns its `seq`.
 *
 * @param shown the occupants that the client was shown in this view during its own join; `undefined` after that
 */
export function noteOccupant(
  rooms: Rooms,
  place: Place,
  { stanza, from, x }: OccupantPresence,
  shown: Iterable<string> | undefined,
): number {
  const nick = from.resource ?? '';
  if (stanza.attrs.type === 'unavailable') return rooms.left(place, nick);
  const { jid, affiliation } = x?.getChild('item')?.attrs ?? {};
  rooms.move(place, viewBy(place, jid), shown);
  return rooms.shown(place, nick, contentPrint(stanza, rooms.seed), asAffiliation(affiliation));
}

/** The view by an address in an item: `open` if it belongs to another account. */
function viewBy({ session, view }: Place, jid: string | undefined): ViewName {
  if (jid === undefined) return 'masked';
  const { bare } = session.jid;
  const isOwnAccount = jid.startsWith(bare) && (jid.length === bare.length || jid[bare.length] === '/');
  return isOwnAccount ? view : 'open';
}

/** Whether a presence is the client's own: it has status 110, or the client's address, or is its nick change. */
export function isOwn(place: Place, from: Jid, x: Element | undefined): boolean {
  if (x === undefined) return false;
  if (hasCode(x, '110') || x.getChild('destroy') !== undefined) return true; // The presence of §10.9 has no 110.
  const { session, join } = place;
  if (from.resource === join.nick) return x.getChild('item')?.attrs.jid === `${session.jid}`;
  return from.resource === place.self?.nick && hasCode(x, '303'); // The tracker has the new nick already.
}

/** An own presence of a client. */
export interface OwnPresence {
  readonly stanza: Stanza;
  readonly from: Jid;
  readonly x: Element;
}

export function selfIn({ join }: Place, { stanza, from, x }: OwnPresence, seed: number): Self {
  const { resource: nick = '' } = from;
  const bare = x.withChildren(
    x.children.filter((child) => typeof child === 'string' || child.name !== 'status'),
  );
  const others = stanza.children.filter((child) => child !== x);
  const id = stanza.getChild('occupant-id', NS.OCCUPANT_ID)?.attrs.id;
  return {
    nick: nick === join.nick ? join.nick : detach(nick),
    print: textPrint(nick, contentPrint(stanza.withChildren([...others, bare]), seed)),
    affiliation: affiliationIn(x),
    occupantId: id === undefined ? undefined : detach(id.slice(0, 256)),
    codes: TOLD_ONCE.some((code) => hasCode(x, code)) ? TOLD_ONCE.filter((code) => hasCode(x, code)) : NONE,
  };
}

/** The client has another nick: the presence under it follows. */
export function withNick(self: Self, { join }: Place): Self {
  return { ...self, nick: join.nick };
}

/** Adds the codes that the client was told before. */
export function withCodes(self: Self, known: Self | undefined): Self {
  return known ? { ...self, codes: [...new Set([...known.codes, ...self.codes])] } : self;
}

/** Whether the client need not be shown its own presence again. */
export function isKnownSelf(known: Self | undefined, now: Self): boolean {
  return known?.print === now.print && now.codes.every((code) => known.codes.includes(code));
}

/** The client's own presence after a silent join, without the marks of an answer to a join. */
export function asUpdate(stanza: Stanza, x: Element, known: Self | undefined): Element {
  const hidden = [...NEVER_TOLD, ...(known?.codes ?? [])];
  const isHidden = (child: Element | string) =>
    typeof child !== 'string' && child.name === 'status' && hidden.includes(child.attrs.code ?? '');
  const shown = x.withChildren(x.children.filter((child) => !isHidden(child)));
  return stanza
    .with({ id: undefined })
    .withChildren(stanza.children.map((child) => (child === x ? shown : child)));
}

/** Whether the room was created again, so that all occupants have new ids (XEP-0421). */
export function isOtherRoom(known: Self | undefined, now: Self): boolean {
  return (
    known?.occupantId !== undefined && now.occupantId !== undefined && known.occupantId !== now.occupantId
  );
}

/** The leave of an occupant, without status codes and address, on which programs would act. */
export function leaveOf(place: Place, nick: string, affiliation: Affiliation, id?: string): Element {
  const leave = unavailable(place, nick, { affiliation, role: 'none' }, []);
  return id === undefined ? leave : leave.plus(xml('occupant-id', { xmlns: NS.OCCUPANT_ID, id }));
}

/** The client has another nick now (XEP-0045 §7.6). */
export function renamingOf(place: Place, from: string, to: string): Element {
  const item = { affiliation: place.self?.affiliation ?? 'none', role: 'participant', nick: to };
  return unavailable(place, from, item, ['303', '110']);
}

function unavailable(
  { room, session }: Place,
  nick: string,
  item: Record<string, string>,
  codes: string[],
): Element {
  return xml(
    'presence',
    { type: 'unavailable', from: `${room.jid}/${nick}`, to: `${session.jid}` },
    xml('x', NS.MUC_USER, xml('item', item), ...codes.map((code) => xml('status', { code }))),
  );
}
