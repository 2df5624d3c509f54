// What follows for the client, and for others, from what has been found out.

import type { Context, Join } from './context.ts';
import type { NoticeCause, Notices } from './notice.ts';
import { isIn } from './suspects.ts';
import { isUnknown, type Outcome } from './verdict.ts';

/** Acts on an outcome; gives how many clients are to be told that they are out. */
export function conclude(join: Join, outcome: Outcome, { joins }: Context, notices: Notices): number {
  const told = whoIsOut(join, outcome);
  // The room has it under a name that the client does not know, or has let it in and the client has not heard of it:
  // out with it, so that both sides agree.
  if (told.includes(join) && !isNotInRoom(outcome)) joins.leave(join);
  if (told.length === 0 && outcome === 'joined') joins.prove(join);
  for (const occupant of told) notices.tell(occupant, causeOf(outcome));
  return told.length;
}

function whoIsOut(join: Join, outcome: Outcome): readonly Join[] {
  if (outcome === 'room-gone') return [...join.room.joins].filter((other) => other === join || isIn(other));
  if (outcome === 'lost' || outcome === 'desync') return [join];
  // Who still waits to be let in has to ask again, whatever the room says: its answer will not come any more.
  return join.state === 'joining' && !isUnknown(outcome) ? [join] : [];
}

function isNotInRoom(outcome: Outcome): boolean {
  return outcome === 'lost' || outcome === 'room-gone';
}

function causeOf(outcome: Outcome): NoticeCause {
  return outcome === 'room-gone' || outcome === 'desync' ? outcome : 'lost';
}
