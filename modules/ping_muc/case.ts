// One client's place in one room, under investigation.

import type { Timer } from 'enjamb/api';
import type { Join, Joins } from './context.ts';
import { isDoubtful } from './suspects.ts';
import type { Inquiry } from './verdict.ts';

export interface Case {
  readonly join: Join;
  readonly inquiry: Inquiry;
  /** In ms of `clock.elapsed`. A join that was proved after this is no longer in doubt. */
  readonly since: number;
  /** Whether the room's other clients are in doubt as well if this one is out. */
  readonly concernsRoom: boolean;
  /** Nobody waits for its end any more. */
  isClosed: boolean;
  /** A question is under way. */
  isAsking: boolean;
  /** Until it is asked about again. */
  timer: Timer | undefined;
  /** While a nick change is unanswered: whether the old nick's turn has come. */
  triesOldNick: boolean;
}

export function newCase(join: Join, since: number, concernsRoom: boolean): Case {
  return {
    join,
    inquiry: { pings: 0, seen: [], room: undefined, irc: undefined, mayProbe: false },
    since,
    concernsRoom,
    isClosed: false,
    isAsking: false,
    timer: undefined,
    triesOldNick: false,
  };
}

/** Whether the answer is still wanted. */
export function isOpen({ join, since, isClosed }: Case, joins: Joins): boolean {
  return !isClosed && isDoubtful(join, since, joins);
}
