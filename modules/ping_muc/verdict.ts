// What an answer means: is the client in the room, is it not, or what has to be asked next? Pure; the rules follow
// XEP-0410 §3.2, corrected by what room services really answer (docs/adr/0011-what-an-answer-to-a-self-ping-means.md).

import type { ErrorType } from 'enjamb/api';

/** What is asked, and of whom. */
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
      /** As received, also where RFC 6120 does not know it; `undefined` when there was none. */
      readonly condition: string | undefined;
      readonly type: ErrorType | undefined;
      /** Whether the error says that the room itself made it (RFC 6120 §8.3.2, `by`). */
      readonly byRoom: boolean;
      /** Made by our own side: no word of the other server's. */
      readonly local: boolean;
    }
  | { readonly kind: 'timeout' };

/** What a disco#info result says. */
export interface RoomFacts {
  /** Self-pings are answered by the room itself (XEP-0410 §3.3). */
  readonly optimised: boolean;
  readonly irc: boolean;
}

/** Which of the user's sessions the room has passed our ping on to, while it was under way. */
export type Relay = 'none' | 'own' | 'sibling' | 'siblings';

export type Outcome =
  | 'joined'
  /** In, most likely; never a reason to tell the client anything. */
  | 'unproven'
  | 'lost'
  /** The room does not exist: everybody is out of it. */
  | 'room-gone'
  /** The room has the client, but not as the client believes. */
  | 'desync'
  // Undecided, because the service …
  /** … answers, and cannot say now. */
  | 'busy'
  /** … cannot be reached. */
  | 'down'
  /** … does not answer. */
  | 'silent';

export type Verdict =
  | { readonly conclude: Outcome }
  | { readonly ask: 'room' | 'service' | 'presence' }
  /** The same ping again; `later` leaves time for a nick change to be announced. */
  | { readonly again: 'soon' | 'later' };

/** What the conditions have in common. */
export type Row = 'out' | 'absent' | 'unreachable' | 'occupant' | 'refused' | 'mute' | 'busy' | 'down';

/** The conditions by meaning. Whatever is not here is `refused`. */
export const ROWS: Readonly<Record<string, Row>> = {
  'not-acceptable': 'out',
  gone: 'out',
  forbidden: 'out',
  'registration-required': 'out',
  'not-authorized': 'out',
  'payment-required': 'out',
  'subscription-required': 'out',
  'item-not-found': 'absent',
  'recipient-unavailable': 'unreachable',
  'not-allowed': 'occupant',
  'bad-request': 'refused',
  'jid-malformed': 'refused',
  redirect: 'refused',
  'undefined-condition': 'refused',
  'service-unavailable': 'mute',
  'feature-not-implemented': 'mute',
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

/** One investigation: what has been asked and learned so far. */
export interface Inquiry {
  /** Pings sent, the one now answered included. */
  pings: number;
  /** The rows of the answers that did not decide, in order. */
  readonly seen: Row[];
  /** What the room has said about itself in this investigation. */
  room: RoomFacts | undefined;
  /** Whether the service is a gateway to IRC. */
  irc: boolean | undefined;
  /** A presence probe may be sent: at most one per room and day. */
  mayProbe: boolean;
}

/** After so many pings the last resort of the row is taken. */
const MAX_PINGS = 3;

/** Judges the answer to a self-ping. */
export function judgePing(answer: Answer, relay: Relay, inquiry: Inquiry): Verdict {
  if (answer.kind === 'timeout') return { conclude: 'silent' };
  // A service that relays to several sessions has not looked who asks (Tigase): its result proves little.
  if (answer.kind === 'result') return { conclude: relay === 'siblings' ? 'unproven' : 'joined' };
  if (answer.local) return { conclude: 'down' };
  if (answer.condition === undefined) return { conclude: 'busy' };
  const row = ROWS[answer.condition] ?? 'refused';
  if (row === 'down') return { conclude: 'down' };
  // RFC 6120 gives recipient-unavailable the type wait, so there it says nothing.
  if (isUndecided(answer.type) && row !== 'unreachable') return { conclude: 'busy' };
  const verdict = judgeRow(row, answer.byRoom, relay, inquiry);
  inquiry.seen.push(row);
  return verdict;
}

function judgeRow(row: Row, byRoom: boolean, relay: Relay, inquiry: Inquiry): Verdict {
  const isLast = inquiry.seen.includes(row) || inquiry.pings >= MAX_PINGS;
  switch (row) {
    case 'out':
      return { conclude: 'lost' };
    case 'absent': // Rooms look for the asker before they look for the nick: it is in, under another nick.
      if (byRoom || inquiry.room) return isLast ? { conclude: 'desync' } : { again: 'later' };
      return { ask: 'room' };
    case 'unreachable':
      if (inquiry.irc === undefined) return { ask: 'service' };
      if (inquiry.irc) return { conclude: 'lost' };
      return isLast ? { conclude: 'desync' } : { again: 'soon' };
    case 'occupant': // ejabberd and MongooseIM say it to occupants, where queries between them are off.
      return inquiry.mayProbe ? { ask: 'presence' } : { conclude: 'unproven' };
    case 'refused':
      return isLast ? { conclude: 'lost' } : { again: 'soon' };
    case 'mute':
      if (relay !== 'none') return { conclude: 'joined' };
      return inquiry.room ? mute(inquiry.room) : { ask: 'room' };
    default:
      return { conclude: 'busy' };
  }
}

/** Judges the room's answer to disco#info. `seen` ends with the row of the ping that made us ask. */
export function judgeRoom(answer: Answer, inquiry: Inquiry): Verdict {
  const because = inquiry.seen.at(-1);
  if (answer.kind === 'result') {
    inquiry.room = answer.facts ?? { optimised: false, irc: false };
    return because === 'absent' ? { again: 'later' } : mute(inquiry.room);
  }
  const isGone = answer.kind === 'error' && saysGone(answer.condition) && !isUndecided(answer.type);
  if (because === 'absent' && isGone && !answer.local) return { conclude: 'room-gone' };
  return { conclude: undecided(answer) };
}

/** Judges the service's answer to disco#info; whatever it does not say it is, it is not. */
export function judgeService(answer: Answer, inquiry: Inquiry): Verdict {
  if (answer.kind === 'error' && answer.local) return { conclude: 'down' };
  inquiry.irc = answer.kind === 'result' && answer.facts?.irc === true;
  return inquiry.irc ? { conclude: 'lost' } : { again: 'soon' };
}

/** Judges what a presence probe brought; services need not answer one (XEP-0045 §17.3). */
export function judgePresence(answer: Answer): Verdict {
  if (answer.kind === 'result') return { conclude: 'joined' };
  const isOut = answer.kind === 'error' && !answer.local && answer.condition === 'not-acceptable';
  return { conclude: isOut && !isUndecided(answer.type) ? 'lost' : 'unproven' };
}

/** Whether anybody at the other end has answered: then it is worth asking about the others. */
export function isAnswer(verdict: Verdict): boolean {
  return !('conclude' in verdict) || !isUnknown(verdict.conclude);
}

export function isUnknown(outcome: Outcome): outcome is 'busy' | 'down' | 'silent' {
  return outcome === 'busy' || outcome === 'down' || outcome === 'silent';
}

/** The room exists, and nobody relayed: a room that answers pings itself is in trouble if it says it cannot. */
function mute(room: RoomFacts): Verdict {
  return { conclude: room.optimised ? 'busy' : 'unproven' };
}

function undecided(answer: Answer): Outcome {
  if (answer.kind !== 'error') return 'silent';
  return answer.local || ROWS[answer.condition ?? ''] === 'down' ? 'down' : 'busy';
}

/** Whether a room that answers so does not exist. */
export function saysGone(condition: string | undefined): boolean {
  return condition === 'item-not-found' || condition === 'gone';
}

function isUndecided(type: ErrorType | undefined): boolean {
  return type === 'wait' || type === 'continue';
}
