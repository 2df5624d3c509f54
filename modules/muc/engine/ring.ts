// Discussion history (XEP-0045 §7.2.13, §7.2.14): the last messages, for new occupants. It is kept as text, bounded for
// each room and for all rooms together, and parsed when a client enters.

import {
  type ByteBudget,
  compactText,
  type Element,
  parseElement,
  type Stanza,
  share,
  treeBytes,
  xml,
} from 'enjamb/api';
import { delayBy } from 'enjamb/xep';
import type { HistoryEntry, Room } from '../model/room.ts';

/** The rooms of a service, and the budget of their histories. */
export interface HistoryMemory {
  readonly rooms: ReadonlyMap<string, Room>;
  readonly budgets: { readonly history: ByteBudget };
}

/** The most bytes of history in all rooms of a service. */
export const MAX_ALL_HISTORY_BYTES = 32 * 1024 * 1024;
/** The most bytes of history in one room. */
const MAX_BYTES = 256 * 1024;
/** The most bytes of one room's messages as elements, since each join parses them. */
const MAX_WEIGHT = 1024 * 1024;
/** The most bytes of parsed messages of all rooms that are cached for further joins. */
const MAX_READ_BYTES = 16 * 1024 * 1024;
/** The bytes of one entry without its text. */
const ENTRY_BYTES = 200;

/** Stores a reflected message; `reflected` has no `to`. */
export function remember(memory: HistoryMemory, room: Room, reflected: Stanza, at: number): void {
  if (room.config.historyLength === 0) return;
  const entry = entryOf(room, reflected, at);
  if (entry.bytes > MAX_BYTES || entry.weight > MAX_WEIGHT) return;
  makeSpace(memory, entry.bytes);
  room.history.push(entry);
  count(memory, room, entry.bytes);
  trimHistory(memory, room);
}

/** Drops the oldest messages until the room is within its bounds. */
export function trimHistory(memory: HistoryMemory, room: Room): void {
  let bytes = 0;
  let weight = 0;
  let kept = 0;
  while (kept < Math.min(room.history.length, room.config.historyLength)) {
    const entry = room.history.at(-1 - kept);
    bytes += entry?.bytes ?? 0;
    weight += entry?.weight ?? 0;
    if (bytes > MAX_BYTES || weight > MAX_WEIGHT) break;
    kept++;
  }
  forgetOldest(memory, room, room.history.length - kept);
}

/** Drops the whole history, since the room ends. */
export function clearHistory(memory: HistoryMemory, room: Room): void {
  forgetOldest(memory, room, room.history.length);
}

/** While all rooms together exceed the bound, drops the older half of the largest history. */
function makeSpace(memory: HistoryMemory, bytes: number): void {
  const { history } = memory.budgets;
  while (history.used > 0 && history.used + bytes > history.max) {
    const heaviest = heaviestOf(memory.rooms.values());
    if (!heaviest) return;
    forgetOldest(memory, heaviest, Math.ceil(heaviest.history.length / 2));
  }
}

function heaviestOf(rooms: Iterable<Room>): Room | undefined {
  let heaviest: Room | undefined;
  for (const room of rooms) if (room.historyBytes > (heaviest?.historyBytes ?? 0)) heaviest = room;
  return heaviest;
}

function forgetOldest(memory: HistoryMemory, room: Room, number: number): void {
  if (number === 0) return;
  let bytes = 0;
  for (const entry of room.history.splice(0, number)) bytes += entry.bytes;
  count(memory, room, -bytes);
}

function count(memory: HistoryMemory, room: Room, bytes: number): void {
  room.historyBytes += bytes;
  memory.budgets.history.force(bytes);
}

function entryOf(room: Room, reflected: Stanza, at: number): HistoryEntry {
  const stamped = `${reflected.toString().slice(0, -END_TAG.length)}${stamp(room, at)}${END_TAG}`;
  const { text, bytes: size } = compactText(stamped);
  const charBytes = size === text.length ? 1 : 2;
  return { at, text, bytes: ENTRY_BYTES + charBytes * text.length, weight: treeBytes(reflected) };
}

const END_TAG = '</message>';

/** Parses entries and caches the results, because new occupants get the same messages. */
export class HistoryReader {
  readonly #read = new Map<HistoryEntry, Stanza>();
  #bytes = 0;

  /** The message without `to`. It is shared and must not be changed. */
  read(entry: HistoryEntry): Stanza {
    const known = this.#read.get(entry);
    if (known) return known;
    const stanza = share(parseElement(entry.text));
    this.#bytes += entry.weight + entry.bytes;
    if (this.#bytes > MAX_READ_BYTES) {
      this.#read.clear();
      this.#bytes = entry.weight + entry.bytes;
    }
    this.#read.set(entry, stanza);
    return stanza;
  }
}

/**
 * §7.2.14: "the smallest amount of traffic that meets any combination of the above criteria": the newest messages that
 * satisfy all criteria. Invalid numbers and times are ignored.
 */
export function selectHistory(
  room: Room,
  to: string,
  wish: Element | undefined,
  now: number,
): readonly HistoryEntry[] {
  const limits = limitsOf(wish, now);
  // The number of characters that `to` adds to each message.
  const added = xml('m', { to }).toString().length - xml('m').toString().length;
  let chars = 0;
  let count = 0;
  while (count < Math.min(room.history.length, limits.stanzas)) {
    const entry = room.history.at(-1 - count);
    if (!entry || entry.at < limits.since) break;
    chars += entry.text.length + added;
    if (chars > limits.chars) break;
    count++;
  }
  return room.history.slice(room.history.length - count);
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

/** The time when the room received a message (XEP-0203; `from` is the room itself, XEP-0045 §7.2.13). */
export function stamp(room: Room, at: number): Element {
  return delayBy(room.jid, at);
}
