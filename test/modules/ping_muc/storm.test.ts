// Thousands of random faults and doings of clients. Whatever happens: nobody who is in a room is told to be out of
// it, and in the end the room, the server and the client believe the same.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { S2SCloseCause } from '../../../src/api/session.ts';
import { newId } from '../../../src/util/ids.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { FakeRooms } from '../../support/fake-rooms.ts';
import { type Harness, type HarnessClient, harness, isNotice } from '../../support/module-harness.ts';

const RUNS = Number(process.env.STORM_RUNS ?? 40);
const STEPS = Number(process.env.STORM_STEPS ?? 150);
const CAUSES: readonly S2SCloseCause[] = ['clean', 'reset', 'stream-error', 'idle', 'local', 'timeout'];
const ROOMS = ['hall', 'garden', 'crypt'].map((name) => `${name}@rooms.capulet.lit`);
const CLIENTS = ['romeo@montague.lit/a', 'romeo@montague.lit/b', 'benvolio@montague.lit/a'];

/** A small generator of its own, so that a failure can be repeated by its seed. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

class Storm {
  readonly #h: Harness;
  readonly #rooms: FakeRooms;
  readonly #random: () => number;
  readonly #clients: HarnessClient[];
  /** The rooms that each client takes itself to be in, from what it has heard (XEP-0045 §7), with its nick. */
  readonly #beliefs = new Map<HarnessClient, Map<string, string>>();
  /** What happened, for the reader of a failure. */
  readonly log: string[] = [];
  notices = 0;

  constructor(h: Harness, random: () => number) {
    this.#h = h;
    this.#random = random;
    this.#rooms = new FakeRooms(h);
    this.#rooms.refusesStrangers = random() < 0.5;
    for (const room of ROOMS) this.#rooms.rooms.set(room, new Map());
    this.#clients = CLIENTS.map((jid) => this.#newClient(jid));
  }

  step(): void {
    const faults = [this.#cut, this.#restart, this.#outage, this.#goDeaf, this.#heal];
    const doings = [
      this.#join,
      this.#join,
      this.#leave,
      this.#rename,
      this.#update,
      this.#chat,
      this.#ping,
      this.#nap,
      this.#end,
    ];
    const action = this.#pick(this.#random() < 0.3 ? faults : doings);
    action.call(this);
    this.#h.clock.advance(Math.floor(this.#random() ** 3 * 200_000));
    this.#listen();
  }

  /** Everything works again. */
  end(): void {
    this.log.push('--- end');
    this.#heal();
    for (const client of this.#clients) if (!client.connected) client.resume();
    this.#h.clock.seconds(3_600);
    this.#listen();
  }

  check(): void {
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

  /** Clients take note of what has come, and act on notices as clients do: some join again, some do not. */
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
        if (!codes.includes('110') || codes.includes('303')) continue;
        if (attrs.type === undefined) belief.set(room, nick);
        else belief.delete(room);
      }
    }
  }

  #newClient(jid: string): HarnessClient {
    const client = this.#h.client(jid);
    this.#beliefs.set(client, new Map());
    const send = client.send.bind(client);
    client.send = (element) => {
      const [room = ''] = (element.attrs.from ?? '').split('/');
      const isFalse = isNotice(element) && this.#rooms.rooms.get(room)?.has(jid);
      assert.ok(
        !isFalse,
        `${jid} is told to be out of ${room}, and is in:\n${this.log.slice(-25).join('\n')}`,
      );
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
    client.says(
      `<presence id='${newId()}' to='${room}/${client.jid.local}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
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
    // A peer that hears nothing does not close anything in order.
    const cause = this.#rooms.peer.deaf ? 'reset' : this.#pick(CAUSES);
    this.#note(`cut: ${cause}`);
    this.#rooms.peer.cut(cause);
  }

  #restart(): void {
    const lost = ROOMS.filter(() => this.#random() < 0.5);
    this.#note(`restart, ${lost} forgotten`);
    this.#heal();
    // A room of its own right is there again, but empty; a temporary one is gone.
    for (const room of lost) {
      if (this.#random() < 0.5) this.#rooms.rooms.get(room)?.clear();
      else this.#rooms.rooms.delete(room);
    }
    this.#rooms.peer.openOut();
    this.#rooms.peer.cut('reset');
  }

  #outage(): void {
    this.#note('outage');
    this.#rooms.peer.reachable = false;
    this.#rooms.peer.openOut();
    this.#rooms.peer.cut('reset');
  }

  #goDeaf(): void {
    this.#note('deaf');
    this.#rooms.peer.deaf = true;
  }

  #heal(): void {
    this.#note('heal');
    const { peer } = this.#rooms;
    if (peer.deaf) {
      peer.deaf = false;
      peer.openOut();
      peer.cut('reset');
    }
    peer.reachable = true;
    peer.openIn();
  }
}

async function run(t: TestContext, seed: number): Promise<number> {
  const random = randomFrom(seed);
  const h = await harness(t, 'ping_muc_give_up = "never"');
  t.mock.restoreAll();
  t.mock.method(Math, 'random', random);
  const storm = new Storm(h, random);
  for (let step = 0; step < STEPS; step++) storm.step();
  storm.end();
  try {
    storm.check();
  } catch (error) {
    const story = storm.log.slice(-Number(process.env.STORM_LOG ?? 40)).join('\n');
    throw new Error(`seed ${seed}: ${(error as Error).message}\n${story}`, { cause: error });
  }
  t.mock.restoreAll();
  return storm.notices;
}

test(`${RUNS * STEPS} random steps: no false notice, no missed loss`, async (t) => {
  let notices = 0;
  const first = Number(process.env.STORM_SEED ?? 1);
  for (let seed = first; seed < first + RUNS; seed++) notices += await run(t, seed);
  assert.ok(notices > RUNS, `${notices} notices: the storm must be one`);
});
