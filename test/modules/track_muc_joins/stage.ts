// The stage of these tests: romeo, and a room service on another server.

import { FakeRooms, presence } from '../../support/fake-rooms.ts';
import { type Harness, type HarnessClient, harness } from '../../support/module-harness.ts';

export const ROOM = 'hall@rooms.capulet.lit';
export const ROMEO = 'romeo@montague.lit/orchard';
export const PHONE = 'romeo@montague.lit/phone';

export interface Stage {
  readonly h: Harness;
  readonly rooms: FakeRooms;
  readonly romeo: HarnessClient;
  /** `nick state` of each join. */
  joins(who?: string): Promise<string[]>;
  /** Sends romeo presence from the room. */
  sends(from: string, codes: string[], more?: { type?: string; newNick?: string }): void;
}

export async function stage(t: Parameters<typeof harness>[0], config = ''): Promise<Stage> {
  const h = await harness(t, config);
  const rooms = new FakeRooms(h);
  const romeo = h.client(ROMEO);
  return {
    h,
    rooms,
    romeo,
    async joins(who) {
      const { rows = [] } = await h.command('joins', who === undefined ? {} : { who });
      return rows.map(({ nick, state }) => `${nick} ${state}`);
    },
    sends(from, codes, more) {
      rooms.peer.says(presence(from, ROMEO, codes, more));
      h.clock.seconds(1);
    },
  };
}

/** Like `stage`, with a room that sends nothing by itself. */
export async function silentStage(t: Parameters<typeof harness>[0]): Promise<Stage> {
  const made = await stage(t);
  made.rooms.peer.onStanza = () => {};
  return made;
}

/** Like `silentStage`, with romeo in the room. */
export async function joined(t: Parameters<typeof harness>[0]): Promise<Stage> {
  const made = await silentStage(t);
  made.romeo.joins(`${ROOM}/Romeo`);
  made.sends(`${ROOM}/Romeo`, ['110']);
  return made;
}
