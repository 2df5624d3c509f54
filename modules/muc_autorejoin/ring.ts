// The last messages of a room, so that what a client has missed can be told from what it has.

import { detach, NS, type Stanza } from 'enjamb/api';
import { isStampOf } from 'enjamb/xep';
import { contentPrint, type Print, textPrint } from './prints.ts';

/** One message that a room has sent. */
export interface Said {
  /** Counts the messages of the room. */
  readonly position: number;
  /** The id that the room gave it (XEP-0359). */
  readonly id: string | undefined;
  /** Of its sender's nick and its id. */
  readonly print: Print;
}

export interface Ring {
  /** The oldest first. */
  readonly last: Said[];
  /** Messages so far. */
  count: number;
}

export const RING_SIZE = 32;
/** Longer ids are not kept. */
const MAX_ID = 256;

/** The message, as the ring has it or will have it. */
export function said(
  ring: Ring,
  room: string,
  nick: string | undefined,
  message: Stanza,
  seed: number,
): Said {
  const id = idBy(room, message);
  const { id: own } = message.attrs;
  const print = own === undefined ? contentPrint(message, seed) : textPrint(`${nick ?? ''}\n${own}`, seed);
  for (let i = ring.last.length - 1; i >= 0; i--) {
    const known = ring.last[i]!;
    if (id !== undefined && known.id !== undefined ? known.id === id : known.print === print) return known;
  }
  const added = { position: ++ring.count, id, print };
  ring.last.push(added);
  if (ring.last.length > RING_SIZE) ring.last.shift();
  return added;
}

/** The `stanza-id` of the room; only the room may speak in its own name (XEP-0359 §3). */
function idBy(room: string, { children }: Stanza): string | undefined {
  for (const child of children) {
    if (typeof child === 'string' || child.name !== 'stanza-id' || child.attrs.xmlns !== NS.STANZA_ID)
      continue;
    if (child.attrs.by !== room && !isStampOf(child, room)) continue;
    const { id = '' } = child.attrs;
    return id === '' || id.length > MAX_ID ? undefined : detach(id);
  }
  return undefined;
}

/**
 * The messages that a client has not been sent, out of those that the room has. `all` is in the order of the room.
 * `isOpen`: none of them is one that the client has, so messages before them may be missing.
 */
export function missed<M extends { readonly said: Said }>(
  ring: Ring,
  heard: Said | undefined,
  all: readonly M[],
): { readonly messages: M[]; readonly isOpen: boolean } {
  const had =
    heard === undefined ? [] : [heard, ...ring.last.filter((one) => one.position <= heard.position)];
  const ids = new Set(had.map(({ id }) => id).filter((id) => id !== undefined));
  const prints = new Set(had.map(({ print }) => print));
  let last = all.findLastIndex(({ said: { id } }) => id !== undefined && ids.has(id));
  if (last < 0) last = all.findLastIndex(({ said: { print } }) => prints.has(print));
  return { messages: withoutRepeats(all.slice(last + 1)), isOpen: last < 0 && heard !== undefined };
}

function withoutRepeats<M extends { readonly said: Said }>(all: readonly M[]): M[] {
  const seen = new Set<Said>();
  return all.filter(({ said: one }) => !seen.has(one) && seen.add(one));
}
