// Rooms of which nothing has been heard for a long time. A service can start anew behind a link that never breaks, and
// then nothing tells of it; so of each silent room one client is asked about now and then, one room after the other.
//
// Nothing is done for this when stanzas come: a walk over all joins, a chunk at a time, finds the rooms that will have
// been silent for long enough before the next walk, and each domain asks about its own when their time comes.
//
// A room that speaks to some of our clients and not to others is silent for those: it may have started anew, and some
// have joined again. Those others are asked about, each of them.

import { inChunks } from 'enjamb/api';
import type { Context, Domain, Join } from './context.ts';
import type { Notices } from './notice.ts';
import { isBetterCanary, isIn } from './suspects.ts';
import type { Watches } from './watches.ts';

type Room = Join['room'];

/** One domain's silent rooms. */
interface Queue {
  /** When each will have been silent for long enough, the earliest last. */
  due: { readonly room: Room; readonly at: number }[];
  /** Who was asked about last, and when. */
  asked: { readonly join: Join; readonly epoch: number; readonly at: number } | undefined;
}

export interface SilenceParts {
  readonly context: Context;
  readonly watches: Watches;
  readonly notices: Notices;
}

/** Walks in the time that a room may be silent. */
const WALKS = 15;
/** When a domain has lost somebody, rooms that were quiet for this share of the time are asked at once. */
const QUIET = 1 / 3;
/** What proves a client to be in so soon after a question was an answer to it, most likely. */
const ANSWER_MS = 60_000;
/** What a room says to all its clients comes within this time. */
const SPREAD_MS = 5_000;
/** A walk counts as many joins of a large room as one step. */
const JOINS_PER_STEP = 8;

export class Silence {
  readonly #context: Context;
  readonly #watches: Watches;
  readonly #notices: Notices;
  /** Of the domains that have something to ask. */
  readonly #queues = new Map<Domain, Queue>();
  /** When a room was last asked about, and whom: the answer need not be a proof, nor is it the room's own word. */
  readonly #askedAt = new WeakMap<Room | Join, number>();
  /** When all quiet rooms of a domain were last asked about. */
  readonly #hurriedAt = new WeakMap<Domain, number>();

  constructor({ context, watches, notices }: SilenceParts) {
    this.#context = context;
    this.#watches = watches;
    this.#notices = notices;
  }

  /** Between two walks, in ms. */
  get interval(): number {
    return Math.ceil(this.#context.settings.silence / WALKS);
  }

  /** Finds the rooms whose time comes before the next walk. */
  walk(): void {
    const { after, joins, now } = this.#context;
    const until = now() + this.interval;
    const found = new Map<Domain, Queue['due']>();
    const look = (rooms: (Room | undefined)[]) => {
      for (const room of rooms) {
        const at = room ? this.#dueAt(room) : Number.POSITIVE_INFINITY;
        if (room === undefined || at > until) continue;
        const due = found.get(room.domain) ?? [];
        found.set(room.domain, due);
        due.push({ room, at });
      }
    };
    inChunks(steps(joins.domains()), after, look, () => this.#found(found));
  }

  #found(found: ReadonlyMap<Domain, Queue['due']>): void {
    for (const [domain, due] of found) {
      due.sort((a, b) => b.at - a.at);
      const queue = this.#queues.get(domain);
      if (queue) queue.due = due;
      else this.#open(domain, { due, asked: undefined });
    }
  }

  #open(domain: Domain, queue: Queue): void {
    this.#queues.set(domain, queue);
    this.#pump(domain, queue);
  }

  /** Asks about one room, or waits: for the answer of the one before, or for the time of the next. */
  #pump(domain: Domain, queue: Queue): void {
    const { now, settings } = this.#context;
    const watch = this.#watches.get(domain.name);
    if (watch && watch.state !== 'idle') queue.due = []; // All its rooms are about to be asked.
    const { asked } = queue;
    const isWaiting = asked && watch?.has(asked.join) && watch.answeredAt < asked.at;
    if (asked && !isWaiting) {
      queue.asked = undefined;
      if (this.#isLost(asked.join, asked.epoch)) this.#hurry(domain);
    }
    const next = queue.due.at(-1);
    if (isWaiting) this.#pumpLater(settings.silenceGap, domain, queue);
    else if (next && next.at > now()) this.#pumpLater(next.at - now(), domain, queue);
    else if (next) {
      queue.due.pop();
      this.#pumpLater(settings.silenceGap, domain, queue); // First: asking may throw.
      this.#ask(next.room, queue);
    } else this.#queues.delete(domain);
  }

  #pumpLater(delayMs: number, domain: Domain, queue: Queue): void {
    this.#context.after(delayMs, () => this.#pump(domain, queue));
  }

  #ask(room: Room, queue: Queue): void {
    const { measures, now, settings } = this.#context;
    if (this.#dueAt(room) > now()) return; // Somebody has spoken meanwhile.
    const joins = this.#whomToAsk(room);
    const [first] = joins;
    if (first === undefined) return;
    queue.asked = { join: first, epoch: first.epoch, at: now() };
    for (const asked of [room, ...joins]) this.#askedAt.set(asked, now());
    measures.silenceChecks.add();
    const isSilent = this.#heardAt(room).all <= now() - settings.silence;
    this.#watches.of(room.domain.name).confirmAll(joins, isSilent);
  }

  /** When this room will have been silent for long enough, for all or for somebody; never while nobody is in it. */
  #dueAt(room: Room): number {
    const { silence } = this.#context.settings;
    const { all, live } = this.#heardAt(room);
    let at = Math.max(all, this.#askedAt.get(room) ?? 0);
    for (const join of room.joins) {
      if (isLeftOut(join, live)) at = Math.min(at, Math.max(join.provenAt, this.#askedAt.get(join) ?? 0));
    }
    return at + silence;
  }

  /** Of a silent room one client; of one that speaks, all to whom it does not. */
  #whomToAsk(room: Room): Join[] {
    const until = this.#context.now() - this.#context.settings.silence;
    const { all, live } = this.#heardAt(room);
    if (all <= until) return [canary(room)].filter((join) => join !== undefined);
    return [...room.joins].filter(
      (join) => isLeftOut(join, live) && Math.max(join.provenAt, this.#askedAt.get(join) ?? 0) <= until,
    );
  }

  /**
   * When a room last sent anything to any of our clients (`all`), and when it last did so without being asked (`live`).
   * `all` is Infinity if none of our clients is in the room.
   */
  #heardAt({ joins }: Room): { readonly all: number; readonly live: number } {
    let [all, live] = [-1, -1];
    for (const join of joins) {
      if (!isIn(join)) continue;
      all = Math.max(all, join.provenAt);
      const askedAt = this.#askedAt.get(join) ?? Number.NEGATIVE_INFINITY;
      const isAnswer = join.provenAt >= askedAt && join.provenAt <= askedAt + ANSWER_MS;
      if (!isAnswer) live = Math.max(live, join.provenAt);
    }
    return { all: all < 0 ? Number.POSITIVE_INFINITY : all, live };
  }

  #isLost(join: Join, epoch: number): boolean {
    return join.epoch === epoch && (join.state === 'gone' || this.#notices.isPending(join));
  }

  /** One room has lost somebody, so the service may have: rather than one by one, all quiet rooms are asked now. */
  #hurry(domain: Domain): void {
    const { after, measures, now, settings } = this.#context;
    if (now() - (this.#hurriedAt.get(domain) ?? Number.NEGATIVE_INFINITY) < settings.silence) return;
    this.#hurriedAt.set(domain, now());
    const before = now() - settings.silence * QUIET;
    inChunks(domain.rooms.values(), after, (rooms) => {
      const quiet = rooms.filter(
        (room) => Math.max(this.#heardAt(room).all, this.#askedAt.get(room) ?? 0) <= before,
      );
      const joins = quiet.map(canary).filter((join) => join !== undefined);
      for (const asked of [...quiet, ...joins]) this.#askedAt.set(asked, now());
      measures.silenceChecks.add(joins.length);
      this.#watches.of(domain.name).confirmAll(joins, true);
    });
  }
}

/** Every room, with as many empty steps as it is large: so a chunk of them costs the same, wherever it is. */
function* steps(domains: Iterable<Domain>): Generator<Room | undefined> {
  for (const domain of domains) {
    for (const room of domain.rooms.values()) {
      yield room;
      for (let left = room.joins.size; left > JOINS_PER_STEP; left -= JOINS_PER_STEP) yield undefined;
    }
  }
}

/** Whether the room has spoken to others, and not to this client. What it says to all reaches nobody much later. */
function isLeftOut(join: Join, live: number): boolean {
  return isIn(join) && join.provenAt < live - SPREAD_MS;
}

function canary({ joins }: Room): Join | undefined {
  let best: Join | undefined;
  for (const join of joins) {
    if (isIn(join) && (best === undefined || isBetterCanary(join, best))) best = join;
  }
  return best;
}
