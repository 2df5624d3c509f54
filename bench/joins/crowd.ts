// Users in rooms of one service on another server.

import type { Clock } from '../../src/util/clock.ts';
import type { Element } from '../../src/xml/element.ts';
import { FakeRooms } from '../../test/support/fake-rooms.ts';
import { type Harness, HarnessClient, isNotice } from '../../test/support/module-harness.ts';

/** A client that reports notices and stores nothing. */
export class CountingClient extends HarnessClient {
  readonly #told: (room: string) => void;

  constructor(harness: Harness<Clock>, jid: string, told: (room: string) => void) {
    super(harness, jid);
    this.#told = told;
  }

  override send(element: Element): boolean {
    if (isNotice(element)) this.#told(element.attrs.from?.split('/')[0] ?? '');
    return true;
  }
}

export class Crowd {
  readonly rooms: FakeRooms;
  readonly clients: CountingClient[];
  readonly #harness: Harness<Clock>;

  constructor(harness: Harness<Clock>, users: number, told: (room: string) => void = () => {}) {
    this.#harness = harness;
    this.rooms = new FakeRooms(harness);
    this.rooms.peer.keeps = false;
    this.clients = Array.from({ length: users }, (_, i) => {
      const client = new CountingClient(harness, `user${i}@montague.lit/x`, told);
      harness.host.sessions.add(client);
      harness.notify('resource-bind', { session: client });
      return client;
    });
  }

  /** Every user enters every room; resolves when all have entered. */
  async enter(rooms: number): Promise<void> {
    for (let room = 0; room < rooms; room++) {
      for (const client of this.clients) {
        client.joins(`room${room}@${this.rooms.domain}/${client.jid.local}`);
      }
      if (room % 20 === 19) await this.#pause(100);
    }
    await this.#pause(5_000);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#harness.clock.after(ms, resolve));
  }
}
