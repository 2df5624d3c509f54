// Brings a client up to date: from the moment a room lets it in again until it has been sent all that it has missed. The other
// clients of the room wait for the room's history and answers, but not for a client that confirms slowly.

import type { Absences } from '../answer/absent.ts';
import { give } from '../answer/held.ts';
import { ownAfter, type Rejoining, rejoinedOf } from '../answer/rejoining.ts';
import type { Archives } from '../gap/archives.ts';
import { gapOf, giveGap } from '../gap/gap.ts';
import type { Outbox } from '../gap/outbox.ts';
import type { Unconfirmed } from '../gap/unconfirmed.ts';
import type { Place } from '../memory/memory.ts';
import { giveChanges } from '../settings/changes.ts';
import type { Context } from '../shared/context.ts';
import type { Queues } from './queue.ts';

/** The history of a room without a subject ends after this time; XEP-0045 §7.2.15 requires a subject. */
const HISTORY_MS = 5_000;
/** The time in which the second answer arrives. */
const ECHO_MS = 2 * 60_000;

export interface CatchUpParts {
  readonly archives: Archives;
  readonly outbox: Outbox;
  readonly absences: Absences;
  readonly unconfirmed: Unconfirmed;
  readonly queues: Queues;
  /** The client is in. */
  ended(place: Place): void;
}

export class CatchUp {
  readonly #context: Context;
  readonly #parts: CatchUpParts;

  constructor(context: Context, parts: CatchUpParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /** The room has let the client in. */
  begin(place: Place, rejoining: Rejoining): void {
    const { archives, queues } = this.#parts;
    place.state = 'catching-up';
    queues.of(place).answered(place);
    rejoining.timer.set(HISTORY_MS, () => {
      rejoining.isHistoryOver = true;
      this.goOn(place, rejoining);
    });
    const goOn = this.wait(place, rejoining);
    if (!archives.ask(place, goOn)) goOn();
  }

  /** Call the returned function when the client need not wait any longer. Other clients of the room wait for it. */
  wait(place: Place, rejoining: Rejoining): () => void {
    const wait = {};
    rejoining.waits.add(wait);
    return () => {
      if (rejoining.waits.delete(wait)) this.goOn(place, rejoining);
    };
  }

  /** An item that the client waits for has arrived. */
  goOn(place: Place, rejoining: Rejoining): void {
    if (place.state !== 'catching-up' || !rejoining.isHistoryOver || rejoining.waits.size > 0) return;
    if (this.#parts.unconfirmed.takes(place.session)) this.#end(place, rejoining);
    else this.#parts.queues.of(place).done(place); // A slow client does not hold up the others of the room.
  }

  /** The bound of held stanzas is reached: gives them to the client in order, and stops waiting. */
  overflow(place: Place, rejoining: Rejoining): void {
    if (place.state === 'catching-up') this.#end(place, rejoining);
    else {
      give(place.session, rejoining.held.all);
      rejoining.held.clear();
    }
  }

  /** Whether the room may be sending a second answer, which the client must not see. */
  isEchoing({ rejoined }: Place): boolean {
    return rejoined !== undefined && rejoined.echoUntil > 0 && rejoined.echoUntil > this.#context.now();
  }

  /** Gives the client the missed messages, then the held stanzas, as if the room had never lost it. */
  #end(place: Place, rejoining: Rejoining): void {
    const { absences, archives, outbox, queues, unconfirmed } = this.#parts;
    const { module, rooms } = this.#context;
    const { held, known, subject, unknown } = rejoining;
    giveChanges(place, rejoining);
    const gap = gapOf(place, rejoining, archives.of(place.room));
    const last = giveGap(this.#context, unconfirmed, place, gap);
    if (subject) give(place.session, [subject]);
    give(place.session, held.live);
    for (const nick of rejoining.shown) for (const nicks of [known, unknown]) nicks.delete(nick);
    rooms.blur(place, [...known.keys(), ...unknown]);
    place.seen = Math.max(place.seen, rejoining.seen);
    place.heard = rejoining.heard ?? last ?? place.heard;
    place.self = ownAfter(place, rejoining);
    place.hasSubject ||= subject !== undefined;
    this.#noteAlive(place, rejoining);
    this.#parts.ended(place);
    if (place.heard === undefined) archives.findEnd(place); // For the next time.
    absences.begin(place, known);
    queues.of(place).done(place);
    if (rejoining.wanted) module.send(rejoining.wanted);
    archives.settle(place.room);
    outbox.rejoined(place, gap);
  }

  #noteAlive(place: Place, { isLate, lostAt }: Rejoining): void {
    const { metrics, now, reports } = this.#context;
    const rejoined = rejoinedOf(place);
    rejoined.echoUntil = isLate ? now() + ECHO_MS : 0;
    rejoined.times++;
    rejoined.gapMs = now() - lostAt;
    metrics.alive(now() - reports.joinableSince(place, lostAt));
    reports.alive(place, rejoined.gapMs);
  }
}
