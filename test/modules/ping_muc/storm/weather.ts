// Random faults and actions of clients. A client that is in a room must never get a notice, and at the end the room,
// the server and the client must agree.

import assert from 'node:assert/strict';
import type { S2SCloseCause } from '../../../../src/api/session.ts';
import type { Timer } from '../../../../src/util/clock.ts';
import { newId } from '../../../../src/util/ids.ts';
import { NS } from '../../../../src/xml/namespaces.ts';
import { FakeRooms } from '../../../support/fake-rooms.ts';
import {
  HandClock,
  type Harness,
  type HarnessClient,
  isNotice,
  startHarness,
} from '../../../support/module-harness.ts';
import { randomFrom } from '../../../support/random.ts';

/** The steps of one storm. After them all faults end, and an hour passes. */
export const STEPS = 200;
/** The time after which a dead stream is noticed. */
const KEEPALIVE_MS = 60_000;
const LAST_LINES = Number(process.env.STORM_LOG ?? 40);
const CAUSES: readonly S2SCloseCause[] = ['clean', 'reset', 'stream-error', 'idle', 'local', 'timeout'];
const ROOMS = ['hall', 'garden', 'crypt'].map((name) => `${name}@rooms.capulet.lit`);
const CLIENTS = ['romeo@montague.lit/a', 'romeo@montague.lit/b', 'benvolio@montague.lit/a'];

class Storm {
  readonly #h: Harness;
  readonly #rooms: FakeRooms;
  readonly #random: () => number;
  readonly #clients: HarnessClient[];
  /** The rooms of each client according to the stanzas that it has got (XEP-0045 §7), with its nick. */
  readonly #beliefs = new Map<HarnessClient, Map<string, string>>();
  /** The rooms that each client has joined, and not left, with the id of the join. */
  readonly #joined = new Map<HarnessClient, Map<string, string>>();
  /** The log for failures. */
  readonly log: string[] = [];
  notices = 0;
  #deafness: Timer | undefined;
  /** The first false notice. It is thrown outside the server's handlers, which would catch it. */
  #wrong: string | undefined;

  constructor(h: Harness, random: () => number) {
    this.#h = h;
    this.#random = random;
    this.#rooms = new FakeRooms(h);
    this.#rooms.refusesStrangers = random() < 0.5;
    this.#rooms.peer.keeps = false;
    this.#rooms.peer.queueMs = random() < 0.5 ? 0 : 90_000;
    for (const room of ROOMS) this.#rooms.rooms.set(room, new Map());
    this.#clients = CLIENTS.map((jid) => this.#newClient(jid));
  }

  step(): void {
    const faults = [
      this.#cut,
      this.#restart,
      this.#restartQuietly,
      this.#outage,
      this.#refuse,
      this.#goDeaf,
      this.#service,
      this.#keepAlive,
      this.#heal,
      this.#heal,
    ];
    const doings = [
      this.#join,
      this.#join,
      this.#leave,
      this.#rename,
      this.#update,
      this.#chat,
      this.#ping,
      this.#nap,
      this.#forceNick,
      this.#end,
    ];
    const action = this.#pick(this.#random() < 0.3 ? faults : doings);
    action.call(this);
    this.#h.clock.advance(Math.floor(this.#random() ** 3 * 200_000));
    this.#listen();
    if (this.#wrong !== undefined) assert.fail(this.#wrong);
  }

  /** Ends all faults. */
  end(): void {
    this.log.push('--- end');
    this.#heal();
    for (const client of this.#clients) if (!client.connected) client.resume();
    this.#h.clock.seconds(3_600);
    this.#listen();
  }

  check(): void {
    if (this.#wrong !== undefined) assert.fail(this.#wrong);
    for (const client of this.#clients) {
      for (const room of ROOMS) {
        const truth = this.#rooms.rooms.get(room)?.has(`${client.jid}`) ?? false;
        const who = `${client.jid} in ${room}`;
        assert.equal(this.#beliefs.get(client)!.has(room), truth, `the client believes otherwise: ${who}`);
        assert.equal(
          client.state.mucJoins?.has(room) ?? false,
          truth,
          `the server believes otherwise: ${who}`,
        );
      }
    }
  }

  /** Lets clients read their stanzas. Some join again after a notice, others do not. */
  #listen(): void {
    for (const client of this.#clients) {
      const belief = this.#beliefs.get(client)!;
      for (const { name, attrs, ...rest } of client.heard().map((element) => ({
        name: element.name,
        attrs: element.attrs,
        element,
      }))) {
        if (name !== 'presence') continue;
        const [room = '', nick = ''] = (attrs.from ?? '').split('/');
        const statuses = rest.element.getChild('x', NS.MUC_USER)?.getChildren('status') ?? [];
        const codes = statuses.map((status) => status.attrs.code);
        if (isNotice(rest.element)) this.notices++;
        // A join has failed.
        const joined = this.#joined.get(client)!;
        if (attrs.type === 'error' && joined.get(room) === attrs.id && !belief.has(room)) joined.delete(room);
        if (!codes.includes('110') || codes.includes('303')) continue;
        // The client has not joined: the stanza is for an earlier session.
        if (attrs.type === undefined && joined.has(room)) belief.set(room, nick);
        else belief.delete(room);
      }
    }
  }

  #newClient(jid: string): HarnessClient {
    const client = this.#h.client(jid);
    this.#beliefs.set(client, new Map());
    this.#joined.set(client, new Map());
    const send = client.send.bind(client);
    client.send = (element) => {
      const [room = '', nick] = (element.attrs.from ?? '').split('/');
      // A client that is in under an unknown nick gets a notice too, after the server has sent a leave.
      if (isNotice(element) && this.#rooms.rooms.get(room)?.get(jid) === nick) {
        this.#wrong ??= `${jid} is told to be out of ${room}, and is in`;
        this.log.push(`WRONG: ${this.#wrong}`);
      }
      if (isNotice(element)) this.log.push(`${jid} hears that it is out of ${room}`);
      return send(element);
    };
    return client;
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random() * list.length)]!;
  }

  #note(what: string): void {
    this.log.push(`${Math.round(this.#h.clock.now() / 1_000) % 100_000} ${what}`);
  }

  #join(): void {
    const [client, room] = [this.#pick(this.#clients), this.#pick(ROOMS)];
    if (this.#beliefs.get(client)!.has(room) || !client.connected) return;
    this.#note(`${client.jid} joins ${room}`);
    const id = newId();
    this.#joined.get(client)!.set(room, id);
    client.says(
      `<presence id='${id}' to='${room}/${client.jid.local}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
    );
  }

  #update(): void {
    const [client, room] = [this.#pick(this.#clients), this.#pick(ROOMS)];
    const nick = this.#beliefs.get(client)!.get(room);
    if (nick === undefined || !client.connected) return;
    this.#note(`${client.jid} is away in ${room}`);
    client.says(`<presence id='${newId()}' to='${room}/${nick}'><show>away</show></presence>`);
  }

  #leave(): void {
    const [client, room] = [this.#pick(this.#clients), this.#pick(ROOMS)];
    if (!this.#beliefs.get(client)!.has(room) || !client.connected) return;
    this.#note(`${client.jid} leaves ${room}`);
    this.#beliefs.get(client)!.delete(room);
    this.#joined.get(client)!.delete(room);
    client.says(`<presence type='unavailable' to='${room}/${client.jid.local}'/>`);
  }

  #rename(): void {
    const [client, room] = [this.#pick(this.#clients), this.#pick(ROOMS)];
    if (!this.#beliefs.get(client)!.has(room) || !client.connected) return;
    const nick = `${client.jid.local}${Math.floor(this.#random() * 3)}`;
    this.#note(`${client.jid} wants to be ${nick} in ${room}`);
    client.says(`<presence to='${room}/${nick}'/>`);
  }

  #chat(): void {
    const room = this.#pick(ROOMS);
    this.#note(`somebody speaks in ${room}`);
    this.#rooms.chat(room, 'Juliet');
  }

  #ping(): void {
    const [client, room] = [this.#pick(this.#clients), this.#pick(ROOMS)];
    const nick = this.#beliefs.get(client)!.get(room);
    if (nick === undefined || !client.connected) return;
    this.#note(`${client.jid} asks itself about ${room}`);
    client.says(`<iq type='get' id='p' to='${room}/${nick}'><ping xmlns='urn:xmpp:ping'/></iq>`);
  }

  #nap(): void {
    const client = this.#pick(this.#clients);
    this.#note(`${client.jid} ${client.connected ? 'sleeps' : 'wakes up'}`);
    if (client.connected) client.sleep();
    else client.resume();
  }

  #end(): void {
    const index = Math.floor(this.#random() * this.#clients.length);
    if (this.#random() < 0.7) return;
    const old = this.#clients[index]!;
    this.#note(`${old.jid} ends, and comes back`);
    old.close();
    this.#clients[index] = this.#newClient(`${old.jid}`);
  }

  #cut(): void {
    // A peer that gets no packets does not close its streams.
    const cause = this.#rooms.peer.deaf ? 'reset' : this.#pick(CAUSES);
    this.#note(`cut: ${cause}`);
    this.#rooms.peer.cut(cause);
  }

  #restart(): void {
    const lost = ROOMS.filter(() => this.#random() < 0.5);
    this.#note(`restart, ${lost} forgotten`);
    this.#heal();
    // A persistent room exists again, without occupants; a temporary one does not.
    for (const room of lost) {
      if (this.#random() < 0.5) this.#rooms.rooms.get(room)?.clear();
      else this.#rooms.rooms.delete(room);
    }
    this.#rooms.peer.openOut();
    this.#rooms.peer.cut('reset');
  }

  /** The service restarts behind a link that does not break: only its silence shows it. */
  #restartQuietly(): void {
    const room = this.#pick(ROOMS);
    this.#note(`quiet restart, ${room} forgotten`);
    this.#rooms.rooms.get(room)?.clear();
  }

  /** A local service restarts, with or without its occupants. */
  #service(): void {
    const isGone = this.#random() < 0.5;
    this.#note(`service ${isGone ? 'gone' : 'there'}`);
    const remote = this.#rooms.domain;
    if (isGone) {
      this.#rooms.peer.reachable = false;
      this.#rooms.peer.vanish();
      for (const room of ROOMS) if (this.#random() < 0.3) this.#rooms.rooms.get(room)?.clear();
      this.#h.notify('link-close', { remote, cause: 'service', error: undefined, wasUsed: true });
    } else {
      this.#heal();
      this.#h.notify('link-open', { remote });
    }
  }

  /** Our own side attempts no connections: stanzas of clients return as errors. */
  #refuse(): void {
    this.#note('refused');
    this.#rooms.peer.paused = true;
  }

  /** The link is pinged; later the stream may close as idle. */
  #keepAlive(): void {
    const { peer } = this.#rooms;
    if (peer.deaf || peer.paused || !peer.reachable) return;
    this.#note('keepalive');
    const [out, back] = [peer.openOut(), peer.openIn()];
    out.stanzasOut++;
    out.overhead.out++;
    back.stanzasIn++;
    back.overhead.in++;
    if (this.#random() < 0.5) peer.cut('idle');
  }

  /** The room assigns a client another nick. */
  #forceNick(): void {
    const room = this.#pick(ROOMS);
    const full = `${this.#pick(this.#clients).jid}`;
    if (!this.#rooms.rooms.get(room)?.has(full)) return;
    this.#note(`${room} renames ${full}`);
    this.#rooms.rename(room, full, `forced${Math.floor(this.#random() * 3)}`);
  }

  #outage(): void {
    this.#note('outage');
    this.#rooms.peer.reachable = false;
    this.#rooms.peer.openOut();
    this.#rooms.peer.cut('reset');
  }

  /** Drops packets. The streams are found dead after a minute, and new ones fail. */
  #goDeaf(): void {
    const { peer } = this.#rooms;
    if (peer.deaf || !peer.reachable) return;
    this.#note('deaf');
    peer.deaf = true;
    this.#deafness?.cancel();
    this.#deafness = this.#h.clock.after(KEEPALIVE_MS, () => {
      if (!peer.deaf) return;
      this.#note('found dead');
      peer.deaf = false;
      peer.reachable = false;
      peer.cut('timeout');
    });
  }

  #heal(): void {
    this.#note('heal');
    const { peer } = this.#rooms;
    peer.paused = false;
    this.#deafness?.cancel();
    if (peer.deaf) {
      peer.deaf = false;
      peer.openOut();
      peer.cut('reset');
    }
    peer.reachable = true;
    peer.openIn();
    peer.flush();
  }
}

/** Runs one storm. Returns the number of notices. */
export async function storm(seed: number): Promise<number> {
  const random = randomFrom(seed);
  const h = await startHarness(new HandClock(), 'ping_muc_give_up = "never"\nmuc_autorejoin = false');
  const { random: chance } = Math;
  Math.random = random;
  const weather = new Storm(h, random);
  try {
    for (let step = 0; step < STEPS; step++) weather.step();
    weather.end();
    weather.check();
  } catch (error) {
    const story = weather.log.slice(-LAST_LINES).join('\n');
    throw new Error(`seed ${seed}: ${(error as Error).message}\n${story}`, { cause: error });
  } finally {
    Math.random = chance;
    await h.server.stop();
  }
  return weather.notices;
}
