// Joins and nick changes of clients that rooms have not answered.

import type { Context, Join } from './context.ts';

/** XEP-0410 §4: no ping between a nick change and its answer, for at most `settings.renaming`. In ms. */
export function untilNickIsKnown(join: Join, { joins, settings, now }: Context): number {
  const requested = join.state === 'renaming' ? joins.requested(join) : undefined;
  return requested === undefined ? 0 : Math.max(0, requested.at + settings.renaming - now());
}

/** How long a gateway may still take for the client's join, in ms. */
export function untilEntered(join: Join, { joins, settings, now }: Context): number {
  const requested = join.state === 'joining' ? joins.requested(join) : undefined;
  return requested === undefined ? 0 : Math.max(0, requested.at + settings.entering - now());
}

/** The nick to ask about: after an unanswered nick change the new one first, because the change was probably made. */
export function nickToAskAbout(join: Join, triesOldNick: boolean, { joins }: Context): string {
  const requested = join.state === 'renaming' ? joins.requested(join)?.nick : undefined;
  return requested === undefined || triesOldNick ? join.nick : requested;
}
