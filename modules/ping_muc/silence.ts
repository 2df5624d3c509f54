// Rooms that have sent nothing for a long time. A service may restart behind a link that stays up, without any event.
// So the server asks each silent room about one of its clients, one room at a time.
//
// This costs nothing per stanza: a walk over all joins, in chunks, finds the rooms that are due before the next walk.
// Each remote has a queue of its due rooms.
//
// A room may be silent for some of our clients only: it has restarted, and other clients have joined again. Then it
// is asked about each of these clients.

import { inChunks } from 'enjamb/api';
import type { Context, Domain, Join } from './context.ts';
import { isBetterCanary, isIn } from './in_doubt.ts';
import type { Notices } from './notices.ts';
import type { Outages } from './outages.ts';

type Room = Join['room'];

/** The silent rooms of one remote. */
interface Queue {
  /** The rooms with the times at which they are due; the earliest last. */
  due: { readonly room: Room; readonly at: number }[];
  /** The join that was asked about last. */
  asked: Asked | undefined;
}

interface Asked {
  readonly join: Join;
  readonly epoch: number;
  readonly at: number;
}

export interface SilenceParts {
  readonly context: Context;
  readonly outages: Outages;
  readonly notices: Notices;
}

/** Walks per `ping_muc_silence`. */
const WALKS = 15;
/**
 * When a remote has lost a join, rooms that are silent for this fraction of `ping_muc_silence` are asked immediately.
 */
const QUIET = 1 / 3;
/** The time within which a room's stanza reaches all its clients. */
const SPREAD_MS = 5_000;
/** The joins of a large room that count as one step of a walk. */
const JOINS_PER_STEP = 8;

export class Silence {
  readonly #context: Context;
  readonly #outages: Outages;
  readonly #notices: Notices;
  /** The queues of remotes with due rooms. */
  readonly #queues = new Map<Domain, Queue>();
  /** When a room, or a join, was last asked about. Its answer may prove nothing. */
  readonly #askedAt = new WeakMap<Room | Join, number>();
  /** When all quiet rooms of a remote were last asked. */
  readonly #allAskedAt = new WeakMap<Domain, number>();

  constructor({ context, outages, notices }: SilenceParts) {
    this.#context = context;
    this.#outages = outages;
    this.#notices = notices;
  }

  /** The time between two walks, in ms. */
  get interval(): number {
    return Math.ceil(this.#context.settings.silence / WALKS);
  }

  /** Finds the rooms that are due before the next walk. */
  walk(): void {
    const { after, joins, now } = this.#context;
    const until = now() + this.interval;
    const found = new Map<Domain, Queue['due']>();
    const check = (rooms: (Room | undefined)[]) => {
      for (const room of rooms) {
        const at = room ? this.#dueAt(room) : Number.POSITIVE_INFINITY;
        if (room === undefined || at > until) continue;
        const due = found.get(room.domain) ?? [];
        found.set(room.domain, due);
        due.push({ room, at });
      }
    };
    inChunks(steps(joins.domains()), after, check, () => this.#found(found));
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

  /** Asks one room, or waits for the answer of the former one or until the next one is due. */
  #pump(domain: Domain, queue: Queue): void {
    const { now, settings } = this.#context;
    const outage = this.#outages.get(domain.name);
    if (outage && outage.state !== 'idle') queue.due = []; // The outage asks all rooms.
    const { asked } = queue;
    const isWaiting = asked && outage?.has(asked.join) && outage.answeredAt < asked.at;
    if (asked && !isWaiting) {
      queue.asked = undefined;
      if (this.#isLost(asked)) this.#askQuietRooms(domain);
    }
    const next = queue.due.at(-1);
    if (isWaiting) this.#pumpLater(settings.silenceGap, domain, queue);
    else if (next && next.at > now()) this.#pumpLater(next.at - now(), domain, queue);
    else if (next) {
      queue.due.pop();
      this.#pumpLater(settings.silenceGap, domain, queue); // First, because asking may throw.
      this.#ask(next.room, queue);
    } else this.#queues.delete(domain);
  }

  #pumpLater(delayMs: number, domain: Domain, queue: Queue): void {
    this.#context.after(delayMs, () => this.#pump(domain, queue));
  }

  #ask(room: Room, queue: Queue): void {
    const { metrics, now, settings } = this.#context;
    if (this.#dueAt(room) > now()) return; // The room has sent something meanwhile.
    const joins = this.#joinsToAsk(room);
    const [first] = joins;
    if (first === undefined) return;
    queue.asked = { join: first, epoch: first.epoch, at: now() };
    for (const asked of [room, ...joins]) this.#askedAt.set(asked, now());
    metrics.silenceChecks.add();
    const isSilent = this.#heardAt(room).all <= now() - settings.silence;
    this.#outages.of(room.domain.name).confirmAll(joins, isSilent);
  }

  /** When this room is due, for all or some of our clients. Infinity if it has none of them. */
  #dueAt(room: Room): number {
    const { silence } = this.#context.settings;
    const { all, live } = this.#heardAt(room);
    let at = Math.max(all, this.#askedAt.get(room) ?? 0);
    for (const join of room.joins) {
      if (isLeftOut(join, live)) at = Math.min(at, Math.max(join.provenAt, this.#askedAt.get(join) ?? 0));
    }
    return at + silence;
  }

  /** One client of a silent room; for other rooms, all clients to which they do not send. */
  #joinsToAsk(room: Room): Join[] {
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
      live = Math.max(live, this.#context.proofs.heardAt(join));
    }
    return { all: all < 0 ? Number.POSITIVE_INFINITY : all, live };
  }

  #isLost({ join, epoch, at }: Asked): boolean {
    if (this.#notices.wasTaken(join, at)) return true;
    return join.epoch === epoch && (join.state === 'gone' || this.#notices.isPending(join));
  }

  /** Asks all quiet rooms of a remote now, because another room has lost a join. */
  #askQuietRooms(domain: Domain): void {
    const { after, metrics, now, settings } = this.#context;
    if (now() - (this.#allAskedAt.get(domain) ?? Number.NEGATIVE_INFINITY) < settings.silence) return;
    this.#allAskedAt.set(domain, now());
    const before = now() - settings.silence * QUIET;
    inChunks(domain.rooms.values(), after, (rooms) => {
      const quiet = rooms.filter(
        (room) => Math.max(this.#heardAt(room).all, this.#askedAt.get(room) ?? 0) <= before,
      );
      const joins = quiet.map(canary).filter((join) => join !== undefined);
      for (const asked of [...quiet, ...joins]) this.#askedAt.set(asked, now());
      metrics.silenceChecks.add(joins.length);
      this.#outages.of(domain.name).confirmAll(joins, true);
    });
  }
}

/** Every room, followed by empty steps in proportion to its size, so that all chunks cost the same. */
function* steps(domains: Iterable<Domain>): Generator<Room | undefined> {
  for (const domain of domains) {
    for (const room of domain.rooms.values()) {
      yield room;
      for (let left = room.joins.size; left > JOINS_PER_STEP; left -= JOINS_PER_STEP) yield undefined;
    }
  }
}

/** Whether the room has sent to other clients but not to this one. */
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
