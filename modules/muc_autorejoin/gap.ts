// The messages that a client has missed: between the last one that it was sent and those that came while it was let in.

import type { SleepBudget } from './budget.ts';
import type { Context } from './context.ts';
import { giveCopies, type HeldMessage } from './held.ts';
import type { Place } from './memory.ts';
import type { Rejoining } from './rejoining.ts';
import { behind, heardMarks, Marks, note, type Said, withoutRepeats } from './ring.ts';

/** The newest of one room that a client is given. */
const MAX_MESSAGES = { asleep: 200, connected: 1_000 };

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
export function giveGap(context: Context, sleepers: SleepBudget, place: Place, gap: Gap): Said | undefined {
  const { metrics, reports } = context;
  const { session, room } = place;
  const given = gap.messages.slice(-MAX_MESSAGES[session.connected ? 'connected' : 'asleep']);
  if (gap.isOpen) metrics.openGaps.add();
  metrics.messages.of('given').add(given.length);
  metrics.messages.of('left_out').add(gap.messages.length - given.length);
  reports.given(place, given.length, gap.messages.length - given.length);
  sleepers.given(session, given.length);
  let last: Said | undefined;
  for (const { mark } of given) last = note(room.ring, mark);
  giveCopies(session, given);
  return last;
}
