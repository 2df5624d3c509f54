// What a room's words about a client of ours mean. Pure.

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

/** The `<x/>` of a room's presence. */
export function mucUserIn(stanza: Stanza): Element | undefined {
  return stanza.getChild('x', NS.MUC_USER);
}

/** What follows from the refusal of a join of ours. */
export type Refusal =
  /** The nick is taken, most likely by what is left of the client itself. */
  | 'conflict'
  /** Somebody makes the room anew, and it is still locked. */
  | 'locked'
  /** Later: the room cannot. */
  | 'wait'
  /** Later: the service cannot be reached. */
  | 'unreachable'
  /** The client has to know. */
  | 'final';

const BUSY = new Set(['resource-constraint', 'policy-violation', 'internal-server-error']);

export function refusalBy({ condition, type }: StanzaError): Refusal {
  if (condition === 'conflict') return 'conflict';
  if (condition === 'item-not-found') return 'locked';
  if (condition === 'remote-server-timeout' || condition === 'remote-server-not-found') return 'unreachable';
  return type === 'wait' || BUSY.has(condition) ? 'wait' : 'final';
}

/** How long after which refusals of the same kind the join is tried again, in ms; afterwards it is final. */
export const RETRIES: Readonly<Record<'conflict' | 'locked', readonly number[]>> = {
  conflict: [5_000, 15_000, 45_000],
  locked: [10_000, 10_000, 10_000],
};
