// The archives of rooms (XEP-0313): one walk for all clients that a room has lost.
//
//   forward from the oldest message that each of them has heard; if more follow than fit on a page, or the archive does not
//   know that message, backward from the newest message, to that page or to a message that the clients have heard

import {
  BoundedMap,
  detach,
  type Element,
  type IqAnswer,
  NS,
  newId,
  type Stanza,
  type StanzaEvent,
  xml,
} from 'enjamb/api';
import { flatBytes } from 'enjamb/api/stream';
import type { HeldBytes } from '../answer/held.ts';
import type { Place, RoomMemory } from '../memory/memory.ts';
import { heardMarks, keptMark, lastOf, type Mark, Marks, note, nothing, type Said } from '../memory/ring.ts';
import type { Context } from '../shared/context.ts';
import { iqOf, request } from '../shared/requests.ts';
import { type Archived, unwrap } from './archived.ts';
import type { ArchiveResult } from './gap.ts';

/** One walk through the archive of a room. */
interface Walk {
  readonly place: Place;
  readonly queryId: string;
  /** The messages that the clients have heard. */
  readonly heard: Marks;
  readonly done: () => void;
  /** Gets the result, which is then not kept for other clients. */
  readonly found: ((messages: readonly Archived[]) => void) | undefined;
  /** The pages that have arrived, in the order of the room. */
  messages: Archived[];
  /** The page that is arriving. */
  page: Archived[];
  /** The first page, if the walk began forward: it ends the walk backward. */
  forward: Archived[];
  isBackward: boolean;
  pages: number;
  bytes: number;
}

/** The messages of a walk, and those that were sent since. */
interface Kept {
  /** `undefined` after a failure: the archive is not asked again for a while. */
  readonly result: (ArchiveResult & { readonly messages: Archived[] }) | undefined;
  readonly marks: Marks;
  bytes: number;
}

const PAGE = 100;
const MAX_PAGES = 10;
/** Of one walk. */
const MAX_BYTES = 2 * 1024 * 1024;
/** For one page. */
const PAGE_MS = 10_000;
/** For the whole walk, because clients are waiting. */
const WALK_MS = 10_000;
/** The time for which a result serves other clients of the room. */
const KEPT_MS = 60_000;
/** The most finished walks whose late results are recognised. */
const MAX_FINISHED = 1_000;

export class Archives {
  readonly #context: Context;
  readonly #total: HeldBytes;
  readonly #walks = new Map<string, Walk>();
  readonly #finished = new BoundedMap<string, true>(MAX_FINISHED);
  readonly #kept = new Map<RoomMemory, Kept>();
  /** When the last message of a room was last asked for in the name of a client. */
  readonly #endAskedAt = new WeakMap<Place, number>();

  /** @param total for all that is held */
  constructor(context: Context, total: HeldBytes) {
    this.#context = context;
    this.#total = total;
  }

  /** The messages of the last walk, for all clients that the room had lost. */
  of(room: RoomMemory): ArchiveResult | undefined {
    return this.#kept.get(room)?.result;
  }

  /** The room has sent a live message. It is not in the result, and clients that are not in yet may miss it. */
  spoken(room: RoomMemory, stanza: Stanza, ofMessage: Mark): void {
    const kept = this.#kept.size === 0 ? undefined : this.#kept.get(room);
    if (kept?.result === undefined || kept.marks.has(ofMessage)) return;
    const mark = keptMark(ofMessage);
    const flat = stanza.flattened;
    const bytes = flatBytes(flat);
    if (kept.bytes + bytes > MAX_BYTES || !this.#total.take(room.domain, bytes))
      return this.#forget(room, kept);
    kept.bytes += bytes;
    kept.marks.add(mark);
    kept.result.messages.push({ flat, mark });
  }

  /** Forgets the archived messages when all clients of this server are in the room, or none is. */
  settle(room: RoomMemory): void {
    const kept = this.#kept.size === 0 ? undefined : this.#kept.get(room);
    if (kept === undefined) return;
    const areIn = [...room.places].map(({ state }) => state === 'in' || state === 'catching-up');
    const areDone = [...room.places].every(({ state }) => state === 'in');
    if (areDone || !areIn.includes(true)) this.#forget(room, kept);
  }

  /** Forgets results of the remote, which lack the messages that were sent while its link was down. */
  linkDown(remote: string): void {
    for (const [room, kept] of this.#kept) if (room.domain === remote) this.#forget(room, kept);
  }

  /** Asks in the name of this client, unless there is a result already. Returns false if nothing was asked. */
  ask(place: Place, done: () => void): boolean {
    const { room } = place;
    const heard = oldestHeard(room);
    const isUseful =
      this.#context.settings.asksArchives && room.facts?.hasArchive !== false && heard !== undefined;
    if (!isUseful || this.#kept.has(room)) return false;
    this.#begin(newWalk(place, heard, done), heard);
    return true;
  }

  /** Asks for the messages after this one. `found` is called if all of them were read. */
  since(place: Place, heard: Said, found: (messages: readonly Archived[]) => void): void {
    this.#begin({ ...newWalk(place, heard, () => {}), found }, heard);
  }

  #begin(walk: Walk, { id }: Said): void {
    this.#walks.set(walk.queryId, walk);
    this.#context.after(WALK_MS, () => this.#end(walk, false, 'timeout'));
    this.#request(walk, id === undefined ? xml('before') : xml('after', {}, id));
  }

  /**
   * Asks for the last message of the room, for clients that have heard none since they joined: the messages that they miss
   * later follow it. No clock is compared.
   */
  findEnd(place: Place | undefined): void {
    if (place?.state !== 'in' || !place.room.facts?.hasArchive || !this.#context.settings.asksArchives)
      return;
    const { room } = place;
    const [{ count }, askedAt] = [room.ring, Math.floor(this.#context.now())];
    if (askedAt - (this.#endAskedAt.get(place) ?? Number.NEGATIVE_INFINITY) < KEPT_MS) return;
    this.#endAskedAt.set(place, askedAt);
    // If too much comes, nothing is kept, so that the archive can still be asked for missed messages.
    const walk = { ...newWalk(place, undefined, () => {}), found: () => {} };
    this.#walks.set(walk.queryId, walk);
    request(this.#context, queryOf(walk, 1, xml('before')), {
      overhead: true,
      onAnswer: (answer) => {
        if (!this.#walks.delete(walk.queryId)) return; // A result was too large.
        this.#finished.set(walk.queryId, true);
        this.#total.give(room.domain, walk.bytes);
        const fin = finOf(answer);
        if (fin === undefined || room.ring.count > count) return; // Or something was said meanwhile.
        const last = fin.getChild('set', NS.RSM)?.getChildText('last');
        const mark = walk.page.at(-1)?.mark ?? (last === undefined ? undefined : onlyId(last));
        learnEnd(room, mark, { askedAt, answeredAt: Math.floor(this.#context.now()) });
      },
    });
  }

  /** Takes the results of our walks, so that no client sees them. */
  take({ stanza, from, to }: Readonly<StanzaEvent>): 'handled' | undefined {
    if (this.#walks.size === 0 && this.#finished.size === 0) return undefined;
    const result = stanza.getChild('result', NS.MAM);
    const queryId = result?.attrs.queryid ?? '';
    const walk = this.#walks.get(queryId);
    if (result === undefined) return undefined;
    if (walk === undefined) return this.#finished.has(queryId) ? 'handled' : undefined;
    const { room, session } = walk.place;
    if (`${from}` !== room.jid || !to.equals(session.jid)) return undefined;
    const archived = unwrap(result, room.jid, this.#context.rooms.seed);
    if (archived) this.#collect(walk, archived);
    return 'handled';
  }

  #collect(walk: Walk, archived: Archived): void {
    const bytes = flatBytes(archived.flat);
    if (walk.bytes + bytes > MAX_BYTES || !this.#total.take(walk.place.room.domain, bytes))
      return this.#end(walk, false, 'too large');
    walk.bytes += bytes;
    walk.page.push(archived);
  }

  #request(walk: Walk, position: Element): void {
    const { queryId } = walk;
    walk.page = [];
    walk.pages++;
    request(this.#context, queryOf(walk, PAGE, position), {
      timeoutMs: PAGE_MS,
      onAnswer: (answer) => {
        if (this.#walks.get(queryId) === walk) this.#answered(walk, answer);
      },
    });
  }

  #answered(walk: Walk, answer: IqAnswer): void {
    if (answer.kind === 'timeout') return this.#end(walk, false, 'timeout');
    const fin = finOf(answer);
    if (fin === undefined) {
      const isUnknown = answer.stanza.getChild('error')?.getChild('item-not-found', NS.STANZAS) !== undefined;
      if (isUnknown && !walk.isBackward) return this.#goBackward(walk);
      return this.#end(walk, false, 'refused');
    }
    const isComplete = fin.attrs.complete === 'true' || fin.attrs.complete === '1';
    if (!walk.isBackward) this.#forwardPage(walk, isComplete);
    else this.#backwardPage(walk, isComplete, fin.getChild('set', NS.RSM)?.getChildText('first'));
  }

  #forwardPage(walk: Walk, isComplete: boolean): void {
    walk.messages = walk.page;
    if (isComplete) return this.#end(walk, true, 'complete');
    walk.forward = walk.page;
    walk.messages = [];
    this.#goBackward(walk);
  }

  #goBackward(walk: Walk): void {
    walk.isBackward = true;
    this.#request(walk, xml('before'));
  }

  #backwardPage(walk: Walk, isComplete: boolean, first: string | undefined): void {
    walk.messages = [...walk.page, ...walk.messages];
    const ends = new Marks(walk.forward.map(({ mark }) => mark));
    const isMet = walk.page.some(({ mark }) => ends.has(mark) || walk.heard.has(mark));
    if (isMet || (isComplete && walk.heard.isEmpty)) return this.#end(walk, true, 'complete');
    // The archive lacks the messages that the clients have heard: it is new, or they have expired.
    if (isComplete) return this.#end(walk, false, 'expired');
    if (first === undefined || walk.pages >= MAX_PAGES) return this.#end(walk, false, 'too large');
    this.#request(walk, xml('before', {}, first));
  }

  #end(walk: Walk, isComplete: boolean, outcome: string): void {
    if (!this.#walks.delete(walk.queryId)) return;
    const { room } = walk.place;
    this.#finished.set(walk.queryId, true);
    this.#context.metrics.archives.of(outcome).add();
    if (!isComplete)
      this.#context.module.log.debug('archive of a room not read', { room: room.jid, outcome });
    // If the pages have not met, there is a hole between the oldest and the newest messages: use the newest.
    const messages = isComplete ? [...walk.forward, ...walk.messages] : walk.messages;
    if (walk.found) {
      this.#total.give(room.domain, walk.bytes);
      if (isComplete) walk.found(messages);
      return;
    }
    const marks = new Marks(messages.map(({ mark }) => mark));
    const isUnread = messages.length === 0 && !isComplete && outcome !== 'expired';
    const isKnown = isComplete && !walk.heard.isEmpty;
    const result = isUnread ? undefined : { messages, isComplete, isKnown };
    const kept = { result, marks, bytes: walk.bytes };
    this.#kept.set(room, kept);
    this.#forgetAfter(KEPT_MS, room, kept);
    walk.done();
  }

  #forgetAfter(delayMs: number, room: RoomMemory, kept: Kept): void {
    this.#context.after(delayMs, () => {
      const isNeeded = [...room.places].some(({ state }) => state === 'catching-up');
      if (isNeeded && this.#kept.get(room) === kept) this.#forgetAfter(WALK_MS, room, kept);
      else this.#forget(room, kept);
    });
  }

  #forget(room: RoomMemory, kept: Kept): void {
    if (this.#kept.get(room) !== kept) return;
    this.#kept.delete(room);
    this.#total.give(room.domain, kept.bytes);
  }
}

/** Of the last messages that lost clients have heard, the oldest one. */
function oldestHeard({ places }: RoomMemory): Said | undefined {
  let oldest: Said | undefined;
  for (const { state, heard } of places) {
    if (state === 'in' || heard === undefined) continue;
    if (oldest === undefined || heard.position < oldest.position) oldest = heard;
  }
  return oldest;
}

/** XEP-0313 §4, with a page of XEP-0059. */
function queryOf({ place, queryId }: Walk, max: number, position: Element): Element {
  const set = xml('set', NS.RSM, xml('max', {}, String(max)), position);
  return iqOf(place, 'set', xml('query', { xmlns: NS.MAM, queryid: queryId }, set));
}

function finOf(answer: IqAnswer): Element | undefined {
  if (answer.kind !== 'answer' || answer.stanza.attrs.type !== 'result') return undefined;
  return answer.stanza.getChild('fin', NS.MAM);
}

/** `mark`: of the last message; `undefined` if there is none. */
function learnEnd(
  { ring, places }: RoomMemory,
  mark: Mark | undefined,
  { askedAt, answeredAt }: { readonly askedAt: number; readonly answeredAt: number },
): void {
  if (mark && ring.count > 0) note(ring, mark, askedAt);
  else if (ring.count === 0) ring.end = { ...nothing(askedAt), ...mark };
  const last = lastOf(ring);
  const end = last && { ...last, answeredAt };
  for (const place of places)
    if (place.state === 'in' && place.self && place.since <= askedAt) place.heard ??= end;
}

/** A mark without a print, for a last message that rooms do not send to new occupants. */
function onlyId(id: string): Mark {
  return { id: detach(id.slice(0, 256)), print: undefined };
}

function newWalk(place: Place, heard: Said | undefined, done: () => void): Walk {
  return {
    place,
    queryId: newId(),
    heard: heardMarks(place.room.ring, heard),
    done,
    found: undefined,
    messages: [],
    page: [],
    forward: [],
    isBackward: heard?.id === undefined,
    pages: 0,
    bytes: 0,
  };
}
