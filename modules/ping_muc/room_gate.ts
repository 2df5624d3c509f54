// Asks about one join of each room first. If the room does not exist, one ping and one disco request settle all its
// joins.

import type { Join } from './context.ts';
import type { RoomFacts } from './verdict.ts';

interface InRoom {
  readonly join: Join;
}

interface Gate<C> {
  /** The join that is asked about first; `undefined` once the room is known to exist. */
  first: C | undefined;
  facts: RoomFacts | undefined;
  readonly waiting: C[];
}

export class RoomGates<C extends InRoom> {
  readonly #gates = new Map<string, Gate<C>>();

  /** Makes this join the first of its room, if the room has none. */
  claim(entry: C): void {
    const { jid } = entry.join.room;
    if (!this.#gates.has(jid)) this.#gates.set(jid, { first: entry, facts: undefined, waiting: [] });
  }

  /** Whether this join may be asked about now. Otherwise it waits for the first of its room. */
  admits(entry: C): boolean {
    this.claim(entry);
    const gate = this.#gates.get(entry.join.room.jid)!;
    if (gate.first === undefined || gate.first === entry) return true;
    gate.waiting.push(entry);
    return false;
  }

  /** The facts from the room's disco information; `undefined` if it was not asked. */
  facts(room: string): RoomFacts | undefined {
    return this.#gates.get(room)?.facts;
  }

  learn(room: string, facts: RoomFacts | undefined): void {
    const gate = this.#gates.get(room);
    if (gate && facts) gate.facts = facts;
  }

  /** Call this when the room is known to exist. Returns the joins that waited for it, if `entry` is the first one. */
  open(entry: C): readonly C[] {
    const gate = this.#gates.get(entry.join.room.jid);
    if (gate?.first !== entry) return [];
    gate.first = undefined;
    return gate.waiting.splice(0);
  }

  /** Call this when the first join got no answer. Returns the joins that waited for it. */
  fail(entry: C): readonly C[] {
    const { jid } = entry.join.room;
    const gate = this.#gates.get(jid);
    if (gate?.first !== entry) return [];
    this.#gates.delete(jid);
    return gate.waiting;
  }

  clear(): void {
    this.#gates.clear();
  }
}
