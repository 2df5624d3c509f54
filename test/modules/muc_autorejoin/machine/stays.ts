// What the remote does to our clients, and what our server can know of it: one stay for each client and room.

import type { Clock } from '../../../../src/util/clock.ts';
import type { Element } from '../../../../src/xml/element.ts';
import type { StanzaError } from '../../../../src/xml/errors.ts';
import { splitAddress } from '../../../support/fake-rooms/replies.ts';
import type { Room, Spoken } from '../../../support/fake-rooms/room.ts';
import type { RoomService } from '../../../support/fake-rooms/service.ts';
import type { ClientModel } from './client_model.ts';

/** One client in one room, as the remote and the judge see it. */
export interface Stay {
  /** Position in the room's record from which on the client must get everything. */
  from: number;
  /** From here on it may get everything, if the server asks for history: see `#earliest`. */
  earliest: number;
  /** Positions that nobody can give to the client any more. */
  readonly lost: Set<number>;
  /** A person or a rule has removed the client, or destroyed the room, and the client does not know yet. */
  isExpelled: boolean;
  /** Since the client was last in, the room has said what the client must be told: 5.3, or C1. */
  isFinal: boolean;
  /** 5.3: refusals in a row that are no final ones. */
  refusals: number;
  /** The server has had time to learn what this room is, and where its archive ends. */
  learned: Room | undefined;
  /** When it was let in, by a join of its own. */
  enteredAt: number;
  /** When the server has joined, without refused joins; ms. */
  joins: number[];
  /** The join of the server that is not answered yet. */
  open: { readonly id: string; readonly at: number } | undefined;
}

/** A link must have worked for this long: the server asks rooms 5 s after a join, one room a second. */
const LEARN_MS = 20_000;
/** 5.2: a join asks for whole seconds of history, so that what was said in the first one may be missing. */
const WHOLE_SECOND_MS = 1_000;
/** 5.3: after these, a `conflict` or a locked room is final as well. */
const RETRIES = 3;
const WAIT = new Set(['resource-constraint', 'policy-violation', 'internal-server-error']);

export class Stays {
  readonly #service: RoomService;
  readonly #clock: Clock;
  readonly #clients: () => readonly ClientModel[];
  /** Everything that was ever said in a room, also before it was made anew. */
  readonly #records = new Map<string, Spoken[]>();
  /** The rooms that joins of our server have made. */
  readonly made = new WeakSet<Room>();
  /** By address: the last one that a client of ours was in. */
  readonly #rooms = new Map<string, Room>();
  readonly #stays = new Map<string, Stay>();
  /** What was learned before is too old. */
  #disturbances = 0;
  usesArchive = true;
  note: (line: string) => void = () => {};

  constructor(service: RoomService, clock: Clock, clients: () => readonly ClientModel[]) {
    this.#service = service;
    this.#clock = clock;
    this.#clients = clients;
    service.onSpoken = (room, spoken) => {
      this.record(room.jid).push(spoken);
    };
    service.onEntered = (room, full, join) => this.#entered(room, full, join);
    service.onExpelled = (room, full) => {
      this.of(full, room.jid).isExpelled = true;
    };
    service.onRefused = (presence, error) => this.#refused(presence, error);
    service.onMissed = (stanza) => this.#missed(splitAddress(stanza.attrs.to)[0]);
  }

  record(room: string): Spoken[] {
    const record = this.#records.get(room) ?? [];
    this.#records.set(room, record);
    return record;
  }

  of(full: string, room: string): Stay {
    const key = `${full} ${room}`;
    const stay = this.#stays.get(key) ?? newStay();
    this.#stays.set(key, stay);
    return stay;
  }

  get all(): Iterable<Stay> {
    return this.#stays.values();
  }

  /** A session has ended, and with it everything that was due to its client. */
  ended({ full }: ClientModel): void {
    for (const key of [...this.#stays.keys()]) if (key.startsWith(`${full} `)) this.#stays.delete(key);
  }

  /** A link works badly: questions that were under way may be lost. */
  disturbed(): void {
    this.#disturbances++;
  }

  /** A link has broken, or our server has other code: joins that were under way are sent again (N4, T4). */
  broken(): void {
    this.disturbed();
    for (const stay of this.#stays.values()) stay.open = undefined;
  }

  /** The room has other settings: what was learned of it does not count any more. */
  configured(room: Room): void {
    for (const [full] of room.occupants.everybody()) {
      this.of(full, room.jid).learned = undefined;
      this.#learn(room, full);
    }
  }

  /** C1 and ADR 0038: whether our server knows that it may make this room again. */
  isOpen(jid: string): boolean {
    const room = this.#rooms.get(jid);
    const knows = (client: ClientModel) =>
      client.view(jid).state === 'in' && this.of(client.full, jid).learned === room;
    if (room === undefined || !this.#clients().some(knows)) return false;
    return !room.config.persistent && !room.config.membersOnly;
  }

  #entered(room: Room, full: string, join: Element): void {
    const client = this.#clients().find((candidate) => candidate.full === full);
    if (client === undefined) return;
    const isOwn = client.joinIds.has(join.attrs.id ?? '');
    const stay = this.of(full, room.jid);
    stay.isExpelled = false;
    stay.isFinal = !isOwn && room.isLocked && !this.isOpen(room.jid); // C3: it has to leave again.
    if (!isOwn && room.isLocked) this.made.add(room);
    this.#rooms.set(room.jid, room);
    stay.refusals = 0;
    const record = this.record(room.jid);
    if (isOwn) {
      stay.enteredAt = room.now();
      stay.learned = undefined;
      stay.from = record.length;
      stay.earliest = this.#earliest(client, room);
      stay.lost.clear();
    } else {
      stay.open = undefined;
      const there = this.#obtainable(room, client, stay);
      for (let i = stay.from; i < record.length; i++) if (!there.has(record[i]!)) stay.lost.add(i);
    }
    this.#learn(room, full);
  }

  /**
   * 5.2: where nothing was heard, history is asked for since the client's join. The room lets it in later, and may count
   * whole seconds.
   */
  #earliest({ joinedAt }: ClientModel, room: Room): number {
    const { clockSkewMs, historyFilter } = this.#service.behaviour;
    const roundedMs = historyFilter === 'rounded' ? WHOLE_SECOND_MS : 0;
    const askedAt = (joinedAt.get(room.jid) ?? 0) + clockSkewMs - roundedMs;
    const record = this.record(room.jid);
    return Math.min(record.findLastIndex(({ at }) => at < askedAt) + 1, record.length);
  }

  /** What the room still has, if the server asks for it in the best way. */
  #obtainable(room: Room, client: ClientModel, stay: Stay): Set<Spoken> {
    const isUsed = this.#service.behaviour.archive === 'works' && this.usesArchive;
    // Without the last message before the gap, nothing tells where in the archive it begins.
    const hasAnchor = client.view(room.jid).messages.length > 0 || stay.learned !== undefined;
    // A client that is lost before the archive was asked where it ends begins at the answer.
    const fromMs = isUsed ? LEARN_MS : WHOLE_SECOND_MS;
    const history = room.history.filter(({ at }) => hasAnchor || at >= stay.enteredAt + fromMs);
    return new Set([...(hasAnchor && isUsed ? room.archive.messages : []), ...history]);
  }

  #learn(room: Room, full: string): void {
    const [stay, disturbances] = [this.of(full, room.jid), this.#disturbances];
    this.#clock.after(LEARN_MS, () => {
      const isSame = this.of(full, room.jid) === stay && room.occupants.of(full) !== undefined;
      if (isSame && disturbances === this.#disturbances) stay.learned = room;
    });
  }

  /** C1: a room that may not be made again was not there when our server asked. */
  #missed(jid: string): void {
    if (!this.isOpen(jid)) for (const { full } of this.#clients()) this.of(full, jid).isFinal = true;
  }

  #refused({ attrs: { from = '', to, id } }: Element, { condition, type }: StanzaError): void {
    const [room] = splitAddress(to);
    const stay = this.of(from, room);
    if (stay.open?.id !== id) return;
    this.note(`   ${from} refused by ${room}: ${condition}`);
    stay.open = undefined;
    stay.joins.pop();
    if (type === 'wait' || WAIT.has(condition)) return;
    const isRetried = condition === 'conflict' || condition === 'item-not-found';
    stay.isFinal ||= !isRetried || ++stay.refusals > RETRIES;
  }
}

function newStay(): Stay {
  return {
    from: 0,
    earliest: 0,
    lost: new Set(),
    isExpelled: false,
    isFinal: false,
    refusals: 0,
    learned: undefined,
    enteredAt: 0,
    joins: [],
    open: undefined,
  };
}
