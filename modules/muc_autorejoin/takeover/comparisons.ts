// Asks a room about itself and its members when it has let a client in again, once for all clients of ours, since none of them
// was told of changes meanwhile. `changes.ts` passes on the differences.

import { type Element, type IqAnswer, inChunks, NS, xml } from 'enjamb/api';
import type { Rejoining } from '../answer/rejoining.ts';
import type { Rejoins } from '../join/rejoins.ts';
import type { Place, RoomMemory } from '../memory/memory.ts';
import type { Inquiries } from '../settings/inquiries.ts';
import { compareLists, jidsIn, LISTS, type List, membershipOf } from '../settings/members.ts';
import type { Context } from '../shared/context.ts';
import { infoRequest, iqOf, request } from '../shared/requests.ts';

/** How long clients wait for the room. */
const ANSWER_MS = 10_000;
/** The time for which the answers serve other clients of the room. */
const KEPT_MS = 60_000;

/** An answered request. The room tells the client `by` of all later changes. */
interface Asked {
  readonly by: Place;
  readonly at: number;
}

export class Comparisons {
  readonly #context: Context;
  readonly #rejoins: Rejoins;
  readonly #inquiries: Inquiries;
  readonly #asked = new WeakMap<RoomMemory, Asked>();

  constructor(context: Context, rejoins: Rejoins, inquiries: Inquiries) {
    this.#context = context;
    this.#rejoins = rejoins;
    this.#inquiries = inquiries;
  }

  /** A room lets a client in again. The client waits for the answers. */
  begin(place: Place, rejoining: Rejoining): void {
    const { room } = place;
    if (this.#isCurrent(room)) return;
    const asked = { by: place, at: this.#context.now() };
    const { seq: since } = room;
    const lists = new Map<List, ReadonlySet<string>>();
    const wanted = room.members === undefined ? [] : LISTS;
    const isUseful = wanted.length > 0 || room.facts !== undefined;
    const goOn = isUseful ? this.#rejoins.catchUp.wait(place, rejoining) : () => {};
    let pending = 1 + wanted.length;
    const answered = () => {
      if (--pending > 0 || place.state === 'lost' || place.state === 'joining') return;
      if (wanted.length > 0 && !this.#compare(room, lists, since)) return this.#fail(place);
      this.#asked.set(room, asked);
      goOn();
    };
    this.#ask(infoRequest(place), (answer) => {
      this.#inquiries.learn(room, answer);
      answered();
    });
    for (const list of wanted) {
      this.#ask(listRequest(place, list), (answer) => {
        const jids = answer.kind === 'answer' ? jidsIn(answer.stanza) : undefined;
        if (jids) lists.set(list, jids);
        answered();
      });
    }
  }

  /** The room is new and has just answered disco#info: there is nothing to compare. */
  skip(place: Place): void {
    this.#asked.set(place.room, { by: place, at: this.#context.now() });
  }

  #isCurrent(room: RoomMemory): boolean {
    const { joins, now } = this.#context;
    const asked = this.#asked.get(room);
    if (asked === undefined || now() - asked.at > KEPT_MS) return false;
    const { state, join } = asked.by;
    const isIn = room.places.has(asked.by) && (state === 'in' || state === 'catching-up');
    return isIn && join.state !== 'gone' && (joins.domain(room.domain)?.brokenAt ?? 0) < asked.at;
  }

  /** Returns false if the members are unknown. */
  #compare(room: RoomMemory, lists: ReadonlyMap<List, ReadonlySet<string>>, since: number): boolean {
    if (room.members === undefined) return !room.isLarge; // It is no private group any more.
    const changed =
      lists.size < LISTS.length ? undefined : compareLists(this.#context.rooms, room, lists, since);
    const others = [...room.places].filter(({ state, self }) => state === 'in' && self);
    inChunks(pairsOf(others, changed ?? []), this.#context.after, (chunk) => {
      for (const [place, jid] of chunk)
        if (room.members && room.places.has(place)) place.session.send(membershipOf(place, jid));
    });
    return changed !== undefined;
  }

  /** Tells the client of the loss: it would encrypt to removed members, and reads the lists when it joins itself. */
  #fail(place: Place): void {
    this.#context.metrics.rejoins.of('members unknown').add();
    if (place.state !== 'catching-up') return;
    if (this.#context.module.link(place.room.domain).state === 'up') this.#rejoins.leaveRoom(place, 'lost');
    else this.#rejoins.loseAgain(place);
  }

  #ask(iq: Element, onAnswer: (answer: IqAnswer) => void): void {
    request(this.#context, iq, { timeoutMs: ANSWER_MS, onAnswer });
  }
}

/** XEP-0045 §9.5, §10.5, §10.8. */
function listRequest(place: Place, affiliation: List): Element {
  return iqOf(place, 'get', xml('query', NS.MUC_ADMIN, xml('item', { affiliation })));
}

function* pairsOf<A, B>(some: readonly A[], others: readonly B[]): Generator<[A, B]> {
  for (const one of some) for (const other of others) yield [one, other];
}
