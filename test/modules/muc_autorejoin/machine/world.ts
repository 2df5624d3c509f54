// The stage of the machine: our server with three clients, and a remote (remote.ts). Each step of a plan is a method here.

import type { S2SCloseCause } from '../../../../src/api/session.ts';
import { drop, restart, shutDown } from '../../../support/fake-rooms/faults.ts';
import { affiliate, configure, destroy, giveRole, kick } from '../../../support/fake-rooms/moderation.ts';
import type { Occupant } from '../../../support/fake-rooms/occupants.ts';
import type { Resident } from '../../../support/fake-rooms/resident.ts';
import type { Room, RoomConfig } from '../../../support/fake-rooms/room.ts';
import type { RoomService } from '../../../support/fake-rooms/service.ts';
import type { Harness } from '../../../support/module-harness.ts';
import { CLIENTS, nickOf, pick, show } from './cast.ts';
import { ClientModel } from './client_model.ts';
import { Judge } from './judge.ts';
import { Remote } from './remote.ts';
import type { Kind, Setting, Step } from './steps.ts';

const CAUSES: readonly S2SCloseCause[] = ['clean', 'reset', 'stream-error', 'idle', 'local', 'timeout'];
/** A stream that ends in order has delivered everything (RFC 6120 §4.4). */
const LOSSES: readonly S2SCloseCause[] = ['reset', 'stream-error', 'timeout'];
/** Of one run, to the remote. */
const MAX_SENT = 20_000;
/** Without events, everything that was lost must be found and made good within this time. */
const QUIET_MS = 6 * 60_000;
/** The last messages, before it is quiet. */
const TALK_MS = 10_000;

type Dice = readonly number[];

export class World {
  readonly judge: Judge;
  readonly #remote: Remote;
  readonly #h: Harness;
  readonly #reload: () => Promise<void>;
  readonly #clients: ClientModel[] = [];
  /** Rooms that have lost clients without a word. */
  readonly #deaf = new Set<string>();
  #bodies = 0;
  #sent = 0;

  constructor(h: Harness, setting: Setting, reload: () => Promise<void>) {
    this.#h = h;
    this.#reload = reload;
    this.#remote = new Remote(h, setting, () => this.judge.stays.disturbed());
    this.judge = new Judge(this.service, h.clock, () => this.#clients);
    this.judge.rooms = this.#remote.rooms;
    this.#watchLink();
    for (const full of CLIENTS) this.#clients.push(this.#connect(full));
  }

  get service(): RoomService {
    return this.#remote.service;
  }

  #connect(full: string): ClientModel {
    return new ClientModel(this.#h.client(full), this.judge, this.service.behaviour.messagesFirst);
  }

  async step({ kind, dice, waitMs }: Step): Promise<void> {
    await this.#acts[kind].call(this, dice);
    this.#h.clock.advance(waitMs);
  }

  /** Everything works again, and nothing happens for a while. Then all must believe the same. */
  calm(): void {
    this.#remote.heal();
    for (const { session } of this.#clients) if (!session.connected) session.resume();
    this.#h.clock.advance(TALK_MS);
    for (const jid of this.#deaf) this.#talkIn(jid);
    this.#deaf.clear();
    this.#h.clock.advance(QUIET_MS);
    if (this.judge.isBudgetSpent) this.#h.clock.advance(QUIET_MS);
    this.#remote.checkResidents();
    this.judge.check();
  }

  /** Everything that passes between the remote, our server and its clients. */
  trace(note: (line: string) => void): void {
    const { peer } = this.service;
    const [accept, says] = [peer.accept.bind(peer), peer.says.bind(peer)];
    peer.accept = (stanza, isOverhead) => {
      note(`server → remote ${stanza}`);
      accept(stanza, isOverhead);
    };
    peer.says = (stanza) => {
      note(`remote → server ${stanza}`);
      says(stanza);
    };
    this.judge.onSeen = (client, stanza) => note(`server → ${client.full} ${stanza}`);
  }

  /** 3.1, lag: a client that a room has lost without a word is found when others hear somebody talk. */
  #talkIn(jid: string): void {
    const room = this.service.rooms.get(jid);
    if (room === undefined) return;
    const present = this.#remote.residents.find((resident) => resident.view(jid).state === 'in');
    const resident = present ?? this.#remote.residents[0]!;
    if (present === undefined) this.#remote.enter(resident, jid);
    const occupant = room.occupants.of(resident.full);
    if (occupant?.role === 'visitor') giveRole(room, occupant.nick, 'participant');
    if (resident.view(jid).state === 'in') resident.say(jid, this.#newBody());
  }

  readonly #acts: Record<Kind, (dice: Dice) => void | Promise<void>> = {
    talk: ([a, b]) => {
      const resident = pick(this.#remote.residents, a);
      const room = this.#roomOf(resident, b);
      if (room) resident.say(room, this.#newBody());
    },
    come: ([a, b, c]) => {
      const [resident, room] = [pick(this.#remote.residents, a), pick(this.#remote.rooms, b)];
      if (resident.view(room).state === 'out')
        this.#remote.enter(resident, room, nickOf(resident.full), show(c));
    },
    go: ([a, b]) => {
      const resident = pick(this.#remote.residents, a);
      const room = this.#roomOf(resident, b);
      if (room) resident.leave(room);
    },
    nick: ([a, b, c = 0]) => {
      const resident = pick(this.#remote.residents, a);
      const room = this.#roomOf(resident, b);
      if (room) resident.presence(room, [], `${nickOf(resident.full)} ${Math.floor(c * 3)}`);
    },
    show: ([a, b, c]) => {
      const resident = pick(this.#remote.residents, a);
      const room = this.#roomOf(resident, b);
      if (room) resident.presence(room, show(c));
    },

    role: ([a, b, c]) => {
      const found = this.#occupant(a, b);
      if (found) giveRole(found.room, found.occupant.nick, pick(['visitor', 'participant', 'moderator'], c));
    },
    affiliation: ([a, b, c]) => {
      const room = this.#room(a);
      // In the private group, everybody stays a member of some kind.
      const all = room?.config.membersOnly
        ? (['member', 'admin'] as const)
        : (['none', 'member', 'admin'] as const);
      if (room) affiliate(room, pick(this.#remote.accounts, b), pick(all, c));
    },
    subject: ([a, b]) => {
      const found = this.#occupant(a, b);
      if (found) found.room.changeSubject(found.occupant, `subject ${++this.#bodies}`);
    },
    configuration: ([a, b]) => {
      const room = this.#room(a);
      if (room === undefined) return;
      const { logging, moderated, nonAnonymous } = room.config;
      const changes: Partial<RoomConfig>[] = [{ logging: !logging }, { name: `name ${++this.#bodies}` }];
      // The private group stays one.
      if (!room.config.membersOnly) changes.push({ moderated: !moderated }, { nonAnonymous: !nonAnonymous });
      configure(room, pick(changes, b));
      this.judge.stays.configured(room);
    },
    kick: ([a, b]) => {
      const found = this.#occupant(a, b);
      if (found) kick(found.room, found.occupant.nick);
    },
    ban: ([a, b]) => {
      const room = this.#room(a);
      const account = pick(this.#remote.accounts, b);
      if (room === undefined) return;
      affiliate(room, account, 'outcast');
      this.#h.clock.after(60_000, () =>
        affiliate(room, account, room.config.membersOnly ? 'member' : 'none'),
      );
    },
    destroy: ([a, b = 0]) => {
      const room = this.#room(a);
      if (room) destroy(room, b < 0.5 ? `elsewhere@${this.service.domain}` : undefined);
    },

    cut: ([a]) => this.service.peer.cut(pick(CAUSES, a)),
    cutOneWay: ([a, b = 0]) => this.service.peer[b < 0.5 ? 'closeOut' : 'closeIn'](pick(LOSSES, a)),
    outage: () => this.#remote.outage(),
    hold: () => this.#remote.hold(),
    heal: () => this.#remote.heal(),
    restartKeepingAll: () => this.#remote.restart({ keeps: 'all' }),
    restartKeepingRooms: () => this.#remote.restart({ keeps: 'rooms' }),
    restartKeepingNothing: () => this.#remote.restart({ keeps: 'nothing' }),
    renewIds: () => {
      this.#remote.heal();
      restart(this.service, {
        keeps: 'rooms',
        keepsHistory: true,
        renewsOccupantIds: true,
        renewsStanzaIds: true,
      });
      this.service.peer.cut('reset');
      this.#remote.replaceLost();
    },
    restartBehindLink: ([a = 0]) => {
      for (const jid of this.#remote.rooms) this.#deaf.add(jid);
      this.#remote.restart({ keeps: a < 0.7 ? 'rooms' : 'nothing' }, false);
    },
    shutDown: () => {
      shutDown(this.service);
      this.#remote.replaceLost();
    },
    drop: ([a, b, c = 0]) => this.#drop(a, b, pick([['333'], ['307', '333'], []], c)),
    dropSilently: ([a, b]) => this.#drop(a, b, undefined),

    join: ([a, b, c = 0]) => {
      const [client, room] = [this.#client(a), pick(this.#remote.rooms, b)];
      if (client === undefined || client.view(room).state !== 'out') return;
      client.joins(room, this.#nickFor(client, c), c < 0.5 ? `<history maxchars='0'/>` : '');
    },
    leave: ([a, b]) => {
      const found = this.#stay(a, b);
      if (found) found.client.leaves(found.room);
    },
    rename: ([a, b, c]) => {
      const found = this.#stay(a, b);
      if (found) found.client.updates(found.room, this.#nickFor(found.client, c), '');
    },
    update: ([a, b, c]) => {
      const found = this.#stay(a, b);
      const children = show(c).join('');
      if (found) found.client.updates(found.room, found.client.view(found.room).nick, children);
    },
    write: ([a, b]) => {
      const found = this.#stay(a, b);
      if (found) found.client.writes(found.room, this.#newBody());
    },
    ping: ([a, b]) => {
      const found = this.#stay(a, b);
      if (found) found.client.pings(found.room);
    },
    nap: ([a]) => {
      const { session } = pick(this.#clients, a);
      if (session.connected) session.sleep();
      else session.resume();
    },
    end: ([a = 0]) => {
      const index = Math.floor(a * this.#clients.length);
      const old = this.#clients[index]!;
      this.judge.stays.ended(old);
      old.session.close();
      this.#clients[index] = this.#connect(old.full);
    },
    reload: () => {
      this.judge.stays.broken();
      return this.#reload();
    },
    calm: () => this.calm(),
  };

  #drop(a: number | undefined, b: number | undefined, codes: string[] | undefined): void {
    const found = this.#stay(a, b);
    const room = found && this.service.rooms.get(found.room);
    if (room && codes === undefined) this.#deaf.add(room.jid);
    if (room) drop(room, found.client.full, codes ? { codes } : { codes: [], isTold: false });
  }

  #watchLink(): void {
    const { peer } = this.service;
    const accept = peer.accept.bind(peer);
    const seen = new WeakSet<object>();
    peer.accept = (stanza, isOverhead) => {
      if (++this.#sent > MAX_SENT) {
        this.judge.blame(`more than ${MAX_SENT} stanzas to the remote`);
        return; // Whatever goes round in circles ends here.
      }
      if (!seen.has(stanza)) this.judge.sent(stanza);
      seen.add(stanza);
      accept(stanza, isOverhead);
    };
    for (const close of ['closeOut', 'closeIn'] as const) {
      const closes = peer[close].bind(peer);
      peer[close] = (cause, error) => {
        this.judge.stays.broken();
        closes(cause, error);
      };
    }
  }

  #newBody(): string {
    return `message ${++this.#bodies}`;
  }

  #room(die: number | undefined): Room | undefined {
    return this.service.rooms.get(pick(this.#remote.rooms, die));
  }

  #occupant(a: number | undefined, b: number | undefined): { room: Room; occupant: Occupant } | undefined {
    const room = this.#room(a);
    const occupants = [...(room?.occupants ?? [])];
    return room && occupants.length > 0 ? { room, occupant: pick(occupants, b) } : undefined;
  }

  /** A room that a resident is in. */
  #roomOf(resident: Resident, die: number | undefined): string | undefined {
    const rooms = this.#remote.rooms.filter((jid) => resident.view(jid).state === 'in');
    return rooms.length > 0 ? pick(rooms, die) : undefined;
  }

  #client(die: number | undefined): ClientModel | undefined {
    const client = pick(this.#clients, die);
    return client.session.connected ? client : undefined;
  }

  /** A connected client, and a room that it believes itself to be in. */
  #stay(a: number | undefined, b: number | undefined): { client: ClientModel; room: string } | undefined {
    const client = this.#client(a);
    const rooms = this.#remote.rooms.filter((jid) => client?.view(jid).state === 'in');
    return client && rooms.length > 0 ? { client, room: pick(rooms, b) } : undefined;
  }

  /** Clients of one account share a nick, where the service lets them; sometimes they have others. */
  #nickFor(client: ClientModel, die = 0): string {
    const [account, resource] = client.full.split('/');
    const own = nickOf(account!);
    const isShared = this.service.behaviour.sharesNicks && die < 0.7;
    return isShared ? own : `${own} ${resource}`;
  }
}
