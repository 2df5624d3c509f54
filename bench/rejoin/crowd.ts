// A server with silent rejoin whose users are in rooms of one service.

import type { Clock } from '../../src/util/clock.ts';
import { type Harness, HarnessClient, startHarness } from '../../test/support/module-harness.ts';
import { CrowdedService } from './service.ts';

/** A client that stores nothing. */
class QuietClient extends HarnessClient {
  override commit(): boolean {
    return true;
  }
}

export interface Size {
  readonly rooms: number;
  /** Users of ours in each room. */
  readonly users: number;
  /** Other occupants of each room. */
  readonly people: number;
}

const MODULES = ['presence', 'message'];
const ROOM_MODULES = ['track_muc_joins', 'ping_muc', 'muc_autorejoin'];
const CONFIG = 'track_muc_persist = false\nping_muc_silence = 0';

export class Crowd<C extends Clock> {
  readonly harness: Harness<C>;
  readonly service: CrowdedService;
  readonly clients: readonly HarnessClient[];

  private constructor(harness: Harness<C>, { users, people }: Size) {
    this.harness = harness;
    this.service = new CrowdedService(harness, people);
    this.clients = Array.from({ length: users }, (_, i) => {
      const client = new QuietClient(harness, `user${i}@montague.lit/x`);
      harness.host.sessions.add(client);
      harness.notify('resource-bind', { session: client });
      return client;
    });
  }

  /** Resolves when every user is in every room. `mode`: of `muc_autorejoin`; `none`: rooms are not watched at all. */
  static async in<C extends Clock>(
    clock: C,
    size: Size,
    mode: 'silent' | 'off' | 'none' = 'silent',
  ): Promise<Crowd<C>> {
    const config = `muc_autorejoin = "${mode === 'silent' ? 'silent' : 'off'}"\n${CONFIG}`;
    const modules = mode === 'none' ? MODULES : [...MODULES, ...ROOM_MODULES];
    const crowd = new Crowd(await startHarness(clock, config, modules), size);
    for (let room = 0; room < size.rooms; room++) await crowd.#enter(`room${room}`, size.users);
    return crowd;
  }

  async #enter(name: string, users: number): Promise<void> {
    const room = `${name}@${this.service.domain}`;
    let missing = users;
    await new Promise<void>((resolve) => {
      this.service.onEntered = () => {
        if (--missing === 0) resolve();
      };
      for (const client of this.clients) client.joins(`${room}/${client.jid.local}`);
    });
  }
}
