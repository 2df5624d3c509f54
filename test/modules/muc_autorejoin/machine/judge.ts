// What must hold at any time, and what must hold after six quiet minutes.

import type { Clock } from '../../../../src/util/clock.ts';
import { type Element, xml } from '../../../../src/xml/element.ts';
import type { StanzaError } from '../../../../src/xml/errors.ts';
import { NS } from '../../../../src/xml/namespaces.ts';
import { historyFor, refusal } from '../../../support/fake-rooms/entering.ts';
import { type Occupant, shownPresence } from '../../../support/fake-rooms/occupants.ts';
import { splitAddress } from '../../../support/fake-rooms/replies.ts';
import type { Room, Spoken } from '../../../support/fake-rooms/room.ts';
import type { RoomService } from '../../../support/fake-rooms/service.ts';
import type { Person } from '../../../support/fake-rooms/view.ts';
import { isNotice } from '../../../support/module-harness.ts';
import type { ClientModel } from './client_model.ts';

/** One client in one room, as the remote and the judge see it. */
interface Stay {
  /** Position in the room's record from which on the client must get everything. */
  from: number;
  /** From here on it may get everything, if the server asks for history: it was said while the room was asked to let it in. */
  earliest: number;
  /** Positions that nobody can give to the client any more. */
  readonly lost: Set<number>;
  /** A person or a rule has removed the client, or destroyed the room, and the client does not know yet. */
  isExpelled: boolean;
  /** Since the client was last in, a join of the server was refused, or a room that may not be made again was gone. */
  isRefused: boolean;
  /** When the server has joined, without refused joins; ms. */
  joins: number[];
  /** The join of the server that is not answered yet. */
  open: { readonly id: string; readonly at: number } | undefined;
}

/**
 * `notices`: clients are told of losses. `own messages`: those that a link has lost. `archive`: messages that only the archive
 * has.
 */
export type Ignored = 'notices' | 'own messages' | 'archive';

const BUDGET = 3;
const BUDGET_MS = 10 * 60_000;
const BUDGET_GAP_MS = 5 * 60_000;
/** A join is unanswered for this long at least before it counts as lost. */
const ANSWER_MS = 30_000;
/** Joins ask for whole seconds of history, and services round as well. */
const WHOLE_SECONDS_MS = 2_500;
const REPLACED_MS = 15_000;
/** A room that a join of ours has created may be given up again. */
const CREATED_MS = 120_000;

export class Judge {
  readonly #service: RoomService;
  readonly #clock: Clock;
  readonly #clients: () => readonly ClientModel[];
  /** Everything that was ever said in a room, also before it was made anew. */
  readonly #record = new Map<string, Spoken[]>();
  /** A room that is made anew is another one. */
  readonly #saidIn = new WeakMap<Spoken, Room>();
  readonly #stays = new Map<string, Stay>();
  readonly #createdAt = new Map<string, number>();
  /** What is not judged. */
  ignores: ReadonlySet<Ignored> = new Set();
  /** The first thing that was wrong. */
  wrong: string | undefined;
  note: (line: string) => void = () => {};
  onSeen: (client: ClientModel, stanza: Element) => void = () => {};
  /** The rooms that are looked at. */
  rooms: readonly string[] = [];
  notices = 0;
  joins = 0;

  constructor(service: RoomService, clock: Clock, clients: () => readonly ClientModel[]) {
    this.#service = service;
    this.#clock = clock;
    this.#clients = clients;
    service.onSpoken = (room, spoken) => {
      this.#recordOf(room.jid).push(spoken);
      this.#saidIn.set(spoken, room);
    };
    service.onEntered = (room, full, join) => this.#entered(room, full, join);
    service.onExpelled = (room, full) => {
      this.#stay(full, room.jid).isExpelled = true;
    };
    service.onClosed = (room) => this.#closed(room);
    service.onRefused = (presence, error) => this.#refused(presence, error);
  }

  /** Our server sends a stanza to the remote; once for each, however often it is tried. */
  sent(stanza: Element): void {
    if (stanza.name !== 'presence' || stanza.attrs.type !== undefined || !stanza.getChild('x', NS.MUC))
      return;
    const { from = '', to, id = '' } = stanza.attrs;
    const [room, nick] = splitAddress(to);
    const client = this.#clients().find(({ full }) => full === from);
    if (client?.joinIds.has(id)) return;
    this.joins++;
    const view = client?.view(room);
    if (client === undefined || view?.state !== 'in')
      this.blame(`N1: joins ${room} for ${from}, who is not in`);
    else if (view.nick !== nick && client.wanted.get(room) !== nick)
      this.blame(`N2: joins ${room} for ${from} as ${nick}, not ${view.nick}`);
    this.#count(this.#stay(from, room), { id, at: this.now() }, `${room} for ${from}`);
  }

  #count(stay: Stay, join: { readonly id: string; readonly at: number }, what: string): void {
    const recent = stay.joins.filter((at) => at > join.at - BUDGET_MS);
    const last = stay.joins.at(-1) ?? Number.NEGATIVE_INFINITY;
    if (recent.length >= BUDGET && join.at - last < BUDGET_GAP_MS) this.blame(`N3: joins ${what} too often`);
    if (stay.open && join.at - stay.open.at < ANSWER_MS)
      this.blame(`N4: joins ${what} before there is an answer`);
    stay.joins = [...recent, join.at];
    stay.open = join;
  }

  now(): number {
    return this.#clock.now();
  }

  later(task: () => void): void {
    this.#clock.after(0, task);
  }

  /** A link has broken: joins on it are lost. */
  broken(): void {
    for (const stay of this.#stays.values()) stay.open = undefined;
  }

  /** A session has ended, and with it everything that was due to its client. */
  ended(client: ClientModel): void {
    for (const key of [...this.#stays.keys()]) if (key.startsWith(`${client.full} `)) this.#stays.delete(key);
  }

  /** Before a client takes note of a stanza. */
  sees(client: ClientModel, stanza: Element): void {
    this.onSeen(client, stanza);
    const [room, nick] = splitAddress(stanza.attrs.from);
    const x = stanza.getChild('x', NS.MUC_USER);
    if (stanza.name !== 'presence' || x === undefined) return;
    const view = client.view(room);
    const codes = x.getChildren('status').map(({ attrs }) => attrs.code);
    const what = `${client.full} in ${room}`;
    if (stanza.attrs.type === undefined) {
      if (codes.includes('201') && view.state === 'in')
        this.blame(`D7: ${what} is told that the room is new`);
      return;
    }
    if (stanza.attrs.type !== 'unavailable' || !codes.includes('110') || codes.includes('303')) return;
    if (view.state !== 'in') return;
    const stay = this.#stay(client.full, room);
    if (isNotice(stanza)) {
      this.notices++;
      this.note(`   ${what}: notice`);
    }
    // A room's own word for a loss may pass where the server does nothing about it.
    const isLoss = !stay.isExpelled && !this.ignores.has('notices');
    // 3.2: a removal without a reason, while a sibling takes the nick, may be a service's way to replace a client.
    const isReplaced = codes.length === 1 && this.#hasJoiningSibling(client, room);
    if (isLoss && !isReplaced && this.#takes(client, room, nick, stay))
      this.blame(`told of a loss, and the room takes ${what}: ${stanza}`);
    stay.isExpelled = false;
  }

  #hasJoiningSibling({ account, full }: ClientModel, room: string): boolean {
    const siblings = this.#clients().filter((other) => other.account === account && other.full !== full);
    return siblings.some(({ joinedAt }) => (joinedAt.get(room) ?? 0) > this.now() - REPLACED_MS);
  }

  /** Whether the server should have brought the client back instead of telling it. */
  #takes(client: ClientModel, jid: string, nick: string, stay: Stay): boolean {
    const room = this.#service.rooms.get(jid);
    if (room === undefined || stay.isRefused) return false;
    const { peer, isHolding } = this.#service;
    if (!peer.reachable || isHolding) return false;
    if (stay.joins.filter((at) => at > this.now() - BUDGET_MS).length >= BUDGET) return false;
    if (this.now() - (this.#createdAt.get(jid) ?? Number.NEGATIVE_INFINITY) < CREATED_MS) return false;
    const join = xml('presence', { from: client.full, to: `${jid}/${nick}` });
    return room.occupants.of(client.full) !== undefined || refusal(room, join) === undefined;
  }

  #entered(room: Room, full: string, join: Element): void {
    const client = this.#clients().find((candidate) => candidate.full === full);
    if (client === undefined) return;
    const stay = this.#stay(full, room.jid);
    stay.isExpelled = false;
    stay.isRefused = false;
    const record = this.#recordOf(room.jid);
    if (client.joinIds.has(join.attrs.id ?? '')) {
      stay.from = record.length;
      const askedAt = (client.joinedAt.get(room.jid) ?? 0) + this.#service.behaviour.clockSkewMs;
      const early = record.findLastIndex(({ at }) => at < askedAt - WHOLE_SECONDS_MS);
      stay.earliest = Math.min(early + 1, record.length);
      stay.lost.clear();
      return;
    }
    stay.open = undefined;
    if (room.isLocked) this.#createdAt.set(room.jid, this.now());
    // Without a message that the client has got, nothing tells where in the archive its gap begins.
    const hasAnchor = client.view(room.jid).messages.length > 0;
    const there = new Set<Spoken>([...(hasAnchor ? this.#archived(room) : []), ...historyFor(room, join)]);
    for (let i = stay.from; i < record.length; i++) if (!there.has(record[i]!)) stay.lost.add(i);
  }

  #archived(room: Room): readonly Spoken[] {
    const isUsed = this.#service.behaviour.archive === 'works' && !this.ignores.has('archive');
    return isUsed ? room.archive.messages : [];
  }

  /** D10: our server may only make temporary rooms again. */
  #closed({ jid, config }: Room): void {
    if (config.persistent)
      for (const client of this.#clients()) this.#stay(client.full, jid).isRefused = true;
  }

  #refused({ attrs: { from = '', to, id } }: Element, error: StanzaError): void {
    const [room] = splitAddress(to);
    const stay = this.#stay(from, room);
    if (stay.open?.id !== id) return;
    this.note(`   ${from} refused by ${room}: ${error.condition}`);
    stay.isRefused = true;
    stay.open = undefined;
    stay.joins.pop();
  }

  /** After six quiet minutes. `full` and `room` of who is wrong are in the text. */
  check(): void {
    for (const client of this.#clients()) {
      for (const jid of this.rooms) this.#checkStay(client, jid);
      this.#checkWritten(client);
    }
  }

  /** Whether joins of the server were so many lately that it may still wait with the next one. */
  get isBudgetSpent(): boolean {
    const since = this.now() - BUDGET_MS;
    return [...this.#stays.values()].some(({ joins }) => joins.filter((at) => at > since).length >= BUDGET);
  }

  #checkStay(client: ClientModel, jid: string): void {
    const view = client.view(jid);
    const what = `${client.full} in ${jid}`;
    const room = this.#service.rooms.get(jid);
    const occupant = room?.occupants.of(client.full);
    if (view.state === 'joining') this.blame(`${what}: a join without an answer`);
    if (view.state !== 'in') {
      if (occupant) this.blame(`${what}: the room has a client that does not know`);
      return;
    }
    if (room === undefined || occupant === undefined) {
      this.blame(`${what}: the room does not have it, and it does not know`);
      return;
    }
    if (occupant.nick !== view.nick) this.blame(`${what}: is ${occupant.nick}, and believes ${view.nick}`);
    this.#compare(what, 'people', peopleOf(room), Object.fromEntries(view.people));
    this.#compare(what, 'subject', room.subject?.text ?? '', view.subject);
    this.#checkMessages(client, jid);
  }

  #compare(what: string, of: string, truth: unknown, belief: unknown): void {
    const [expected, got] = [stable(truth), stable(belief)];
    if (expected !== got) this.blame(`${what}: other ${of}\n  room:   ${expected}\n  client: ${got}`);
  }

  #checkMessages(client: ClientModel, jid: string): void {
    const stay = this.#stay(client.full, jid);
    const record = this.#recordOf(jid);
    const what = `${client.full} in ${jid}`;
    let position = stay.earliest;
    for (const { body } of client.view(jid).messages) {
      const fits = (spoken: Spoken, i: number) => i >= position && spoken.body === body;
      // A message can have been sent again to a room that was made anew.
      const live = record.findIndex((spoken, i) => fits(spoken, i) && !stay.lost.has(i));
      const found = live < 0 ? record.findIndex(fits) : live;
      if (found < 0) {
        this.blame(`${what}: twice, out of order or never said: ${body}`);
        return;
      }
      this.#checkSkipped(what, record, position, found, stay);
      position = found + 1;
    }
    this.#checkSkipped(what, record, position, record.length, stay);
  }

  #checkSkipped(what: string, record: readonly Spoken[], from: number, to: number, stay: Stay): void {
    for (let i = from; i < to; i++)
      if (i >= stay.from && !stay.lost.has(i)) this.blame(`${what}: has not got ${record[i]!.body}`);
  }

  #checkWritten(client: ClientModel): void {
    for (const { body, room, isRefused, isGivenUp } of client.written.splice(0)) {
      const said = this.#recordOf(room).filter((spoken) => spoken.body === body);
      const count = said.length;
      // What a room has taken before it was gone may be sent to the new one.
      if (count > new Set(said.map((spoken) => this.#saidIn.get(spoken))).size)
        this.blame(`${client.full} in ${room}: sent ${count} times: ${body}`);
      if (count === 0 && !isRefused && !isGivenUp && !this.ignores.has('own messages'))
        this.blame(`${client.full} in ${room}: lost: ${body}`);
    }
  }

  blame(wrong: string): void {
    this.note(`WRONG: ${wrong}`);
    this.wrong ??= wrong;
  }

  #recordOf(room: string): Spoken[] {
    const record = this.#record.get(room) ?? [];
    this.#record.set(room, record);
    return record;
  }

  #stay(full: string, room: string): Stay {
    const key = `${full} ${room}`;
    const stay = this.#stays.get(key) ?? {
      from: 0,
      earliest: 0,
      lost: new Set(),
      isExpelled: false,
      isRefused: false,
      joins: [],
      open: undefined,
    };
    this.#stays.set(key, stay);
    return stay;
  }
}

/** Who is in a room, as it must look to each of its clients. */
export function peopleOf(room: Room): Record<string, Person> {
  const person = (occupant: Occupant): Person => {
    const children = shownPresence(occupant).filter((child) => typeof child !== 'string');
    const text = (name: string) => children.find((child) => child.name === name)?.text();
    return {
      show: text('show'),
      status: text('status'),
      role: occupant.role,
      affiliation: room.affiliation(occupant.account),
    };
  };
  return Object.fromEntries([...room.occupants].map((occupant) => [occupant.nick, person(occupant)]));
}

/** As text, with the keys in order. */
function stable(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'nothing';
  const entries = Object.entries(value as Record<string, unknown>).filter(([, inner]) => inner !== undefined);
  const sorted = entries.toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${sorted.map(([key, inner]) => `${key}: ${stable(inner)}`).join(', ')}}`;
}
