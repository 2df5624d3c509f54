// What follows for the client, and for others, from what has been found out.

import { inChunks } from 'enjamb/api';
import type { Context, Join } from './context.ts';
import type { NoticeCause, Notices } from './notice.ts';
import { isIn } from './suspects.ts';
import { isUnknown, type Outcome } from './verdict.ts';

export interface ConcludeParts {
  readonly context: Context;
  readonly notices: Notices;
  /** So many clients are to be told that they are out. */
  lost(count: number): void;
}

/** Acts on an outcome. */
export function conclude(join: Join, outcome: Outcome, parts: ConcludeParts): void {
  const { joins } = parts.context;
  if (isOut(join, outcome)) {
    // The room has it under a name that the client does not know, or has let it in and the client has not heard of
    // it: out with it, so that both sides agree.
    if (outcome !== 'lost' && outcome !== 'room-gone') joins.leave(join);
    parts.notices.tell(join, causeOf(outcome));
    parts.lost(1);
  } else if (outcome === 'joined') joins.prove(join);
  if (outcome === 'room-gone') tellRoom(join, parts);
}

/** The room exists no longer: tells all its clients but this one. */
export function tellRoom(join: Join, { context, notices, lost }: ConcludeParts): void {
  const at = context.now();
  inChunks(join.room.joins.values(), context.after, (chunk) => {
    const others = chunk.filter((other) => other !== join && isIn(other) && other.provenAt <= at);
    for (const other of others) notices.tell(other, 'room-gone');
    lost(others.length);
  });
}

function isOut(join: Join, outcome: Outcome): boolean {
  if (outcome === 'lost' || outcome === 'room-gone' || outcome === 'desync') return true;
  // Who still waits to be let in has to ask again, whatever the room says: its answer will not come any more.
  return join.state === 'joining' && !isUnknown(outcome);
}

function causeOf(outcome: Outcome): NoticeCause {
  return outcome === 'room-gone' || outcome === 'desync' ? outcome : 'lost';
}
