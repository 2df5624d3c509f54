// The payload of a client's join, kept so that the server can join for the client.

import {
  type C2SSession,
  type Clock,
  type Element,
  Jid,
  NS,
  parseElement,
  type Stanza,
  wallTime,
  xml,
} from 'enjamb/api';
import { nickOf, type Place } from './memory.ts';
import type { Said } from './ring.ts';

/** In characters. Longer payloads are not kept, so that the client has to join by itself. */
const MAX_PAYLOAD = 2_048;
/** History is requested from a little before the last message, because clocks and rounding differ. */
const OVERLAP_SECONDS = 120;

/** The payload of a join, as text. `undefined` for one that is too long, or has a password that may not be kept. */
export function payloadOf(join: Stanza, mayKeepPasswords: boolean): string | undefined {
  const x = join.getChild('x', NS.MUC);
  if (x === undefined || (x.getChild('password') && !mayKeepPasswords)) return undefined;
  const payload = join.with({ id: undefined, from: undefined, to: undefined }).toString();
  return payload.length > MAX_PAYLOAD ? undefined : payload;
}

/** The payload after a later presence of the client to the room: its children, and the `<x/>` of the join. */
export function updatedPayload(payload: string, update: Stanza): string | undefined {
  const x = parseElement(payload).getChild('x', NS.MUC);
  return x && payloadOf(update.withChildren([...update.children, x]), true);
}

/** The stanza with which a client changes its nick (XEP-0045 §7.6). */
export function nickChange(payload: string, { jid }: C2SSession, to: string): Stanza {
  const presence = parseElement(payload).with({ from: `${jid}`, to });
  return presence.withChildren(presence.children.filter((child) => !isJoin(child))) as Stanza;
}

function isJoin(child: Element | string): boolean {
  return typeof child !== 'string' && child.is('x', NS.MUC);
}

/** A join of the server for a client. */
export interface Rejoin {
  readonly session: C2SSession;
  readonly occupant: Jid;
  readonly payload: string;
  readonly id: string;
}

/** The client's own join again (XEP-0045 §7.2), with the history that it has missed (§7.2.13). */
export function rejoinOf(
  { session, occupant, payload, id }: Rejoin,
  history: { readonly since: string } | { readonly seconds: string },
): Stanza {
  const presence = parseElement(payload).with({ id, from: `${session.jid}`, to: `${occupant}` });
  const x = presence.getChild('x', NS.MUC)!;
  const isHistory = (child: Element | string) => typeof child === 'string' || child.is('history', NS.MUC);
  const others = presence.children.filter((child) => !isJoin(child));
  const kept = x.children.filter((child) => !isHistory(child));
  return presence.withChildren([...others, x.withChildren([...kept, xml('history', history)])]) as Stanza;
}

/** The client's occupant JID, with the nick that it believes it has. */
export function occupantOf(place: Place): Jid {
  return Jid.parse(`${place.room.jid}/${nickOf(place)}`);
}

/** The seconds since the client heard a message, or joined: then nothing older than its join is for it. */
export function historySeconds(since: number, heard: Said | undefined, now: number): number {
  const elapsed = (now - (heard?.at ?? since)) / 1_000;
  return heard ? Math.ceil(elapsed) + OVERLAP_SECONDS : Math.floor(elapsed);
}

/** The time of the room's last stanza in whole seconds (XEP-0082), because many services ignore fractions. */
export function seenAt(
  { provenAt, sinceSeconds }: { readonly provenAt: number; readonly sinceSeconds: number },
  clock: Clock,
): string {
  const seconds = Math.floor(Math.max(wallTime(clock, provenAt) / 1_000, sinceSeconds));
  return new Date(seconds * 1_000).toISOString().replace('.000Z', 'Z');
}
