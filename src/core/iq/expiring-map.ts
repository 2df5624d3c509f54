// A map whose entries expire, each after its own time. Entries with the same time share one timer, in the order of
// their deadlines, so that the number of timers does not grow with the number of entries.

import type { Clock, Timer } from '../../util/clock.ts';

interface Lane<V> {
  readonly entries: Map<string, V>;
  timer: Timer | undefined;
}

export class ExpiringMap<V extends { expiresAt: number }> {
  readonly #clock: Clock;
  readonly #expired: (id: string, value: V) => void;
  /** By lifetime, in ms. */
  readonly #lanes = new Map<number, Lane<V>>();
  #size = 0;

  /** `expired` must not throw. */
  constructor(clock: Clock, expired: (id: string, value: V) => void) {
    this.#clock = clock;
    this.#expired = expired;
  }

  get size(): number {
    return this.#size;
  }

  get(id: string): V | undefined {
    for (const { entries } of this.#lanes.values()) {
      const found = entries.get(id);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Adds an entry and sets its `expiresAt`. The id must be new. */
  set(id: string, value: V, afterMs: number): void {
    const lane = this.#lanes.get(afterMs) ?? { entries: new Map<string, V>(), timer: undefined };
    this.#lanes.set(afterMs, lane);
    value.expiresAt = Math.ceil(this.#clock.elapsed() + afterMs);
    lane.entries.set(id, value);
    this.#size++;
    lane.timer ??= this.#clock.after(afterMs, () => this.#expire(afterMs, lane));
  }

  delete(id: string): boolean {
    for (const [ms, lane] of this.#lanes) {
      if (!lane.entries.delete(id)) continue;
      this.#size--;
      if (lane.entries.size === 0) this.#drop(ms, lane);
      return true;
    }
    return false;
  }

  /** Deletes the oldest entry of the first lane; returns false if the map is empty. */
  deleteOldest(): boolean {
    for (const { entries } of this.#lanes.values()) {
      for (const id of entries.keys()) return this.delete(id);
    }
    return false;
  }

  *entries(): Generator<[string, V]> {
    for (const { entries } of this.#lanes.values()) yield* entries;
  }

  clear(): void {
    for (const [ms, lane] of this.#lanes) this.#drop(ms, lane);
    this.#size = 0;
  }

  #expire(ms: number, lane: Lane<V>): void {
    lane.timer = undefined;
    const now = this.#clock.elapsed();
    const due: [string, V][] = [];
    for (const entry of lane.entries) {
      if (entry[1].expiresAt > now) break;
      due.push(entry);
    }
    for (const [id] of due) this.delete(id);
    const [next] = lane.entries.values();
    if (next) lane.timer = this.#clock.after(next.expiresAt - now, () => this.#expire(ms, lane));
    for (const [id, value] of due) this.#expired(id, value);
  }

  #drop(ms: number, lane: Lane<V>): void {
    lane.timer?.cancel();
    if (this.#lanes.get(ms) === lane) this.#lanes.delete(ms);
  }
}
