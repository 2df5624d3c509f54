// Which nick a client has in its room while it is changing it.

import type { Case } from './case.ts';
import type { Context, Join } from './context.ts';

/** XEP-0410 §4: no ping between a nick change and its answer, as long as there is hope for one. In ms. */
export function untilNickIsKnown(join: Join, { joins, settings, now }: Context): number {
  const requested = join.state === 'renaming' ? joins.requested(join) : undefined;
  return requested === undefined ? 0 : Math.max(0, requested.at + settings.renaming - now());
}

/** Of an unanswered nick change, the new nick first: the room has most likely made it. */
export function nickFor({ join, triesOldNick }: Case, { joins }: Context): string {
  const requested = join.state === 'renaming' ? joins.requested(join)?.nick : undefined;
  return requested === undefined || triesOldNick ? join.nick : requested;
}
