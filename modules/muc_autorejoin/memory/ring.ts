// The last messages of a room. They show where the messages begin that a client has missed.

import { detach, NS, type Stanza } from 'enjamb/api';
import { isStampOf } from 'enjamb/xep';
import { contentPrint, type Print, textPrint } from './prints.ts';

/** Identifies a message within its room. */
export interface Mark {
  /** The id that the room gave it (XEP-0359). */
  readonly id: string | undefined;
  /** Of its sender's nick and id, and of its text if the id is short: some clients count their messages from 1 after each login. */
  readonly print: Print | undefined;
}

/** One message that a room has sent. */
export interface Said extends Mark {
  /** The number of the message in its room. */
  readonly position: number;
}

/** For a client that joined before the first message. */
export const NOTHING: Said = { position: 0, id: undefined, print: undefined };

export interface Ring {
  /** The oldest first. */
  readonly last: Said[];
  /** Messages so far. */
  count: number;
  /** The last message before the first of them; `undefined` while it is unknown. */
  end: Said | undefined;
}

export const RING_SIZE = 32;
/** Longer ids are not kept. */
const MAX_ID = 256;
/** Ids with at least this number of characters are unique. */
const UNIQUE_ID = 16;

/** Its id may keep the input alive: see `keptMark`. */
export function markOf(room: string, nick: string | undefined, message: Stanza, seed: number): Mark {
  const { id: own } = message.attrs;
  const print = own === undefined ? contentPrint(message, seed) : sentPrint(nick ?? '', own, message, seed);
  return { id: idBy(room, message), print };
}

function sentPrint(nick: string, id: string, message: Stanza, seed: number): Print {
  const print = textPrint(id, textPrint(nick, seed));
  return id.length < UNIQUE_ID ? textPrint(message.getChildText('body') ?? '', print) : print;
}

/** The same mark without a reference to the input. */
export function keptMark({ id, print }: Mark): Mark {
  return { id: id === undefined ? undefined : detach(id), print };
}

/** The last message before a client that joins now. */
export function lastOf({ last, end }: Ring): Said | undefined {
  return last.at(-1) ?? end;
}

/** Returns the message in the ring; adds it if it is new. */
export function note(ring: Ring, mark: Mark): Said {
  for (let i = ring.last.length - 1; i >= 0; i--) if (isSame(ring.last[i]!, mark)) return ring.last[i]!;
  const { id, print } = keptMark(mark);
  const added = { position: ++ring.count, id, print };
  ring.last.push(added);
  if (ring.last.length > RING_SIZE) ring.last.shift();
  return added;
}

function isSame(a: Mark, b: Mark): boolean {
  return a.id !== undefined && b.id !== undefined
    ? a.id === b.id
    : a.print !== undefined && a.print === b.print;
}

/** The `stanza-id` of the room; only the room may speak in its own name (XEP-0359 §3). */
function idBy(room: string, { children }: Stanza): string | undefined {
  for (const child of children) {
    if (typeof child === 'string' || child.name !== 'stanza-id' || child.attrs.xmlns !== NS.STANZA_ID)
      continue;
    if (child.attrs.by !== room && !isStampOf(child, room)) continue;
    const { id = '' } = child.attrs;
    return id === '' || id.length > MAX_ID ? undefined : id;
  }
  return undefined;
}

/** Messages by their marks. */
export class Marks {
  readonly #ids = new Set<string>();
  readonly #prints = new Set<Print>();

  constructor(marks: Iterable<Mark>) {
    for (const mark of marks) this.add(mark);
  }

  add({ id, print }: Mark): void {
    if (id !== undefined) this.#ids.add(id);
    if (print !== undefined) this.#prints.add(print);
  }

  get isEmpty(): boolean {
    return this.#ids.size === 0 && this.#prints.size === 0;
  }

  hasId({ id }: Mark): boolean {
    return id !== undefined && this.#ids.has(id);
  }

  hasPrint({ print }: Mark): boolean {
    return print !== undefined && this.#prints.has(print);
  }

  /** Returns the first index in `all` of the first of our prints that occurs there; -1 if none does. */
  indexByPrint(all: readonly Mark[]): number {
    const places = new Map<Print, number>();
    for (const [at, { print }] of all.entries())
      if (print !== undefined && !places.has(print)) places.set(print, at);
    for (const print of this.#prints) {
      const at = places.get(print);
      if (at !== undefined) return at;
    }
    return -1;
  }

  has(mark: Mark): boolean {
    return this.hasId(mark) || this.hasPrint(mark);
  }
}

interface Marked {
  readonly mark: Mark;
}

/**
 * The messages after the last one that is among these: by the ids of the room, or else by prints, since a restarted room may
 * give new ids. Occupants choose the ids in prints and can repeat them. So the newest of these counts that occurs in `all`, at
 * its first occurrence.
 *
 * @param these the newest first
 */
export function following<M extends Marked>(
  all: readonly M[],
  these: Marks,
): { rest: M[]; isFound: boolean } {
  let last = all.findLastIndex(({ mark }) => these.hasId(mark));
  if (last < 0) last = these.indexByPrint(all.map(({ mark }) => mark));
  return { rest: all.slice(last + 1), isFound: last >= 0 };
}

/** The messages that the client has been sent, as far as they are known. */
export function heardMarks(ring: Ring, heard: Said | undefined): Marks {
  if (heard === undefined) return new Marks([]);
  return new Marks([heard, ...ring.last.filter(({ position }) => position <= heard.position).reverse()]);
}

export function withoutRepeats<M extends Marked>(all: readonly M[]): M[] {
  const seen = new Marks([]);
  return all.filter(({ mark }) => {
    const isNew = !seen.has(mark);
    seen.add(mark);
    return isNew;
  });
}
