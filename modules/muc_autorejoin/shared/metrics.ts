// The metrics of this module.

import type { Counter, Histogram, Labelled, Metrics } from 'enjamb/api';
import type { PlaceState } from '../memory/memory.ts';
import type { Rooms } from '../memory/rooms.ts';

/** Upper bounds, in seconds. */
const SPANS = [1, 2, 5, 10, 30, 60, 120, 300, 1_200, 3_600];

export class RejoinMetrics {
  /** By outcome: `alive`, or why not. */
  readonly rejoins: Labelled<Counter>;
  /** By fate: `swallowed`, `passed`, or `left` (shown to leave). */
  readonly presences: Labelled<Counter>;
  /** `given` to clients that had missed them, or `left_out`. */
  readonly messages: Labelled<Counter>;
  /** Clients' own messages: sent `again`, or `failed`. */
  readonly ownMessages: Labelled<Counter>;
  readonly openGaps: Counter;
  readonly archives: Labelled<Counter>;
  readonly lag: Counter;
  readonly roomsMade: Counter;
  readonly #seconds: Histogram;

  constructor(metric: Metrics) {
    this.rejoins = metric.counter('muc_autorejoin_rejoins', 'Silent joins, and losses that were told', [
      'outcome',
    ]);
    this.presences = metric.counter(
      'muc_autorejoin_presences',
      'Presences that rooms answered silent joins with',
      ['fate'],
    );
    this.messages = metric.counter('muc_autorejoin_messages', 'Messages that clients had missed', ['fate']);
    this.ownMessages = metric.counter(
      'muc_autorejoin_own_messages',
      'Messages of clients that a room may not have got',
      ['fate'],
    );
    this.openGaps = metric.counter(
      'muc_autorejoin_open_gaps',
      'Silent joins after which messages may be missing',
    );
    this.archives = metric.counter('muc_autorejoin_archive_queries', 'Questions to archives of rooms', [
      'outcome',
    ]);
    this.lag = metric.counter('muc_autorejoin_lags', 'Clients that a room seemed to have left out');
    this.roomsMade = metric.counter('muc_autorejoin_rooms_made', 'Rooms that a silent join has made anew');
    this.#seconds = metric.histogram(
      'muc_autorejoin_seconds',
      'Time until the client is up to date: from the loss, or since the link is up again',
      SPANS,
    );
  }

  alive(afterMs: number): void {
    this.rejoins.of('alive').add();
    this.#seconds.observe(afterMs / 1_000);
  }
}

/** Gauges. `states`: of all places that are not `in`. */
export function measurePlaces(
  metric: Metrics,
  {
    rooms,
    held,
    states,
  }: { rooms: Rooms; held: { readonly used: number }; states: () => Iterable<PlaceState> },
): void {
  metric.gauge('muc_autorejoin_places', 'Clients that are being joined again', ['state'], () => {
    const counts = new Map([
      ['lost', 0],
      ['joining', 0],
      ['catching-up', 0],
    ]);
    for (const state of states()) counts.set(state, (counts.get(state) ?? 0) + 1);
    return [...counts].map(([state, count]) => [[state], count] as const);
  });
  metric.gauge('muc_autorejoin_rooms', 'Rooms that are remembered', () => rooms.all.size);
  metric.gauge('muc_autorejoin_occupants', 'Occupants that are remembered', () => rooms.occupants);
  metric.gauge('muc_autorejoin_held_bytes', 'Stanzas that wait for clients', () => held.used);
}
