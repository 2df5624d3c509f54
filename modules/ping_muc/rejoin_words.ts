// What a client said when it joined a room, kept so that the server can say it again.

import { type C2SSession, type Element, type Jid, NS, parseElement, type Stanza, xml } from 'enjamb/api';
import type { Context, Join } from './context.ts';

declare module 'enjamb/api' {
  interface C2SState {
    /** What the client said when it last joined a room; most say the same everywhere. Owned by ping_muc. */
    mucWords?: string;
  }
}

/** What is longer is not kept: the client has to join by itself. */
const MAX_WORDS = 2_048;

/**
 * The children of a join, as text that all rooms of the client share. Nothing of one with a password, unless that may
 * be kept.
 */
export function wordsOf(session: C2SSession, join: Stanza, mayKeepPasswords: boolean): string | undefined {
  const x = join.getChild('x', NS.MUC);
  if (x === undefined || (x.getChild('password') && !mayKeepPasswords)) return undefined;
  const words = join.with({ id: undefined, from: undefined, to: undefined }).toString();
  if (words.length > MAX_WORDS) return undefined;
  if (session.state.mucWords !== words) session.state.mucWords = Buffer.from(words).toString(); // Flat.
  return session.state.mucWords;
}

export interface Rejoin {
  readonly session: C2SSession;
  readonly occupant: Jid;
  readonly words: string;
  /** When the client last got something from the room; ms since 1970. */
  readonly seenAt: number;
  readonly id: string;
}

/** The client's own join once more (XEP-0045 §7.2), for what it has missed (§7.2.13). */
export function rejoinOf({ session, occupant, words, seenAt, id }: Rejoin): Stanza {
  const presence = parseElement(words).with({ id, from: `${session.jid}`, to: `${occupant}` });
  const isJoin = (child: Element | string) => typeof child !== 'string' && child.is('x', NS.MUC);
  const x = presence.getChild('x', NS.MUC)!;
  const others = presence.children.filter((child) => !isJoin(child));
  return presence.withChildren([...others, withHistorySince(x, seenAt)]) as Stanza;
}

/** Whole seconds, rounded down: many services know no smaller ones, and twice is better than never. */
export function seenAt({ provenAt, sinceSeconds }: Join, { wallTime }: Context): number {
  return Math.floor(Math.max(wallTime(provenAt) / 1_000, sinceSeconds)) * 1_000;
}

function withHistorySince(x: Element, since: number): Element {
  const others = x.children.filter((child) => typeof child !== 'string' && !child.is('history', NS.MUC));
  const stamp = new Date(since).toISOString().replace('.000Z', 'Z'); // XEP-0082
  return x.withChildren([...others, xml('history', { since: stamp })]);
}
