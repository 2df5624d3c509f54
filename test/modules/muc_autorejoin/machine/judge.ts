// What must hold at any time, and what must hold after six quiet minutes.

import type { Clock } from '../../../../src/util/clock.ts';
import { type Element, xml } from '../../../../src/xml/element.ts';
import { NS } from '../../../../src/xml/namespaces.ts';
import { refusal } from '../../../support/fake-rooms/entering.ts';
import { type Occupant, shownPresence } from '../../../support/fake-rooms/occupants.ts';
import { splitAddress } from '../../../support/fake-rooms/replies.ts';
import type { Room, Spoken } from '../../../support/fake-rooms/room.ts';
import type { RoomService } from '../../../support/fake-rooms/service.ts';
import type { Person } from '../../../support/fake-rooms/view.ts';
import { isNotice } from '../../../support/module-harness.ts';
import type { ClientModel } from './client_model.ts';
import { type Stay, Stays } from './stays.ts';

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
/** 3.2: a client of the same account that has joined under the same nick this long before may have replaced the other. */
const REPLACED_MS = 10_000;

export class Judge {
  readonly #service: RoomService;
  readonly #clock: Clock;
  readonly #clients: () => readonly ClientModel[];
  readonly stays: Stays;
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
    this.stays = new Stays(service, clock, clients);
  }

  /** Our server sends a stanza to the remote; once for each, however often it is tried. */
  sent(stanza: Element): void {
    if (stanza.attrs.type === 'unavailable') this.#leaves(stanza);
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
    else if (view.nick !== nick) this.blame(`N2: joins ${room} for ${from} as ${nick}, not ${view.nick}`);
    this.#count(this.stays.of(from, room), { id, at: this.now() }, `${room} for ${from}`);
  }

  /** ADR 0038: a room that our server has made, and that does not answer for 10 s, is left again, and its lost clients are told. */
  #leaves({ attrs: { from, to } }: Element): void {
    const [jid] = splitAddress(to);
    const room = this.#service.rooms.get(jid);
    if (room === undefined || !this.#service.isHolding || !this.stays.made.has(room)) return;
    const isIn = (client: ClientModel) => client.view(jid).state === 'in';
    if (!this.#clients().some((client) => client.full === from && isIn(client))) return;
    for (const { full } of this.#clients())
      if (full === from || room.occupants.of(full) === undefined) this.stays.of(full, jid).isFinal = true;
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
      const isOwn = client.joinIds.has(stanza.attrs.id ?? '');
      if (codes.includes('201') && view.state === 'in' && !isOwn)
        this.blame(`D7: ${what} is told that the room is new`);
      return;
    }
    if (stanza.attrs.type !== 'unavailable' || !codes.includes('110') || codes.includes('303')) return;
    if (view.state !== 'in') return;
    const stay = this.stays.of(client.full, room);
    if (isNotice(stanza)) {
      this.notices++;
      this.note(`   ${what}: notice`);
    }
    const isLoss = !stay.isExpelled && !this.ignores.has('notices');
    const isReplaced = codes.length === 1 && this.#hasNewSibling(client, room, nick);
    if (isLoss && !isReplaced && this.#takes(client, room, nick, stay))
      this.blame(`told of a loss, and the room takes ${what}: ${stanza}`);
    stay.isExpelled = false;
  }

  #hasNewSibling({ account, full }: ClientModel, room: string, nick: string): boolean {
    const siblings = this.#clients().filter((other) => other.account === account && other.full !== full);
    return siblings.some(
      (other) =>
        other.view(room).nick === nick && (other.joinedAt.get(room) ?? 0) >= this.now() - REPLACED_MS,
    );
  }

  /** Whether the server should have brought the client back instead of telling it. */
  #takes(client: ClientModel, jid: string, nick: string, stay: Stay): boolean {
    const room = this.#service.rooms.get(jid);
    if (stay.isFinal) return false;
    // N3: what loses the client again and again is left alone.
    if (stay.joins.filter((at) => at > this.now() - BUDGET_MS).length >= BUDGET) return false;
    if (room === undefined) return this.stays.isOpen(jid);
    const join = xml('presence', { from: client.full, to: `${jid}/${nick}` });
    return room.occupants.of(client.full) !== undefined || refusal(room, join) === undefined;
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
    return [...this.stays.all].some(({ joins }) => joins.filter((at) => at > since).length >= BUDGET);
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
    const stay = this.stays.of(client.full, jid);
    const record = this.stays.record(jid);
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
      const said = this.stays.record(room).filter((spoken) => spoken.body === body);
      if (said.length > 1) this.blame(`${client.full} in ${room}: sent ${said.length} times: ${body}`);
      if (said.length === 0 && !isRefused && !isGivenUp && !this.ignores.has('own messages'))
        this.blame(`${client.full} in ${room}: lost: ${body}`);
    }
  }

  blame(wrong: string): void {
    this.note(`WRONG: ${wrong}`);
    this.wrong ??= wrong;
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
