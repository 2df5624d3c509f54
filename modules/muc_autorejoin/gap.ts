// The messages that a client has missed: between the last one that it was sent and those that came while it was let in.

import { flatBytes } from 'enjamb/api/stream';
import type { Context } from './context.ts';
import type { HeldMessage } from './held.ts';
import type { Place } from './memory.ts';
import type { Rejoining } from './rejoining.ts';
import { behind, heardMarks, Marks, note, type Said, withoutRepeats } from './ring.ts';
import type { Unconfirmed } from './unconfirmed.ts';

/** The newest of one room that a client is given, and their bytes: a quarter of a client's queue (XEP-0198). */
export const MAX_MESSAGES = { asleep: 200, connected: 1_000 };
export const MAX_BYTES = 512 * 1024;

/** What the archive of a room has for those of ours that it had lost. */
export interface ArchiveResult {
  readonly messages: readonly HeldMessage[];
  /** Nothing is missing before the first message, or between two. */
  readonly isComplete: boolean;
}

export interface Gap {
  /** What the room has said lately, whether the client has it or not. */
  readonly all: readonly HeldMessage[];
  /** Not sent to the client, in the order of the room, each once. */
  readonly messages: HeldMessage[];
  /** Others may be missing. */
  readonly isOpen: boolean;
  /** What is not among them was not said: they follow what the client has heard, or the archive says so. */
  readonly isWhole: boolean;
}

/** What the client has missed: in the archive, then in the history with which the room has answered the join. */
export function gapOf({ room, heard }: Place, { held }: Rejoining, archive: ArchiveResult | undefined): Gap {
  // Nothing tells what was said before the join of a client that has heard nothing.
  const archived = heard === undefined ? [] : (archive?.messages ?? []);
  const { rest: history, isFound } = behind(held.history, new Marks(archived.map(({ mark }) => mark)));
  const all = isFound || archived.length === 0 ? [...archived, ...history] : [...archived, ...held.history];
  const { rest, isFound: isJoined } = behind(all, heardMarks(room.ring, heard));
  const live = new Marks(held.live.map(({ mark }) => mark).filter((mark) => mark !== undefined));
  const messages = withoutRepeats(rest).filter(({ mark }) => !live.has(mark));
  const isWhole = isJoined || archive?.isComplete === true;
  return { all, messages, isOpen: !isWhole && heard !== undefined, isWhole };
}

/** Gives the client what it has missed. Returns the last message, if there is one. */
export function giveGap(
  { metrics, reports }: Context,
  unconfirmed: Unconfirmed,
  place: Place,
  gap: Gap,
): Said | undefined {
  const { session, room } = place;
  let given = 0;
  let last: Said | undefined;
  for (const message of newestOf(gap.messages, MAX_MESSAGES[session.connected ? 'connected' : 'asleep'])) {
    if (!unconfirmed.give(session, message)) break;
    given++;
    last = note(room.ring, message.mark);
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
