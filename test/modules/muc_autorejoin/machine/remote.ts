// The remote of the machine: a service with three rooms, its own clients, and the link with our server.

import type { Timer } from '../../../../src/util/clock.ts';
import type { Element } from '../../../../src/xml/element.ts';
import { type Restart, restart } from '../../../support/fake-rooms/faults.ts';
import { Resident } from '../../../support/fake-rooms/resident.ts';
import type { Room } from '../../../support/fake-rooms/room.ts';
import { RoomService } from '../../../support/fake-rooms/service.ts';
import type { Harness } from '../../../support/module-harness.ts';
import { CLIENTS, nameOf, nickOf, RESIDENTS } from './cast.ts';
import { peopleOf } from './judge.ts';
import type { Setting } from './steps.ts';

const DOMAIN = 'rooms.capulet.lit';
/** How long a dead stream stays unnoticed. */
const DEAD_MS = 60_000;
/** An outage ends by itself at last. */
const OUTAGE_MS = 15 * 60_000;
/** Residents whose room was lost are back within this time. */
const RETURN_MS = 50_000;

export class Remote {
  readonly service: RoomService;
  readonly residents: readonly Resident[];
  readonly rooms: readonly string[];
  readonly #h: Harness;
  readonly #setting: Setting;
  readonly #onHold: () => void;
  #faultTimer: Timer | undefined;

  constructor(h: Harness, setting: Setting, onHold: () => void) {
    this.#h = h;
    this.#setting = setting;
    this.#onHold = onHold;
    this.service = new RoomService(h, { domain: DOMAIN, behaviour: setting.behaviour });
    const { peer } = this.service;
    peer.keeps = false;
    peer.queueMs = setting.queueMs;
    peer.roundTripMs = setting.roundTripMs;
    this.service.newRoom = (jid) => this.newRoom(jid);
    this.rooms = Object.keys(setting.rooms).map((name) => `${name}@${DOMAIN}`);
    for (const jid of this.rooms) if (setting.rooms[nameOf(jid)]?.persistent !== false) this.newRoom(jid);
    this.residents = RESIDENTS.map((full) => new Resident(this.service, full));
  }

  /** Residents take a new room as it is. */
  enter(
    resident: Resident,
    jid: string,
    nick = nickOf(resident.full),
    children: readonly Element[] = [],
  ): void {
    resident.join(jid, nick, children);
    const room = this.service.rooms.get(jid);
    if (room?.isLocked && room.occupants.of(resident.full)) room.isLocked = false;
  }

  outage(): void {
    const { peer } = this.service;
    this.service.release(true);
    peer.openOut();
    peer.reachable = false;
    peer.cut('reset');
    this.#faultEnds(OUTAGE_MS, () => this.heal());
  }

  /** Packets are dropped. The streams are found dead after a minute, unless the packets arrive before. */
  hold(): void {
    const { peer } = this.service;
    if (!peer.reachable || this.service.isHolding) return;
    this.#onHold();
    this.service.hold();
    this.#faultEnds(DEAD_MS, () => {
      peer.reachable = false;
      peer.cut('timeout');
      this.service.release(true);
      this.#faultEnds(OUTAGE_MS, () => this.heal());
    });
  }

  #faultEnds(afterMs: number, task: () => void): void {
    this.#faultTimer?.cancel();
    this.#faultTimer = this.#h.clock.after(afterMs, task);
  }

  heal(): void {
    const { peer } = this.service;
    this.#faultTimer?.cancel();
    this.service.release();
    peer.reachable = true;
    peer.openIn();
    peer.flush();
  }

  restart(how: Restart, isSeen = true): void {
    const { keepsHistory, renewsIds } = this.#setting;
    if (isSeen) {
      this.heal();
      this.service.peer.openOut();
    }
    restart(this.service, { ...how, keepsHistory, renewsOccupantIds: renewsIds, renewsStanzaIds: renewsIds });
    // The streams break when the rooms have lost their occupants: a process that ends opens no new ones.
    if (isSeen) this.service.peer.cut('reset');
    if (how.keeps === 'nothing')
      for (const jid of this.rooms) if (this.#config(jid).persistent !== false) this.newRoom(jid);
    this.replaceLost();
  }

  /** The clients of the remote notice that their rooms are empty, and most come back. */
  replaceLost(): void {
    for (const resident of this.residents) {
      for (const jid of this.rooms) {
        const view = resident.view(jid);
        const { nick } = view;
        if (view.state === 'in' && !this.service.rooms.get(jid)?.occupants.of(resident.full)) view.leaves();
        else if (view.end.includes('332')) view.end = [];
        else continue;
        if (Math.random() < 0.8)
          this.#h.clock.after(Math.random() * RETURN_MS, () => {
            if (view.state === 'out') this.enter(resident, jid, nick);
          });
      }
    }
  }

  /** The double itself: its clients see what is true. */
  checkResidents(): void {
    for (const resident of this.residents) {
      for (const [jid, room] of this.service.rooms) {
        const view = resident.view(jid);
        if ((view.state === 'in') !== (room.occupants.of(resident.full) !== undefined))
          throw new Error(`the double is wrong about ${resident.full} in ${jid}`);
        if (view.state === 'in' && view.people.size !== Object.keys(peopleOf(room)).length)
          throw new Error(`the double is wrong about the people in ${jid}`);
      }
    }
  }

  newRoom(jid: string): Room {
    const room = this.service.room(nameOf(jid), this.#config(jid));
    if (room.config.membersOnly)
      for (const account of this.accounts) room.affiliations.set(account, 'member');
    return room;
  }

  #config(jid: string) {
    return this.#setting.rooms[nameOf(jid)] ?? { persistent: false };
  }

  readonly accounts = [...CLIENTS, ...RESIDENTS].map((full) => full.split('/')[0]!);
}
