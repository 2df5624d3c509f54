// A room service on another server: a plain state machine that follows XEP-0045, and does otherwise where `behaviour` says
// so. It acts only when a stanza arrives, when a test calls it, or when a delay that a test asked for is over.
//
//   behaviour.ts  the differences between services      room.ts      one room
//   faults.ts     restarts, losses, floods              resident.ts  clients of the other server, which see everything

import type { Clock } from '../../../src/util/clock.ts';
import { type Element, xml } from '../../../src/xml/element.ts';
import { StanzaError } from '../../../src/xml/errors.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import type { Harness, HarnessPeer } from '../module-harness.ts';
import { type Behaviour, correctBehaviour } from './behaviour.ts';
import { conflict, enter, passedOn, refuse } from './entering.ts';
import { accountOf, failure, splitAddress } from './replies.ts';
import { answer } from './requests.ts';
import { Room, type RoomConfig, type Spoken } from './room.ts';

export interface ServiceOptions {
  readonly domain?: string;
  readonly behaviour?: Partial<Behaviour>;
}

export class RoomService {
  readonly domain: string;
  readonly peer: HarnessPeer;
  readonly behaviour: Behaviour;
  readonly rooms = new Map<string, Room>();
  /** The clients that are not on our server, by full JID. They get their stanzas in the same tick. */
  readonly residents = new Map<string, { take(stanza: Element): void }>();
  /** What tests watch. */
  onSpoken: (room: Room, spoken: Spoken) => void = () => {};
  onEntered: (room: Room, full: string, join: Element) => void = () => {};
  onRefused: (presence: Element, error: StanzaError) => void = () => {};
  onExpelled: (room: Room, full: string) => void = () => {};
  /** A stanza was addressed to a room that does not exist. */
  onMissed: (stanza: Element) => void = () => {};
  readonly #clock: Clock;
  readonly #destroyed = new Map<string, string>();
  #lastId = 0;
  #occupantSeed = 0;
  /** The last stanza of each room to each of our clients, and when it arrives; ms of `elapsed`. */
  readonly #underWay = new Map<string, { readonly stanza: Element; readonly until: number }>();
  /** Between the service and our server: nothing passes while this is set. */
  #held: { readonly stanza: Element; readonly isOurs: boolean }[] | undefined;

  constructor(
    harness: Harness<Clock>,
    { domain = 'rooms.capulet.lit', behaviour = {} }: ServiceOptions = {},
  ) {
    this.domain = domain;
    this.behaviour = { ...correctBehaviour(), ...behaviour };
    this.#clock = harness.clock;
    this.peer = harness.peer(domain);
    this.peer.onStanza = (stanza) => {
      if (this.#held) this.#held.push({ stanza, isOurs: true });
      else this.take(stanza);
    };
    this.peer.onLost = (stanza) => this.#undelivered(stanza);
    const closeIn = this.peer.closeIn.bind(this.peer);
    this.peer.closeIn = (cause, error) => {
      closeIn(cause, error);
      this.#returnUnderWay();
    };
  }

  /** A room that exists before anybody enters it. */
  room(name: string, config: Partial<RoomConfig> = {}): Room {
    const jid = `${name}@${this.domain}`;
    const room = this.rooms.get(jid) ?? new Room(this, jid, config);
    this.rooms.set(jid, room);
    return room;
  }

  now(): number {
    return this.#clock.now();
  }

  newId(): string {
    return `id${++this.#lastId}`;
  }

  later(delayMs: number, task: () => void): void {
    if (delayMs === 0) task();
    else this.#clock.after(delayMs, task);
  }

  /** XEP-0421: stable for an account in a room. */
  occupantId(room: Room, account: string): string {
    return `occupant ${this.#occupantSeed} ${room.jid} ${account}`;
  }

  /** From now on all occupants have other ids. */
  renewOccupantIds(): void {
    this.#occupantSeed++;
  }

  /** From the service to a client. */
  deliver(stanza: Element): void {
    const resident = this.residents.get(stanza.attrs.to ?? '');
    if (resident) resident.take(stanza);
    else if (this.#held) this.#held.push({ stanza, isOurs: false });
    else this.#say(stanza);
  }

  #say(stanza: Element): void {
    this.#underWay.set(`${stanza.attrs.to} ${splitAddress(stanza.attrs.from)[0]}`, {
      stanza,
      until: this.#clock.elapsed() + this.peer.roundTripMs / 2,
    });
    this.peer.says(stanza);
  }

  /** What is under way when the link breaks comes back immediately: nothing later reaches a client that has missed it. */
  #returnUnderWay(): void {
    const underWay = [...this.#underWay.values()].filter(({ until }) => until >= this.#clock.elapsed());
    this.#underWay.clear();
    for (const { stanza } of underWay) this.#undelivered(stanza);
  }

  /** From a client to the service. */
  take(stanza: Element): void {
    if (!this.rooms.has(splitAddress(stanza.attrs.to)[0])) this.onMissed(stanza);
    if (stanza.name === 'presence') this.#presence(stanza);
    else if (stanza.name === 'message') this.#message(stanza);
    else this.#answer(stanza);
  }

  /** Delays everything that passes between the service and our server. */
  hold(): void {
    this.#held ??= [];
  }

  /** Everything that was held arrives, each direction in order; or nothing does, because the link broke. */
  release(isLost = false): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const { stanza, isOurs } of held) {
      if (isOurs) continue;
      if (isLost) this.#undelivered(stanza);
      else this.#say(stanza);
    }
    // These may be answered, behind everything that the service has sent before.
    if (!isLost) for (const { stanza, isOurs } of held) if (isOurs) this.take(stanza);
  }

  get isHolding(): boolean {
    return this.#held !== undefined;
  }

  entered(room: Room, full: string, join: Element): void {
    this.onEntered(room, full, join);
  }

  refused(join: Element, error: StanzaError): void {
    this.onRefused(join, error);
  }

  expelled(room: Room, full: string): void {
    this.onExpelled(room, full);
  }

  /** §10.9: the room is gone. With `tombstone`, a join is answered by `gone` (§7.2.11 leaves that open). */
  close(room: Room, tombstone?: string): void {
    if (this.rooms.get(room.jid) === room) this.rooms.delete(room.jid);
    if (tombstone !== undefined) this.#destroyed.set(room.jid, tombstone);
  }

  /** §7.14: a temporary room ends with its last occupant. */
  closeIfEmpty(room: Room): void {
    if (room.occupants.clients === 0 && !room.config.persistent) this.close(room);
  }

  #presence(stanza: Element): void {
    const [jid, nick] = splitAddress(stanza.attrs.to);
    const full = stanza.attrs.from ?? '';
    const room = this.rooms.get(jid);
    const occupant = room?.occupants.of(full);
    const { type } = stanza.attrs;
    if (type === 'error' || type === 'unavailable') {
      if (room && occupant) room.remove(full, type === 'error' ? { codes: this.behaviour.errorRemoval } : {});
    } else if (type === 'probe') this.#probe(stanza, room);
    else if (type !== undefined) return;
    else if (stanza.getChild('x', NS.MUC)) this.later(this.behaviour.joinDelayMs, () => this.#join(stanza));
    else if (room === undefined || occupant === undefined) this.#stranger(stanza, room);
    else if (occupant.nick === nick || nick === '') {
      room.occupants.seat(occupant, full, passedOn(stanza));
      room.show(occupant);
    } else this.#changeNick(room, full, nick, stanza);
  }

  #join(join: Element): void {
    const [jid] = splitAddress(join.attrs.to);
    const full = join.attrs.from ?? '';
    const existing = this.rooms.get(jid);
    const venue = this.#destroyed.get(jid);
    const error = this.behaviour.refuseJoin(join);
    if (error) refuse(this, join, error);
    else if (existing) enter(existing, join, false);
    else if (venue !== undefined) refuse(this, join, new StanzaError('gone'));
    else if (!this.behaviour.createsRooms) refuse(this, join, new StanzaError('item-not-found'));
    else {
      const room = this.newRoom(jid);
      room.affiliations.set(accountOf(full), 'owner');
      room.isLocked = this.behaviour.locksNewRooms;
      enter(room, join, true);
    }
  }

  /** §10.1.1. What new rooms are like is the test's to say. */
  newRoom: (jid: string) => Room = (jid) => this.room(jid.split('@')[0]!, { persistent: false });

  #changeNick(room: Room, full: string, nick: string, presence: Element): void {
    const error = conflict(room, full, nick);
    if (error) refuse(this, presence, error);
    else room.changeNick(full, nick, passedOn(presence));
  }

  /** §7.2.18. */
  #stranger(stanza: Element, room: Room | undefined): void {
    const { strangers } = this.behaviour;
    if (strangers === 'error') {
      this.deliver(failure(stanza, room ? 'not-acceptable' : 'item-not-found', { type: 'cancel' }));
    } else if (strangers === 'kick') {
      const codes = ['110', '307', '333'].map((code) => xml('status', { code }));
      const item = xml('item', { affiliation: 'none', role: 'none' });
      const { from, to } = stanza.attrs;
      this.deliver(
        xml('presence', { type: 'unavailable', from: to, to: from }, xml('x', NS.MUC_USER, item, ...codes)),
      );
    }
  }

  /** §17.3: a room may answer probes. */
  #probe(stanza: Element, room: Room | undefined): void {
    const full = stanza.attrs.from ?? '';
    const occupant = room?.occupants.of(full);
    if (room && occupant) room.showTo(full, occupant);
    else this.deliver(failure(stanza, room ? 'not-acceptable' : 'item-not-found', { type: 'cancel' }));
  }

  #message(stanza: Element): void {
    const [jid, nick] = splitAddress(stanza.attrs.to);
    const room = this.rooms.get(jid);
    const from = room?.occupants.of(stanza.attrs.from ?? '');
    const { type } = stanza.attrs;
    if (type === 'error') {
      if (room && from) room.remove(stanza.attrs.from!, { codes: this.behaviour.errorRemoval });
    } else if (room === undefined) this.deliver(failure(stanza, 'item-not-found', { by: this.domain }));
    else if (from === undefined) this.deliver(failure(stanza, 'not-acceptable', { by: jid }));
    else if (type === 'groupchat') {
      const subject = stanza.getChild('subject');
      const isSubject = subject !== undefined && !stanza.getChild('body');
      if (from.role === 'visitor')
        this.deliver(failure(stanza, 'forbidden', { by: jid })); // §7.4
      else if (isSubject) room.changeSubject(from, subject.text(), stanza.attrs.id);
      else room.say(from, stanza);
    } else this.#private(room, from.nick, nick, stanza);
  }

  /** §7.5. */
  #private(room: Room, from: string, to: string, stanza: Element): void {
    const recipient = room.occupants.named(to);
    if (recipient === undefined) {
      this.deliver(failure(stanza, 'item-not-found', { by: room.jid }));
      return;
    }
    for (const full of recipient.clients.keys())
      this.deliver(stanza.with({ from: `${room.jid}/${from}`, to: full }).plus(xml('x', NS.MUC_USER)));
  }

  #answer(iq: Element): void {
    const reply = answer(this, iq);
    if (reply) this.deliver(reply);
  }

  /** A stanza for one of our clients has come back: the client is out of the room (§18.1.2). */
  #undelivered({ name, attrs: { from, to, type } }: Element): void {
    if (name === 'iq' || type === 'error') return;
    const room = this.rooms.get(splitAddress(from)[0]);
    if (room?.occupants.of(to ?? '')) room.remove(to!, { codes: this.behaviour.errorRemoval });
  }
}
