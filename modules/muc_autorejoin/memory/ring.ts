// The last messages of a room. They show where the messages begin that a client has missed.

import { detach, NS, type Stanza } from 'enjamb/api';
import { isStampOf } from 'enjamb/xep';
import { contentPrint, idPrint, type Print, textPrint } from './prints.ts';

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
  /** When it was sent to one of our clients, in ms of `clock.elapsed`. */
  readonly at: number;
  /** Of the last message in an archive, which no client need have been sent: when the archive answered. */
  readonly answeredAt?: number;
}

/** Before the first message of a room. */
export function nothing(at: number): Said {
  return { position: 0, id: undefined, print: undefined, at };
}

/** Plain data. The memory of a room is mostly this, so messages are kept as numbers. */
export interface Ring {
  /** For the last messages, in the slots of their positions: see `idPrint`, and `Mark.print`; 0 for none. Empty before the first. */
  readonly ids: number[];
  readonly prints: Print[];
  /** Messages so far: the position of the newest. */
  count: number;
  newest: Said | undefined;
  /** The last message before the first of them; `undefined` while it is unknown. */
  end: Said | undefined;
}

export const RING_SIZE = 32;
/** Longer ids are not kept. */
const MAX_ID = 256;
/** Ids with at least this number of characters are unique. */
const UNIQUE_ID = 16;

export function newRing(): Ring {
  return { ids: [], prints: [], count: 0, newest: undefined, end: undefined };
}

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
export function lastOf({ newest, end }: Ring): Said | undefined {
  return newest ?? end;
}

/**
 * Returns the message in the ring; adds it if it is new.
 *
 * @param heard the last message that the recipient had heard. If it is the newest one, no other one can come again.
 */
export function note(ring: Ring, mark: Mark, at: number, heard?: Said): Said {
  const id = mark.id === undefined ? 0 : idPrint(mark.id);
  const print = mark.print ?? 0;
  const isUpToDate = heard !== undefined && heard === ring.newest;
  const known = positionOf(ring, id, print, isUpToDate ? 1 : RING_SIZE);
  if (known > 0 && known === ring.count) return ring.newest!;
  const position = known > 0 ? known : ++ring.count;
  const keptId = mark.id === undefined ? undefined : detach(mark.id);
  const said = { position, id: keptId, print: mark.print, at };
  if (known > 0) return said;
  ring.ids[slotOf(position)] = id;
  ring.prints[slotOf(position)] = print;
  ring.newest = said;
  return said;
}

/** By the ids of the room if both messages have one, else by prints. 0 for a message that is not among the newest `most`. */
function positionOf({ ids, prints, count }: Ring, id: number, print: Print, most: number): number {
  const oldest = Math.max(count - most, 0);
  for (let position = count; position > oldest; position--) {
    const slot = slotOf(position);
    const own = ids[slot]!;
    if (id !== 0 && own !== 0 ? id === own : print !== 0 && print === prints[slot]) return position;
  }
  return 0;
}

function slotOf(position: number): number {
  return (position - 1) % RING_SIZE;
}

/** Adds the messages after one position, up to another one, as far as they are in the ring. The newest first. */
function addBetween(marks: Marks, { ids, prints, count }: Ring, after: number, to: number): Marks {
  const oldest = Math.max(count - RING_SIZE, after);
  for (let position = Math.min(count, to); position > oldest; position--)
    marks.addPrints(ids[slotOf(position)]!, prints[slotOf(position)]!);
  return marks;
}

/** The messages after this position. */
export function marksSince(ring: Ring, position: number): Marks {
  return addBetween(new Marks([]), ring, position, ring.count);
}

/** The messages that the client has been sent, as far as they are known. The newest first. */
export function heardMarks(ring: Ring, heard: Said | undefined): Marks {
  return heard === undefined ? new Marks([]) : addBetween(new Marks([heard]), ring, 0, heard.position);
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
  /** See `idPrint`. */
  readonly #ids = new Set<number>();
  readonly #prints = new Set<Print>();

  constructor(marks: Iterable<Mark>) {
    for (const mark of marks) this.add(mark);
  }

  add({ id, print }: Mark): void {
    this.addPrints(id === undefined ? 0 : idPrint(id), print ?? 0);
  }

  /** 0 for none. */
  addPrints(id: number, print: Print): void {
    if (id !== 0) this.#ids.add(id);
    if (print !== 0) this.#prints.add(print);
  }

  get isEmpty(): boolean {
    return this.#ids.size === 0 && this.#prints.size === 0;
  }

  hasId({ id }: Mark): boolean {
    return id !== undefined && this.#ids.size > 0 && this.#ids.has(idPrint(id));
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

export function withoutRepeats<M extends Marked>(all: readonly M[]): M[] {
  const seen = new Marks([]);
  return all.filter(({ mark }) => {
    const isNew = !seen.has(mark);
    seen.add(mark);
    return isNew;
  });
}
