// The scene of the fault matrix. Counts all stanzas exactly, and checks at the end that the room, the server and each
// client agree.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Element } from '../../../../src/xml/element.ts';
import { NS } from '../../../../src/xml/namespaces.ts';
import { FakeRooms } from '../../../support/fake-rooms.ts';
import { type Harness, type HarnessClient, harness, isNotice } from '../../../support/module-harness.ts';

export const ROOM = 'hall@rooms.capulet.lit';
export const ROMEO = 'romeo@montague.lit/orchard';
/** D, half of the largest jitter, since random numbers are always 0.5, and more than a round trip. */
export const ASKED_S = 63;

export interface Counts {
  /** Notices to all clients. */
  readonly notices?: number;
  /** Pings on the wire, including canaries. */
  readonly pings?: number;
  /** All questions, including those that could not be delivered. */
  readonly attempts?: number;
  readonly infos?: number;
  readonly probes?: number;
  /** Pings that a client got. */
  readonly iqs?: number;
}

export class Stage {
  readonly h: Harness;
  readonly rooms: FakeRooms;
  readonly clients: HarnessClient[] = [];

  /** The times at which questions were sent, delivered or not, in ms since 1970. */
  readonly asked: number[] = [];
  /** The leaves of clients, with the number of stanzas that the client had got before. */
  readonly #goodbyes: { readonly client: HarnessClient; readonly room: string; readonly after: number }[] =
    [];

  constructor(h: Harness) {
    this.h = h;
    this.rooms = new FakeRooms(h);
    const send = h.send.bind(h);
    h.send = (local, remote, stanza) => {
      if (stanza.getChild('ping', NS.PING)) this.asked.push(h.clock.now());
      send(local, remote, stanza);
    };
  }

  get peer() {
    return this.rooms.peer;
  }

  /** A client enters a room. */
  enter(jid: string, { room = ROOM, nick = 'Romeo' } = {}): HarnessClient {
    const client = this.clients.find((known) => `${known.jid}` === jid) ?? this.h.client(jid);
    if (!this.clients.includes(client)) this.clients.push(client);
    client.joins(`${room}/${nick}`);
    this.h.clock.seconds(10);
    return client;
  }

  /** Makes `users` clients, each in all of `rooms` rooms. */
  crowd(users: number, rooms: number): void {
    for (let i = 0; i < users; i++) this.clients.push(this.h.client(`user${i}@montague.lit/x`));
    for (let room = 0; room < rooms; room++) {
      for (const client of this.clients) client.joins(`room${room}@${this.rooms.domain}/${client.jid.local}`);
    }
    this.h.clock.seconds(10);
  }

  /** A client leaves a room. */
  leave(client: HarnessClient, room = ROOM): void {
    const nick = client.state.mucJoins?.get(room)?.nick;
    client.says(`<presence type='unavailable' to='${room}/${nick}'/>`);
    this.#goodbyes.push({ client, room, after: client.inbox.length });
  }

  /** A client's session ends. */
  end(client: HarnessClient): void {
    for (const room of client.state.mucJoins?.keys() ?? [])
      this.#goodbyes.push({ client, room, after: client.inbox.length });
    client.close();
  }

  /** Our server stops cleanly: sessions first, then links, then the rest. */
  async stop(): Promise<void> {
    for (const client of this.clients) this.end(client);
    this.seconds(1);
    this.peer.cut('local');
    await this.h.server.stop();
  }

  seconds(count: number): void {
    this.h.clock.seconds(count);
  }

  /** The other server restarts after some seconds, and opens a link. */
  restart(seconds: number): void {
    this.peer.reachable = false;
    this.peer.cut('reset');
    this.seconds(seconds);
    this.peer.reachable = true;
    this.peer.openIn();
  }

  /** Checks all counts, and that all sides agree. */
  check({ notices = 0, pings = 0, attempts = pings, infos = 0, probes = 0, iqs = 0 }: Counts): void {
    const counted = {
      notices: this.clients.reduce((sum, client) => sum + client.notices.length, 0),
      pings: this.rooms.pings.length,
      attempts: this.asked.length,
      infos: this.rooms.infos.length,
      probes: this.rooms.probes.length,
      iqs: this.clients.reduce((sum, client) => sum + client.iqs.length, 0),
    };
    assert.deepEqual(counted, { notices, pings, attempts, infos, probes, iqs });
    this.truth();
  }

  /** Compares the rooms' occupants, the server's joins, and the rooms of each client according to its stanzas. */
  truth(): void {
    const known = new Set(this.clients.map(({ jid }) => `${jid}`));
    for (const [room, all] of this.rooms.rooms)
      for (const full of all.keys()) assert.ok(known.has(full), `${full} is a ghost in ${room}`);
    for (const client of this.clients) {
      const full = `${client.jid}`;
      const occupants = [...this.rooms.rooms].filter(([, all]) => all.has(full));
      const inRooms = occupants.map(([room, all]) => `${room}/${all.get(full)}`).sort();
      const tracked = [...(client.state.mucJoins?.values() ?? [])].map(
        ({ room, nick, state }) => `${room.jid}/${nick}${state === 'joined' ? '' : `, ${state}`}`,
      );
      assert.deepEqual(tracked.sort(), inRooms, `the server believes otherwise of ${full}`);
      assert.deepEqual(this.#beliefs(client), inRooms, `${full} believes otherwise`);
    }
  }

  /** The rooms of a client according to the stanzas that it has sent and got (XEP-0045 §7). */
  #beliefs(client: HarnessClient): string[] {
    const places = new Map<string, string>();
    const goodbyes = this.#goodbyes.filter((goodbye) => goodbye.client === client);
    for (const [i, element] of [...client.inbox, undefined].entries()) {
      for (const { room, after } of goodbyes) if (after === i) places.delete(room);
      if (element) hear(element, places);
    }
    return [...places].map(([room, nick]) => `${room}/${nick}`).sort();
  }
}

function hear(element: Element, places: Map<string, string>): void {
  const x = element.getChild('x', NS.MUC_USER);
  const codes = x?.getChildren('status').map(({ attrs }) => attrs.code) ?? [];
  const [room = '', nick = ''] = (element.attrs.from ?? '').split('/');
  if (element.name !== 'presence' || !codes.includes('110') || codes.includes('303')) return;
  if (isNotice(element))
    assert.equal(places.get(room), nick, 'a notice is about the nick that the client has');
  if (element.attrs.type === undefined) places.set(room, nick);
  else places.delete(room);
}

export async function stage(t: TestContext, config = ''): Promise<Stage> {
  return new Stage(await harness(t, `muc_autorejoin = false\n${config}`));
}

/** The same with Romeo in the hall. */
export async function romeoInTheHall(t: TestContext, config = ''): Promise<Stage & { romeo: HarnessClient }> {
  const set = await stage(t, config);
  return Object.assign(set, { romeo: set.enter(ROMEO) });
}
