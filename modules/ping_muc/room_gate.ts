// Of each room one join is asked about first: if the room does not exist, one ping and one question settle all its joins.

import type { Join } from './context.ts';
import type { RoomFacts } from './verdict.ts';

interface InRoom {
  readonly join: Join;
}

interface Gate<C> {
  /** The case that is asked about for all; `undefined` once the room is known to exist. */
  first: C | undefined;
  facts: RoomFacts | undefined;
  readonly waiting: C[];
}

export class RoomGates<C extends InRoom> {
  readonly #gates = new Map<string, Gate<C>>();

  /** Makes this case the first of its room, if the room has none. */
  claim(subject: C): void {
    const { jid } = subject.join.room;
    if (!this.#gates.has(jid)) this.#gates.set(jid, { first: subject, facts: undefined, waiting: [] });
  }

  /** Whether this case may be asked about now. Otherwise it waits for the first of its room. */
  admits(subject: C): boolean {
    this.claim(subject);
    const gate = this.#gates.get(subject.join.room.jid)!;
    if (gate.first === undefined || gate.first === subject) return true;
    gate.waiting.push(subject);
    return false;
  }

  /** What the room has said about itself. */
  facts(room: string): RoomFacts | undefined {
    return this.#gates.get(room)?.facts;
  }

  learn(room: string, facts: RoomFacts | undefined): void {
    const gate = this.#gates.get(room);
    if (gate && facts) gate.facts = facts;
  }

  /** The room exists. Returns the cases that have waited for it; none unless `subject` is the first of its room. */
  open(subject: C): readonly C[] {
    const gate = this.#gates.get(subject.join.room.jid);
    if (gate?.first !== subject) return [];
    gate.first = undefined;
    return gate.waiting.splice(0);
  }

  /** The first of the room brought no answer. Returns the cases that have waited for it. */
  fail(subject: C): readonly C[] {
    const { jid } = subject.join.room;
    const gate = this.#gates.get(jid);
    if (gate?.first !== subject) return [];
    this.#gates.delete(jid);
    return gate.waiting;
  }

  clear(): void {
    this.#gates.clear();
  }
}
