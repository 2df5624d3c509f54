// The stage of the fault matrix: what came, counted exactly, and whether in the end the room, the server and each client
// believe the same.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Element } from '../../../../src/xml/element.ts';
import { NS } from '../../../../src/xml/namespaces.ts';
import { FakeRooms } from '../../../support/fake-rooms.ts';
import { type Harness, type HarnessClient, harness, isNotice } from '../../../support/module-harness.ts';

export const ROOM = 'hall@rooms.capulet.lit';
export const ROMEO = 'romeo@montague.lit/orchard';
/** D, the jitter of half of its span, and a round trip with room to spare: chance is always in the middle. */
export const ASKED_S = 63;

export interface Counts {
  /** Of all clients. */
  readonly notices?: number;
  /** On the wire; canaries are among them. */
  readonly pings?: number;
  readonly infos?: number;
  readonly probes?: number;
  /** Seen by any client. */
  readonly iqs?: number;
}

export class Stage {
  readonly h: Harness;
  readonly rooms: FakeRooms;
  readonly clients: HarnessClient[] = [];

  /** When questions were sent, whether or not they arrived; ms since 1970. */
  readonly asked: number[] = [];

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

  /** Somebody enters a room. */
  enter(jid: string, { room = ROOM, nick = 'Romeo' } = {}): HarnessClient {
    const client = this.clients.find((known) => `${known.jid}` === jid) ?? this.h.client(jid);
    if (!this.clients.includes(client)) this.clients.push(client);
    client.joins(`${room}/${nick}`);
    this.h.clock.seconds(10);
    return client;
  }

  seconds(count: number): void {
    this.h.clock.seconds(count);
  }

  /** The other server starts anew after so many seconds, and speaks to us again. */
  restart(seconds: number): void {
    this.peer.reachable = false;
    this.peer.cut('reset');
    this.seconds(seconds);
    this.peer.reachable = true;
    this.peer.openIn();
  }

  /** What has happened, to the last stanza; and that all believe the same. */
  check({ notices = 0, pings = 0, infos = 0, probes = 0, iqs = 0 }: Counts): void {
    const counted = {
      notices: this.clients.reduce((sum, client) => sum + client.notices.length, 0),
      pings: this.rooms.pings.length,
      infos: this.rooms.infos.length,
      probes: this.rooms.probes.length,
      iqs: this.clients.reduce((sum, client) => sum + client.iqs.length, 0),
    };
    assert.deepEqual(counted, { notices, pings, infos, probes, iqs });
    this.truth();
  }

  /** The room's occupants, the server's joins, and what each client must believe by what it has heard. */
  truth(): void {
    for (const client of this.clients) {
      const full = `${client.jid}`;
      const occupants = [...this.rooms.rooms].filter(([, all]) => all.has(full));
      const inRooms = occupants.map(([room, all]) => `${room}/${all.get(full)}`).sort();
      const tracked = [...(client.state.mucJoins?.values() ?? [])].map(
        ({ room, nick, state }) => `${room.jid}/${nick}${state === 'joined' ? '' : `, ${state}`}`,
      );
      assert.deepEqual(tracked.sort(), inRooms, `the server believes otherwise of ${full}`);
      assert.deepEqual(beliefs(client.inbox), inRooms, `${full} believes otherwise`);
    }
  }
}

/** Where a client is, by what it has been told (XEP-0045 §7). */
function beliefs(inbox: readonly Element[]): string[] {
  const places = new Map<string, string>();
  for (const element of inbox) {
    const x = element.getChild('x', NS.MUC_USER);
    const codes = x?.getChildren('status').map(({ attrs }) => attrs.code) ?? [];
    const [room = '', nick = ''] = (element.attrs.from ?? '').split('/');
    if (element.name !== 'presence' || !codes.includes('110') || codes.includes('303')) continue;
    if (isNotice(element))
      assert.equal(places.get(room), nick, 'a notice is about the nick that the client has');
    if (element.attrs.type === undefined) places.set(room, nick);
    else places.delete(room);
  }
  return [...places].map(([room, nick]) => `${room}/${nick}`).sort();
}

export async function stage(t: TestContext, config = ''): Promise<Stage> {
  return new Stage(await harness(t, `muc_autorejoin = false\n${config}`));
}

/** The same with Romeo in the hall. */
export async function romeoInTheHall(t: TestContext, config = ''): Promise<Stage & { romeo: HarnessClient }> {
  const set = await stage(t, config);
  return Object.assign(set, { romeo: set.enter(ROMEO) });
}
