// The state of a place that is not `in`, besides its plain data.

import { type ElapsedClock, ResettableTimer, type Stanza } from 'enjamb/api';
import type { Refusals } from '../memory/losses.ts';
import type { Affiliation, Place, Rejoined, Self } from '../memory/memory.ts';
import type { Said } from '../memory/ring.ts';
import type { RejoinMetrics } from '../shared/metrics.ts';
import { Held, type HeldBytes, type HeldStanza } from './held.ts';

export interface Rejoining {
  readonly lostAt: number;
  /** Of the last join that was sent for the client. */
  id: string | undefined;
  /** The room has not refused the last join, nor removed the client since. */
  mayBeIn: boolean;
  /** Runs until the room has answered, then until the end of its history. */
  readonly timer: ResettableTimer;
  /** The last change, and the last live message, that the room has sent to this client since. */
  seen: number;
  heard: Said | undefined;
  /**
   * The client was sent no message since its join, and perhaps the room had lost it before the archive told its last one: what
   * the history of the join shows is new to the client.
   */
  readonly isEndUnproven: boolean;
  /** The client's own presence after the held stanzas, if these change it: see `ownAfter`. */
  self: Self | undefined;
  /** The codes of the client's own presence before the loss: see `Self`. */
  readonly codes: readonly string[];
  /** The occupants that the client knew when the join was sent. */
  known: Map<string, Affiliation>;
  /** The nicks in `known` and `unknown` that the room has shown since. */
  readonly shown: Set<string>;
  /** The occupants that were in the room then, and that the client did not know. */
  unknown: Set<string>;
  readonly held: Held;
  /** The subject, if it is new to the client. */
  subject: HeldStanza | undefined;
  isHistoryOver: boolean;
  /** The requests that must be answered before the client has caught up, each as an empty object. */
  readonly waits: Set<object>;
  readonly refusals: Refusals;
  /** A join was not answered in time. */
  isLate: boolean;
  /** An earlier instance of this module has taken a part of the answer, so another join is needed. */
  isPartial: boolean;
  /** The client's newest presence to the room, which is sent when it is in again. */
  wanted: Stanza | undefined;
}

export function newRejoining(place: Place, clock: ElapsedClock, bytes: HeldBytes): Rejoining {
  return {
    lostAt: clock.elapsed(),
    id: undefined,
    mayBeIn: false,
    timer: new ResettableTimer(clock),
    seen: place.seen,
    heard: undefined,
    isEndUnproven: isEndUnproven(place),
    self: undefined,
    codes: place.self?.codes ?? [],
    known: new Map(),
    shown: new Set(),
    unknown: new Set(),
    held: new Held(bytes, place.room.domain),
    subject: undefined,
    isHistoryOver: false,
    waits: new Set(),
    refusals: { kind: undefined, count: 0 },
    isLate: false,
    isPartial: false,
    wanted: undefined,
  };
}

/** What the room sends after an answer has left it after that answer. */
function isEndUnproven({ heard, join }: Place): boolean {
  return heard?.answeredAt !== undefined && join.provenAt <= heard.answeredAt;
}

/** Whether enough is known of a place for the server to join unnoticed. */
export function isFit(place: Place, { rejoins }: RejoinMetrics): boolean {
  const { payload, isUnwanted, room } = place;
  const isUnknown = room.isLarge || room.behind.has(place);
  if (payload === undefined) rejoins.of('no payload').add();
  else if (isUnwanted) rejoins.of('bookmark').add();
  else if (isUnknown) rejoins.of('large').add();
  return payload !== undefined && !isUnwanted && !isUnknown;
}

/** For changes; the first call creates it. */
export function rejoinedOf(place: Place): Rejoined {
  place.rejoined ??= { times: 0, gapMs: 0, given: 0, echoUntil: 0 };
  return place.rejoined;
}

/** What the client will know of its own presence when it has been given the held stanzas. */
export function ownAfter({ self }: Place, rejoining: Rejoining | undefined): Self | undefined {
  return rejoining?.self ?? self;
}

/** The room has shown this nick. */
export function noteShown({ known, unknown, shown }: Rejoining, nick: string): void {
  if (known.has(nick) || unknown.has(nick)) shown.add(nick);
}

/** Call this when a join is sent. Stanzas that are held from an earlier answer are dropped, since they come again. */
export function beginAnswer(
  rejoining: Rejoining,
  place: Place,
  people: { readonly known: Iterable<[string, Affiliation]>; readonly unknown: Iterable<string> },
): void {
  rejoining.held.clear();
  rejoining.subject = undefined;
  rejoining.isPartial = false;
  rejoining.isHistoryOver = false;
  rejoining.seen = place.seen;
  rejoining.heard = undefined;
  rejoining.self = undefined;
  rejoining.known = new Map(people.known);
  rejoining.unknown = new Set(people.unknown);
  rejoining.shown.clear();
}

/** Stops waiting for the answer. A late answer still counts. */
export function endAnswer(rejoining: Rejoining): void {
  rejoining.timer.cancel();
  rejoining.isHistoryOver = false;
  rejoining.waits.clear();
}
