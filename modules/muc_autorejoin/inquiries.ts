// What rooms say about themselves, learned from answers to clients, or asked for a little after the first join.

import {
  type C2SSession,
  type IqAnswer,
  NS,
  newId,
  PacedQueue,
  ResettableTimer,
  type StanzaEvent,
  xml,
} from 'enjamb/api';
import type { Archives } from './archives.ts';
import type { Context } from './context.ts';
import { factsIn } from './facts.ts';
import type { Place, RoomMemory } from './memory.ts';

/** After the first join: the client may ask itself. */
const DELAY_MS = 5_000;
const PER_SECOND = 1;

interface Queue {
  readonly paced: PacedQueue<RoomMemory>;
  readonly timer: ResettableTimer;
}

export class Inquiries {
  readonly #context: Context;
  readonly #archives: Archives;
  /** By remote. */
  readonly #queues = new Map<string, Queue>();
  /** Rooms that will be asked. */
  readonly #planned = new WeakSet<RoomMemory>();
  /** Rooms that have changed since they said what they are. */
  readonly #stale = new WeakSet<RoomMemory>();

  /** @param archives to be asked where a room begins */
  constructor(context: Context, archives: Archives) {
    this.#context = context;
    this.#archives = archives;
  }

  /** A client has been let in. */
  entered({ room }: Place): void {
    if (room.facts === undefined && !this.#planned.has(room)) this.#plan(room);
  }

  /** The room has other settings now (XEP-0045 §10.2.1). */
  configured(room: RoomMemory): void {
    this.#stale.add(room); // Until it answers, what it has said before counts.
    if (!this.#planned.has(room)) this.#plan(room);
  }

  #plan(room: RoomMemory): void {
    this.#planned.add(room);
    this.#context.after(DELAY_MS, () => this.#enqueue(room));
  }

  /** A client asks a room about itself. */
  follow(event: Readonly<StanzaEvent<C2SSession>>): void {
    const { stanza, to, origin } = event;
    const room = origin.state.mucPlaces?.get(to.bare)?.room;
    const query = room && stanza.getChild('query', NS.DISCO_INFO);
    if (query === undefined || query.attrs.node !== undefined || to.resource !== undefined) return;
    this.#context.module.followIq(event, (answer) => {
      this.learn(room!, answer);
    });
  }

  /** Reads the answer to disco#info. */
  learn(room: RoomMemory, answer: IqAnswer): void {
    if (answer.kind !== 'answer') return;
    room.facts = factsIn(answer.stanza, this.#context.rooms.seed) ?? room.facts;
    this.#archives.findEnd([...room.places].find(({ heard, self }) => self && heard === undefined));
  }

  #enqueue(room: RoomMemory): void {
    const { paced, timer } = this.#queues.get(room.domain) ?? this.#open(room.domain);
    paced.push(room.domain, room);
    timer.bringForward(0);
  }

  #open(remote: string): Queue {
    const { clock } = this.#context;
    const paced = new PacedQueue<RoomMemory>({ perSecond: PER_SECOND, laneGapMs: 0, clock });
    const queue = { paced, timer: new ResettableTimer(clock) };
    this.#queues.set(remote, queue);
    queue.timer.set(0, () => this.#drain(remote, queue));
    return queue;
  }

  #drain(remote: string, queue: Queue): void {
    const waitMs = queue.paced.drain((room) => this.#ask(room));
    if (waitMs === undefined) this.#queues.delete(remote);
    else queue.timer.set(waitMs, () => this.#drain(remote, queue));
  }

  #ask(room: RoomMemory): void {
    const [place] = room.places;
    this.#planned.delete(room);
    const isKnown = room.facts !== undefined && !this.#stale.delete(room);
    if (isKnown || place === undefined) return;
    const iq = infoRequest(place);
    const onAnswer = (answer: IqAnswer) => this.learn(room, answer);
    try {
      this.#context.module.askIq(iq, { overhead: true, onAnswer });
    } catch (error) {
      this.#context.module.report(error, { room: room.jid }); // Too many requests are pending.
    }
  }
}

/** XEP-0045 §6.4, in the name of an occupant. */
export function infoRequest({ session, room }: Place) {
  const attrs = { type: 'get', id: newId(), from: `${session.jid}`, to: room.jid };
  return xml('iq', attrs, xml('query', NS.DISCO_INFO));
}
