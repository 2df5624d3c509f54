// Learns the facts of rooms from answers to clients, or asks for them a little after the first join.

import {
  type C2SSession,
  type IqAnswer,
  NS,
  PacedQueue,
  ResettableTimer,
  type Stanza,
  type StanzaEvent,
} from 'enjamb/api';
import { ownAfter, type Rejoining } from '../answer/rejoining.ts';
import type { Archives } from '../gap/archives.ts';
import { factsIn } from '../memory/facts.ts';
import { codesIn, mucUserIn } from '../memory/losses.ts';
import type { Place, RoomMemory } from '../memory/memory.ts';
import { isConfiguration } from '../memory/messages.ts';
import type { Context } from '../shared/context.ts';
import { infoRequest, request } from '../shared/requests.ts';
import { withSettings } from './changes.ts';
import { jidsIn, listIn, noteItem, readList, see } from './members.ts';

/** The pause after the first join, in which the client may ask itself. */
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
  /** Rooms whose settings have changed since their last answer. */
  readonly #stale = new WeakSet<RoomMemory>();

  /** @param archives to be asked for the last message of a room */
  constructor(context: Context, archives: Archives) {
    this.#context = context;
    this.#archives = archives;
  }

  /** A room has let a client in. */
  entered({ room }: Place): void {
    if (room.facts === undefined && !this.#planned.has(room)) this.#plan(room);
  }

  /** A new room has the address of the old one, whose facts are void. */
  replaced(place: Place): void {
    place.room.facts = undefined;
    this.entered(place);
  }

  /** The room itself sends a message: about its settings (XEP-0045 §10.2.1), or about a user who is not in it (§10.6). */
  announced(place: Place, rejoining: Rejoining | undefined, message: Stanza): void {
    const x = message.attrs.type === 'error' ? undefined : mucUserIn(message);
    if (x === undefined) return;
    noteItem(this.#context.rooms, place, rejoining, x);
    const codes = codesIn(x);
    if (!isConfiguration(codes)) return;
    this.#noteSettings(place, rejoining, codes);
    see(rejoining ?? place, this.#configured(place.room));
  }

  /** The message changes what the client knows of its own presence, when it is sent it. */
  #noteSettings(place: Place, rejoining: Rejoining | undefined, codes: readonly string[]): void {
    const known = ownAfter(place, rejoining);
    const self = known && withSettings(known, codes);
    if (rejoining === undefined) place.self = self;
    else if (place.state === 'catching-up') rejoining.self = self; // Else the answer has the settings.
  }

  /** Returns the `seq` of the change. */
  #configured(room: RoomMemory): number {
    if (!this.#stale.has(room)) room.settingsSeq = ++room.seq; // Else the same message, to another client.
    this.#stale.add(room); // The old facts count until it answers.
    if (!this.#planned.has(room)) this.#plan(room);
    return room.settingsSeq;
  }

  #plan(room: RoomMemory): void {
    this.#planned.add(room);
    this.#context.after(DELAY_MS, () => this.#enqueue(room));
  }

  /** A client asks a room about itself, or about its members. */
  follow(event: Readonly<StanzaEvent<C2SSession>>): void {
    const { stanza, to, origin } = event;
    const room = origin.state.mucPlaces?.get(to.bare)?.room;
    if (room === undefined) return;
    const { module, rooms } = this.#context;
    const info = stanza.getChild('query', NS.DISCO_INFO);
    if (info && info.attrs.node === undefined) module.followIq(event, (answer) => this.learn(room, answer));
    const list = room.facts && !room.facts.isPrivateGroup ? undefined : listIn(stanza);
    if (list === undefined) return;
    module.followIq(event, (answer) => {
      const jids = answer.kind === 'answer' ? jidsIn(answer.stanza) : undefined;
      if (jids) readList(rooms, room, list, jids);
    });
  }

  /** Reads the answer to disco#info. */
  learn(room: RoomMemory, answer: IqAnswer): void {
    const isAnnounced = this.#stale.delete(room);
    const facts = answer.kind === 'answer' ? factsIn(answer.stanza, this.#context.rooms.seed) : undefined;
    if (facts === undefined) return;
    if (room.facts && room.facts.print !== facts.print && !isAnnounced) room.settingsSeq = ++room.seq;
    room.facts = facts;
    if (!facts.isPrivateGroup) this.#context.rooms.forgetMembers(room);
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
    const isKnown = room.facts !== undefined && !this.#stale.has(room);
    if (isKnown || place === undefined) return;
    const learn = (answer: IqAnswer) => this.learn(room, answer);
    request(this.#context, infoRequest(place), { overhead: true, onAnswer: learn, onLate: learn });
  }
}
