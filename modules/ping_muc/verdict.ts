// What an answer means: the client is in the room, it is out, or another question is needed. Pure. The rules follow
// XEP-0410 §3.2, corrected by what room services really answer
// (docs/adr/0011-what-an-answer-to-a-self-ping-means.md).

import type { ErrorType } from 'enjamb/api';

/** A question, and its recipient. */
export type Question =
  /** The self-ping, of the occupant's own address (XEP-0410 §3.2). */
  | 'ping'
  /** disco#info of the room: does it exist? */
  | 'room'
  /** disco#info of the service: is it a gateway to IRC? */
  | 'service'
  /** A presence probe of the occupant's own address (XEP-0045 §17.3). */
  | 'presence';

export type Answer =
  | { readonly kind: 'result'; readonly facts?: RoomFacts }
  | {
      readonly kind: 'error';
      /** As received, even if RFC 6120 does not define it; `undefined` if the error has none. */
      readonly condition: string | undefined;
      readonly type: ErrorType | undefined;
      /** Whether the room itself made the error (RFC 6120 §8.3.2, `by`). */
      readonly byRoom: boolean;
      /** Whether our own side made the error. */
      readonly local: boolean;
    }
  | { readonly kind: 'timeout' };

/** The facts from disco#info of a room or service. */
export interface RoomFacts {
  /** The room itself answers self-pings (XEP-0410 §3.3). */
  readonly optimised: boolean;
  readonly irc: boolean;
  readonly gateway: boolean;
}

/** The sessions of the user to which the room relayed our ping before it answered. */
export type Relay = 'none' | 'own' | 'sibling' | 'siblings';

export type Outcome =
  | 'joined'
  /** The client is probably in. It gets no notice. */
  | 'unproven'
  | 'lost'
  /** The room does not exist, so all clients are out of it. */
  | 'room-gone'
  /** The room has the client, but not as the client believes. */
  | 'desync'
  /** Undecided: the service answers, but cannot decide now. */
  | 'busy'
  /** Undecided: the service cannot be reached. */
  | 'down'
  /** Undecided: the service does not answer. */
  | 'silent';

export type Verdict =
  | { readonly conclude: Outcome }
  | { readonly ask: 'room' | 'service' | 'presence' }
  /**
   * Send the ping again; `later` leaves time for the announcement of a nick change, `entered` for a gateway's answer to a
   * join.
   */
  | { readonly again: 'soon' | 'later' | 'entered' };

/** The meaning of a condition. */
export type Row =
  | 'out'
  | 'nick-unknown'
  | 'unreachable'
  | 'occupant'
  | 'refused'
  | 'cannot-answer'
  | 'busy'
  | 'down';

/** The meaning of each condition. All others are `refused`. */
export const ROWS: Readonly<Record<string, Row>> = {
  'not-acceptable': 'out',
  gone: 'out',
  forbidden: 'out',
  'registration-required': 'out',
  'not-authorized': 'out',
  'payment-required': 'out',
  'subscription-required': 'out',
  'item-not-found': 'nick-unknown',
  'recipient-unavailable': 'unreachable',
  'not-allowed': 'occupant',
  'bad-request': 'refused',
  'jid-malformed': 'refused',
  redirect: 'refused',
  'undefined-condition': 'refused',
  'service-unavailable': 'cannot-answer',
  'feature-not-implemented': 'cannot-answer',
  'resource-constraint': 'busy',
  'policy-violation': 'busy',
  'internal-server-error': 'busy',
  'remote-server-not-found': 'down',
  'remote-server-timeout': 'down',
};

/** Whether the table has a row for this condition. */
export function isKnown(condition: string): boolean {
  return Object.hasOwn(ROWS, condition);
}

/** The questions about one join in one survey, and their results. */
export interface Evidence {
  /** Pings sent, including the one that is being answered. */
  pings: number;
  /** The rows of the answers that did not decide, in order. */
  readonly seen: Row[];
  /** The facts about the room; `undefined` if it was not asked. */
  room: RoomFacts | undefined;
  /** Whether the service is a gateway to IRC. */
  irc: boolean | undefined;
  /** Whether the service is any gateway. */
  gateway: boolean | undefined;
  /** The client's own join is unanswered: any answer decides (docs/adr/0015-joins-without-an-answer.md). */
  isUnanswered: boolean;
  /** The verdict about a client that is entering. It holds unless the service is a gateway. */
  entering: Verdict | undefined;
  /** Whether a presence probe may be sent: at most one per room and day. */
  mayProbe: boolean;
}

/** @param pings the number of pings that were already sent */
export function newEvidence(pings = 0): Evidence {
  return {
    pings,
    seen: [],
    room: undefined,
    irc: undefined,
    gateway: undefined,
    isUnanswered: false,
    entering: undefined,
    mayProbe: false,
  };
}

/** After this many pings the row's last verdict holds. */
const MAX_PINGS = 3;

/** Judges the answer to a self-ping. */
export function judgePing(answer: Answer, relay: Relay, evidence: Evidence): Verdict {
  if (answer.kind === 'timeout') return { conclude: 'silent' };
  // A service that relays to several sessions does not check the sender (Tigase): its result proves little.
  if (answer.kind === 'result') return { conclude: relay === 'siblings' ? 'unproven' : 'joined' };
  if (answer.local) return { conclude: 'down' };
  if (answer.condition === undefined) return { conclude: 'busy' };
  const row = ROWS[answer.condition] ?? 'refused';
  if (row === 'down') return { conclude: 'down' };
  // RFC 6120 gives recipient-unavailable the type wait, so for that condition the type is ignored.
  if (isUndecided(answer.type) && row !== 'unreachable') return { conclude: 'busy' };
  const verdict = judgeRow(row, answer.byRoom, relay, evidence);
  evidence.seen.push(row);
  return verdict;
}

function judgeRow(row: Row, byRoom: boolean, relay: Relay, evidence: Evidence): Verdict {
  const isLast = evidence.seen.includes(row) || evidence.pings >= MAX_PINGS;
  switch (row) {
    case 'out':
      return { conclude: 'lost' };
    case 'nick-unknown': // Rooms check the sender first, so the client is in, under another nick.
      if (byRoom || evidence.room) return isLast ? { conclude: 'desync' } : { again: 'later' };
      return { ask: 'room' };
    case 'unreachable':
      if (evidence.irc === undefined) return { ask: 'service' };
      if (evidence.irc) return { conclude: 'lost' };
      return isLast ? { conclude: 'desync' } : { again: 'soon' };
    case 'occupant': // ejabberd and MongooseIM send it to occupants if queries between them are disabled.
      return evidence.mayProbe ? { ask: 'presence' } : { conclude: 'unproven' };
    case 'refused':
      return isLast ? { conclude: 'lost' } : { again: 'soon' };
    case 'cannot-answer':
      if (relay !== 'none') return { conclude: 'joined' };
      return evidence.room ? cannotAnswer(evidence.room, evidence) : { ask: 'room' };
    default:
      return { conclude: 'busy' };
  }
}

/** Judges the room's answer to disco#info. `seen` ends with the row of the ping that led to it. */
export function judgeRoom(answer: Answer, evidence: Evidence): Verdict {
  const because = evidence.seen.at(-1);
  if (answer.kind === 'result') {
    evidence.room = answer.facts ?? { optimised: false, irc: false, gateway: false };
    return because === 'nick-unknown' ? { again: 'later' } : cannotAnswer(evidence.room, evidence);
  }
  const isGone = answer.kind === 'error' && saysGone(answer.condition) && !isUndecided(answer.type);
  if (because === 'nick-unknown' && isGone && !answer.local) return { conclude: 'room-gone' };
  return { conclude: undecided(answer) };
}

/** Judges the service's answer to disco#info. Only a service with an identity of type irc is an IRC gateway. */
export function judgeService(answer: Answer, evidence: Evidence): Verdict {
  if (answer.kind === 'error' && answer.local) return { conclude: 'down' };
  evidence.irc = answer.kind === 'result' && answer.facts?.irc === true;
  evidence.gateway = answer.kind === 'result' && answer.facts?.gateway === true;
  if (evidence.entering) return evidence.entering;
  return evidence.irc ? { conclude: 'lost' } : { again: 'soon' };
}

/**
 * Corrects the verdict about a client whose join is recent: a gateway answers pings immediately, but may take minutes for a
 * join.
 */
export function judgeEntering(verdict: Verdict, evidence: Evidence): Verdict {
  if (!('conclude' in verdict) || isUnknown(verdict.conclude)) return verdict;
  if (evidence.gateway) return { again: 'entered' };
  if (evidence.gateway === false) return verdict;
  evidence.entering = verdict;
  return { ask: 'service' };
}

/** Judges the answer to a presence probe, which services need not answer (XEP-0045 §17.3). */
export function judgePresence(answer: Answer): Verdict {
  if (answer.kind === 'result') return { conclude: 'joined' };
  const isOut = answer.kind === 'error' && !answer.local && answer.condition === 'not-acceptable';
  return { conclude: isOut && !isUndecided(answer.type) ? 'lost' : 'unproven' };
}

/** Whether the remote has answered, so that it can be asked about other joins. */
export function isAnswer(verdict: Verdict): boolean {
  return !('conclude' in verdict) || !isUnknown(verdict.conclude);
}

export function isUnknown(outcome: Outcome): outcome is 'busy' | 'down' | 'silent' {
  return outcome === 'busy' || outcome === 'down' || outcome === 'silent';
}

/**
 * The room exists and has not relayed the ping. A room that answers pings itself is in trouble if it refuses one; or it has the
 * client under another nick, and this one belongs to an occupant that it does not ask (XEP-0410 §3.3).
 */
function cannotAnswer({ optimised }: RoomFacts, { isUnanswered }: Evidence): Verdict {
  if (optimised) return { conclude: isUnanswered ? 'desync' : 'busy' };
  return { conclude: 'unproven' };
}

function undecided(answer: Answer): Outcome {
  if (answer.kind !== 'error') return 'silent';
  return answer.local || ROWS[answer.condition ?? ''] === 'down' ? 'down' : 'busy';
}

/** Whether this condition in a disco#info error means that the room does not exist. */
export function saysGone(condition: string | undefined): boolean {
  return condition === 'item-not-found' || condition === 'gone';
}

function isUndecided(type: ErrorType | undefined): boolean {
  return type === 'wait' || type === 'continue';
}
