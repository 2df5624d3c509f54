// Discussion history (XEP-0045 §7.2.13, §7.2.14): the last messages, for those who enter.

import { type Element, NS, type Stanza, share, xml } from 'enjamb/api';
import { detachedCopies } from './copy.ts';
import type { Room, Seat } from './room.ts';
import { type Service, send } from './service.ts';

export interface HistoryEntry {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Without `to`; serialised once, when somebody first asks for it. */
  readonly stanza: Stanza;
  /** About its length in characters, for the bound on memory. */
  readonly weight: number;
}

/** A room keeps no more than this, however few messages that is. In characters. */
const MAX_WEIGHT = 256 * 1024;

/** Keeps a message that the room has reflected; `reflected` is without `to`. */
export function remember(room: Room, reflected: Stanza, at: number, weight: number): void {
  if (room.config.historyLength === 0 || weight > MAX_WEIGHT) return;
  const { id, type, from } = reflected.attrs;
  const stanza = xml(
    reflected.name,
    { type, id, from, 'xml:lang': reflected.attrs['xml:lang'] },
    ...detachedCopies(reflected.children),
    stamp(room, at),
  );
  room.history.push({ at, stanza, weight });
  trimHistory(room);
}

/** Forgets what is too much, oldest first. */
export function trimHistory(room: Room): void {
  let weight = 0;
  let kept = 0;
  while (kept < Math.min(room.history.length, room.config.historyLength)) {
    weight += room.history.at(-1 - kept)?.weight ?? 0;
    if (weight > MAX_WEIGHT) break;
    kept++;
  }
  room.history.splice(0, room.history.length - kept);
}

/** Sends as much of the history as `wish`, the `<history/>` of the join, lets through. */
export function sendHistory(service: Service, room: Room, seat: Seat, wish: Element | undefined): void {
  for (const { stanza } of selectHistory(room, seat.jid, wish, service.module.clock.now())) {
    send(service, stanza.with({ to: seat.jid }));
  }
}

/**
 * §7.2.14: "the smallest amount of traffic that meets any combination of the above criteria": the newest messages
 * that are within all of them. What is not a number or a time limits nothing.
 */
export function selectHistory(
  room: Room,
  to: string,
  wish: Element | undefined,
  now: number,
): readonly HistoryEntry[] {
  const limits = limitsOf(wish, now);
  let chars = 0;
  let count = 0;
  while (count < Math.min(room.history.length, limits.stanzas)) {
    const entry = room.history.at(-1 - count);
    if (!entry || entry.at < limits.since) break;
    if (limits.chars !== Number.POSITIVE_INFINITY) {
      chars += share(entry.stanza).with({ to }).toString().length;
      if (chars > limits.chars) break;
    }
    count++;
  }
  const chosen = room.history.slice(room.history.length - count);
  for (const { stanza } of chosen) share(stanza);
  return chosen;
}

function limitsOf(wish: Element | undefined, now: number): { stanzas: number; chars: number; since: number } {
  const seconds = natural(wish?.attrs.seconds);
  const since = Date.parse(wish?.attrs.since ?? '');
  return {
    stanzas: natural(wish?.attrs.maxstanzas) ?? Number.POSITIVE_INFINITY,
    chars: natural(wish?.attrs.maxchars) ?? Number.POSITIVE_INFINITY,
    since: Math.max(
      seconds === undefined ? Number.NEGATIVE_INFINITY : now - seconds * 1000,
      Number.isNaN(since) ? Number.NEGATIVE_INFINITY : since,
    ),
  };
}

function natural(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** When something was said, as the room saw it (XEP-0203; `from` is the room itself, XEP-0045 §7.2.13). */
export function stamp(room: Room, at: number): Element {
  return xml('delay', { xmlns: NS.DELAY, from: room.jid, stamp: new Date(at).toISOString() });
}
