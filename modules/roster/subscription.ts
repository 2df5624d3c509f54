// Presence subscriptions: the nine states of RFC 6121 Appendix A.1, and its transition tables.

import type { SubscriptionType } from 'enjamb/xep';

/**
 * A user's side of the subscription with one contact. `to`: the user sees the contact; `from`: the contact sees the
 * user; `out`: the user has requested to see the contact; `in`: the contact has requested to see the user.
 */
export type SubscriptionState =
  | 'none'
  | 'none + out'
  | 'none + in'
  | 'none + out + in'
  | 'to'
  | 'to + in'
  | 'from'
  | 'from + out'
  | 'both';

/** The `subscription` attribute of a roster item (§2.1.2.5). */
export type Subscription = 'none' | 'to' | 'from' | 'both';

/** The effect of one type of stanza in one state. */
export interface Row {
  /** Whether the stanza is forwarded: to the contact (outbound), to the user's clients (inbound). */
  readonly pass: boolean;
  /** The new state; absent: no change. */
  readonly next?: SubscriptionState;
  /** Sets or removes the pre-approval of the contact (§3.4). */
  readonly approve?: boolean;
  /** The server answers for the user, who has answered before (§3.1.3, rule 2). */
  readonly reply?: 'subscribed';
}

type Table = Readonly<Record<SubscriptionState, Row>>;
export type Direction = 'outbound' | 'inbound';

const stop: Row = { pass: false };
const pass: Row = { pass: true };
const preapprove: Row = { pass: false, approve: true };
const withdraw: Row = { pass: false, approve: false };
const answer: Row = { pass: false, reply: 'subscribed' };
const becomes = (next: SubscriptionState): Row => ({ pass: true, next });

/** Appendix A.2.1 to A.2.4, with §3.2.2 and §3.4.2 for pre-approvals. */
const OUTBOUND: Readonly<Record<SubscriptionType, Table>> = {
  subscribe: {
    none: becomes('none + out'),
    'none + out': pass,
    'none + in': becomes('none + out + in'),
    'none + out + in': pass,
    to: pass,
    'to + in': pass,
    from: becomes('from + out'),
    'from + out': pass,
    both: pass,
  },
  unsubscribe: {
    none: pass,
    'none + out': becomes('none'),
    'none + in': pass,
    'none + out + in': becomes('none + in'),
    to: becomes('none'),
    'to + in': becomes('none + in'),
    from: pass,
    'from + out': becomes('from'),
    both: becomes('from'),
  },
  subscribed: {
    none: preapprove,
    'none + out': preapprove,
    'none + in': becomes('from'),
    'none + out + in': becomes('from + out'),
    to: preapprove,
    'to + in': becomes('both'),
    from: stop,
    'from + out': stop,
    both: stop,
  },
  unsubscribed: {
    none: withdraw,
    'none + out': withdraw,
    'none + in': becomes('none'),
    'none + out + in': becomes('none + out'),
    to: withdraw,
    'to + in': becomes('to'),
    from: becomes('none'),
    'from + out': becomes('none + out'),
    both: becomes('to'),
  },
};

/** Appendix A.3.1 to A.3.4. */
const INBOUND: Readonly<Record<SubscriptionType, Table>> = {
  subscribe: {
    none: becomes('none + in'),
    'none + out': becomes('none + out + in'),
    'none + in': stop,
    'none + out + in': stop,
    to: becomes('to + in'),
    'to + in': stop,
    from: answer,
    'from + out': answer,
    both: answer,
  },
  unsubscribe: {
    none: stop,
    'none + out': stop,
    'none + in': becomes('none'),
    'none + out + in': becomes('none + out'),
    to: stop,
    'to + in': becomes('to'),
    from: becomes('none'),
    'from + out': becomes('none + out'),
    both: becomes('to'),
  },
  subscribed: {
    none: stop,
    'none + out': becomes('to'),
    'none + in': stop,
    'none + out + in': becomes('to + in'),
    to: stop,
    'to + in': stop,
    from: stop,
    'from + out': becomes('both'),
    both: stop,
  },
  unsubscribed: {
    none: stop,
    'none + out': becomes('none'),
    'none + in': stop,
    'none + out + in': becomes('none + in'),
    to: becomes('none'),
    'to + in': becomes('none + in'),
    from: stop,
    'from + out': becomes('from'),
    both: becomes('from'),
  },
};

const TABLES = { outbound: OUTBOUND, inbound: INBOUND } as const;

/** §3.4.2: a pre-approved request is answered immediately. */
const APPROVED: Readonly<Partial<Record<SubscriptionState, SubscriptionState>>> = {
  none: 'from',
  'none + out': 'from + out',
  to: 'both',
};

/** The effect of a stanza; `approved`: whether the user has pre-approved the contact. */
export function rowFor(
  direction: Direction,
  type: SubscriptionType,
  state: SubscriptionState,
  approved: boolean,
): Row {
  const next = APPROVED[state];
  if (approved && direction === 'inbound' && type === 'subscribe' && next) {
    return { pass: false, next, approve: false, reply: 'subscribed' };
  }
  return TABLES[direction][type][state];
}

/** Whether the contact sees the user's presence. */
export function hasFrom(state: SubscriptionState): boolean {
  return state === 'from' || state === 'from + out' || state === 'both';
}

/** Whether the user sees the contact's presence. */
export function hasTo(state: SubscriptionState): boolean {
  return state === 'to' || state === 'to + in' || state === 'both';
}

/** Whether the user's request is pending: `ask='subscribe'` (§2.1.2.2). */
export function isAsking(state: SubscriptionState): boolean {
  return state === 'none + out' || state === 'none + out + in' || state === 'from + out';
}

/** Whether the contact's request is pending. */
export function isAsked(state: SubscriptionState): boolean {
  return state === 'none + in' || state === 'none + out + in' || state === 'to + in';
}

/** The `subscription` attribute for a state, which does not show pending requests. */
export function subscriptionOf(state: SubscriptionState): Subscription {
  if (state === 'both') return 'both';
  if (hasTo(state)) return 'to';
  return hasFrom(state) ? 'from' : 'none';
}
