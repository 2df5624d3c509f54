// Of each room one client is asked about first: if the room is no more, one ping and one question settle it for all.

import type { Case } from './case.ts';
import type { RoomFacts } from './verdict.ts';

interface Gate {
  /** Who asks for all; `undefined` once the room is known to be there. */
  first: Case | undefined;
  facts: RoomFacts | undefined;
  readonly waiting: Case[];
}

export class Rooms {
  readonly #gates = new Map<string, Gate>();

  /** This case asks, whoever else does. */
  claim(subject: Case): void {
    const { jid } = subject.join.room;
    if (!this.#gates.has(jid)) this.#gates.set(jid, { first: subject, facts: undefined, waiting: [] });
  }

  /** Whether this case may ask now; else it waits for its room. */
  admits(subject: Case): boolean {
    this.claim(subject);
    const gate = this.#gates.get(subject.join.room.jid)!;
    if (gate.first === undefined || gate.first === subject) return true;
    gate.waiting.push(subject);
    return false;
  }

  facts(room: string): RoomFacts | undefined {
    return this.#gates.get(room)?.facts;
  }

  learn(room: string, facts: RoomFacts | undefined): void {
    const gate = this.#gates.get(room);
    if (gate && facts) gate.facts = facts;
  }

  /** The room is there: gives the cases that have waited for it. Nothing if `subject` was not the one who asks. */
  open(subject: Case): readonly Case[] {
    const gate = this.#gates.get(subject.join.room.jid);
    if (gate?.first !== subject) return [];
    gate.first = undefined;
    return gate.waiting.splice(0);
  }

  /** The room's first client did not learn anything: gives those who have waited in vain. */
  fail(subject: Case): readonly Case[] {
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
