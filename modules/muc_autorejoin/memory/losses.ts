// Interprets what a room says about a client of ours. Pure.

import { type Element, NS, type Stanza, type StanzaError } from 'enjamb/api';

/** Why a client is out, as the room's unavailable presence says (XEP-0045 §15.6.2). */
export type Removal =
  /** The client has another nick now. */
  | 'renamed'
  /** A person removed the client, or destroyed the room. The client must see this. */
  | 'decided'
  /** A technical problem, or no reason at all. */
  | 'lost'
  /** The service shuts down. */
  | 'shutdown';

const CAPTCHA = 'urn:xmpp:captcha';
const DECIDED = ['301', '307', '321', '322'];

/** Reads a presence with status 110. */
export function removalIn(x: Element): Removal {
  const codes = codesIn(x);
  if (codes.includes('303')) return 'renamed';
  if (x.getChild('destroy') !== undefined) return 'decided';
  if (codes.includes('333')) return 'lost'; // Also together with 307 (§11.1).
  if (DECIDED.some((code) => codes.includes(code))) return 'decided';
  return codes.includes('332') ? 'shutdown' : 'lost';
}

export function codesIn(x: Element): string[] {
  const codes: string[] = [];
  for (const child of x.children) {
    if (typeof child !== 'string' && child.name === 'status' && child.attrs.code)
      codes.push(child.attrs.code);
  }
  return codes;
}

export function hasCode(x: Element, code: string): boolean {
  for (const child of x.children)
    if (typeof child !== 'string' && child.name === 'status' && child.attrs.code === code) return true;
  return false;
}

/** The `<x/>` of a room's presence. */
export function mucUserIn(stanza: Stanza): Element | undefined {
  return stanza.getChild('x', NS.MUC_USER);
}

// ── Refusals of a join of ours (XEP-0045 §7.2) ─────────────────────────────────────────────────────────────────

type RefusalKind =
  /** The nick is taken, most likely by a ghost of the client itself. */
  | 'conflict'
  /** Another user has created the room, and it is still locked. */
  | 'locked'
  /** The room is busy or full. */
  | 'room'
  /** The service cannot be reached. */
  | 'remote'
  /** The client must be told. */
  | 'final';

/** Refusals of one kind in a row. */
export interface Refusals {
  kind: RefusalKind | undefined;
  count: number;
}

const KINDS: Readonly<Record<string, RefusalKind>> = {
  conflict: 'conflict',
  'item-not-found': 'locked',
  'remote-server-timeout': 'remote',
  'remote-server-not-found': 'remote',
  'resource-constraint': 'room',
  'policy-violation': 'room',
  'internal-server-error': 'room',
};

/** The delays of further joins, in ms. After the last one, the client is told. */
const PAUSES = { conflict: [5_000, 15_000, 45_000], locked: [10_000, 10_000, 10_000] };

/** Counts a refusal. Returns the delay of the next join in ms, or what is busy: then its pause is the delay. */
export function nextTry(
  refusals: Refusals,
  { condition, type }: StanzaError,
): number | 'room' | 'remote' | 'never' {
  const kind = KINDS[condition] ?? (type === 'wait' ? 'room' : 'final');
  refusals.count = refusals.kind === kind ? refusals.count + 1 : 0;
  refusals.kind = kind;
  if (kind === 'conflict' || kind === 'locked') return PAUSES[kind][refusals.count] ?? 'never';
  return kind === 'final' ? 'never' : kind;
}

/** A question that only a person can answer (XEP-0158), instead of an answer to the join. */
export function isCaptcha(stanza: Stanza): boolean {
  return stanza.getChild('captcha', CAPTCHA) !== undefined;
}
