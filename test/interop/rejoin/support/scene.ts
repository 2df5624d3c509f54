// One room of a real Prosody with a speaker and several client programs, each with an account of enjamb.

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { temporaryFolder } from '../../../support/clean-up.ts';
import { ENJAMB, HOME, ROOMS } from '../../support/addresses.ts';
import { Line } from '../../support/line.ts';
import type { SlixmppClient } from '../../support/slixmpp.ts';
import { until } from '../../support/waiting.ts';
import { PASSWORD, type World, world } from '../../support/world.ts';
import { whyNoDesktop } from './desktop.ts';
import { DinoUser } from './dino-user.ts';
import { GajimUser } from './gajim-user.ts';
import { PoezioUser } from './poezio-user.ts';
import { ProfanityRoomUser } from './profanity-room-user.ts';
import type { RoomUser, RoomUserOptions } from './room-user.ts';
import { SlixmppRoomUser } from './slixmpp-room-user.ts';

export const ROOM = `orchard@${ROOMS}`;
const ENTER_MS = 60_000;
/** The port of programs in which it cannot be configured. */
const C2S_PORT = 5222;

export interface Scene {
  readonly world: World;
  /** A user of enjamb, or of Prosody. */
  readonly speaker: SlixmppClient;
  readonly users: readonly RoomUser[];
}

export interface SceneOptions {
  readonly config: readonly string[];
  /** The server of the speaker; at Prosody the fault does not affect the speaker. */
  readonly speakerAt: 'enjamb' | 'prosody';
  /** Whether graphical programs take part. */
  readonly desktops: boolean;
}

/** All programs are in the room, and show the speaker's message. */
export async function scene(t: TestContext, options: SceneOptions): Promise<Scene> {
  const there = await world(t, { proxies: true, config: options.config });
  const folder = await temporaryFolder(t);
  const speaker =
    options.speakerAt === 'enjamb' ? await there.homeUser('speaker') : await there.awayUser('speaker');
  await speaker.join(ROOM, 'Speaker');
  const users = await terminals(t, there, folder);
  if (options.desktops) {
    assert.equal(await whyNoDesktop(), undefined, 'Gajim and Dino can run here');
    users.push(...(await desktops(t, there, folder)));
  }
  for (const user of users) await user.enter(ROOM);
  await until(
    'everybody in the room',
    async () => ((await there.prosody.occupants(ROOM))?.length === users.length + 1 ? true : undefined),
    ENTER_MS,
  );
  return { world: there, speaker, users };
}

async function terminals(t: TestContext, there: World, folder: string): Promise<RoomUser[]> {
  return [
    new SlixmppRoomUser(await there.client('slixmpp'), await account(there, folder, 'slixmpp')),
    new ProfanityRoomUser(t, await account(there, folder, 'profanity')),
    new PoezioUser(t, await account(there, folder, 'poezio')),
  ];
}

async function desktops(t: TestContext, there: World, folder: string): Promise<RoomUser[]> {
  await Line.start(t, { address: ENJAMB.address, port: ENJAMB.c2s }, C2S_PORT);
  const [dino, gajim] = [await account(there, folder, 'dino'), await account(there, folder, 'gajim')];
  return [await DinoUser.start(t, dino), await GajimUser.start(t, gajim)];
}

async function account({ enjamb, caPath }: World, parent: string, name: string): Promise<RoomUserOptions> {
  const jid = `${name}@${HOME}`;
  await enjamb.addUser(jid, PASSWORD);
  const folder = join(parent, name);
  await mkdir(folder, { mode: 0o700 });
  return { folder, caPath, jid, password: PASSWORD, nick: `${name.charAt(0).toUpperCase()}${name.slice(1)}` };
}
