// What follows for the client, and for others, from what has been found out.

import type { Context, Join } from './context.ts';
import type { Notices } from './notice.ts';
import { isIn } from './suspects.ts';
import type { Outcome } from './verdict.ts';

/** Acts on an outcome that decides; gives how many clients are to be told that they are out. */
export function conclude(join: Join, outcome: Outcome, { joins }: Context, notices: Notices): number {
  switch (outcome) {
    case 'joined':
      joins.prove(join);
      return 0;
    case 'room-gone': {
      const occupants = [...join.room.joins].filter((other) => isIn(other));
      for (const occupant of occupants) notices.tell(occupant);
      return occupants.length;
    }
    case 'desync':
      // The room has it under a name that the client does not know: out with it, so that both sides agree.
      joins.leave(join);
      notices.tell(join);
      return 1;
    case 'lost':
      notices.tell(join);
      return 1;
    default:
      return 0;
  }
}
