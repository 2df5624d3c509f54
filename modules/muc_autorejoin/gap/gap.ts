// The messages that a client has missed: between the last one that it was sent and the live ones that are held for it.

import { flatBytes } from 'enjamb/api/stream';
import type { HeldMessage } from '../answer/held.ts';
import type { Rejoining } from '../answer/rejoining.ts';
import type { Place } from '../memory/memory.ts';
import { following, heardMarks, Marks, note, type Said, withoutRepeats } from '../memory/ring.ts';
import type { Context } from '../shared/context.ts';
import type { Unconfirmed } from './unconfirmed.ts';

/** The newest of one room that a client is given, and their bytes: a quarter of a client's queue (XEP-0198). */
export const MAX_MESSAGES = { asleep: 200, connected: 1_000 };
export const MAX_BYTES = 512 * 1024;

/** The result of a walk through the archive of a room. */
export interface ArchiveResult {
  readonly messages: readonly HeldMessage[];
  /** Nothing is missing before the first message, or between two. */
  readonly isComplete: boolean;
  /** It holds a message that the clients had heard, so it is the archive from before the gap. */
  readonly isKnown: boolean;
}

export interface Gap {
  /** The latest messages of the room, also those that the client has. */
  readonly all: readonly HeldMessage[];
  /** The messages that the client has missed, in the order of the room, each once. */
  readonly messages: HeldMessage[];
  /** More messages may be missing. */
  readonly isOpen: boolean;
  /** What is not in `all`, the room has not sent since the last message that the client has heard. */
  readonly isWhole: boolean;
}

/** What the client has missed: in the archive, then in the history with which the room has answered the join. */
export function gapOf(
  { room, heard }: Place,
  { held, isEndUnproven }: Rejoining,
  archive: ArchiveResult | undefined,
): Gap {
  // If the client has heard nothing, it is unknown which messages precede its join.
  const archived = heard === undefined ? [] : (archive?.messages ?? []);
  const marks = heardMarks(room.ring, heard);
  const found = isEndUnproven
    ? sinceJoin(following(archived, marks).rest, held.history)
    : sinceHeard(archived, held.history, marks);
  const { all, rest, isJoined } = found;
  const live = new Marks(held.live.map(({ mark }) => mark).filter((mark) => mark !== undefined));
  const messages = withoutRepeats(rest).filter(({ mark }) => !live.has(mark));
  const isComplete = isJoined || archive?.isComplete === true;
  // A room that was made anew has a complete archive, too.
  const isWhole = isJoined || (heard !== undefined && !isEndUnproven && archive?.isKnown === true);
  return { all, messages, isOpen: !isComplete && heard !== undefined, isWhole };
}

interface Found {
  readonly all: readonly HeldMessage[];
  /** What the client has not heard. */
  readonly rest: readonly HeldMessage[];
  readonly isJoined: boolean;
}

function sinceHeard(archived: readonly HeldMessage[], history: readonly HeldMessage[], heard: Marks): Found {
  const all = [...archived, ...newerIn(history, archived)];
  const { rest, isFound: isJoined } = following(all, heard);
  return { all, rest, isJoined };
}

/** The history since the client's join, and the archive since its own last message: the history may begin earlier. */
function sinceJoin(archived: readonly HeldMessage[], history: readonly HeldMessage[]): Found {
  const marks = new Marks(archived.map(({ mark }) => mark));
  const first = archived.length === 0 ? 0 : history.findIndex(({ mark }) => marks.has(mark));
  const all = [...history.slice(0, Math.max(first, 0)), ...archived, ...newerIn(history, archived)];
  return { all, rest: all, isJoined: false };
}

/** What follows the archived messages in the history; all of it if they have nothing in common. */
function newerIn(history: readonly HeldMessage[], archived: readonly HeldMessage[]): readonly HeldMessage[] {
  return following(history, new Marks(archived.map(({ mark }) => mark).reverse())).rest;
}

/** Gives the client the missed messages. Returns the last one, if any. */
export function giveGap(
  { metrics, now, reports }: Context,
  unconfirmed: Unconfirmed,
  place: Place,
  gap: Gap,
): Said | undefined {
  const { session, room } = place;
  const at = Math.floor(now());
  let given = 0;
  let last: Said | undefined;
  for (const message of newestOf(gap.messages, MAX_MESSAGES[session.connected ? 'connected' : 'asleep'])) {
    if (!unconfirmed.give(session, message)) break;
    given++;
    last = note(room.ring, message.mark, at);
  }
  const leftOut = gap.messages.length - given;
  if (gap.isOpen) metrics.openGaps.add();
  metrics.messages.of('given').add(given);
  metrics.messages.of('left_out').add(leftOut);
  reports.given(place, given, leftOut);
  return last;
}

function newestOf(messages: readonly HeldMessage[], most: number): readonly HeldMessage[] {
  let bytes = 0;
  const last = messages.slice(-most);
  const tooOld = last.findLastIndex(({ flat }) => {
    bytes += flatBytes(flat);
    return bytes > MAX_BYTES;
  });
  return last.slice(tooOld + 1);
}
