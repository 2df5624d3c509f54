// What goes wrong in the runs of the table. Meanwhile three messages are said in the room, a person joins and another
// leaves. All of them are users of the server with the room.

import assert from 'node:assert/strict';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EjabberdRooms } from '../../matrix/ejabberd-rooms.ts';
import type { Kind, Scene, SceneOptions } from '../../matrix/service.ts';
import { HALLS, ROOMS } from '../../support/addresses.ts';
import { Prosody } from '../../support/prosody.ts';
import { untilTime } from '../../support/waiting.ts';
import type { RoomClient } from '../support/room-clients.ts';
import { arrive, type Observer } from './observer.ts';

const DOWN_MS = 3_000;
const CUT_MS = 9_000;
/** After a failed connection ejabberd returns all stanzas, and tries again after a random time, of up to 300 seconds by default. */
const EJABBERD_RETRIES = ['s2s_max_retry_delay: 5'];
/** After which those come back who do not hurry. */
const LATER_MS = 15_000;

export interface Cast {
  readonly scene: Scene;
  /** In the room, and in it again as soon as that is possible. */
  readonly observer: Observer;
  /** In the room; leaves it meanwhile. */
  readonly leaver: RoomClient;
  /** Joins meanwhile. */
  readonly newcomer: RoomClient;
  /** The observer says the three messages. */
  talk(): Promise<void>;
}

export interface Fault {
  readonly title: string;
  /** A persistent room with an archive, or a temporary one as the server makes it by default, without archive. */
  readonly room: 'archive' | 'temporary';
  /** For faults that no link tells of: the setting `ping_muc_silence`, in seconds. A loss is found after up to twice that time. */
  readonly silence?: number;
  /** Resolves when the way between the servers is open again. */
  happen(cast: Cast): Promise<void>;
}

export const FAULTS = {
  'killed, archive': {
    title: 'The server is killed and comes back. The room is persistent and has an archive.',
    room: 'archive',
    happen: (cast) => dies(cast, (scene) => scene.service.kill9()),
  },
  'killed, temporary': {
    title: 'The server is killed and comes back. The room was temporary; its own users make it anew.',
    room: 'temporary',
    happen: (cast) => dies(cast, (scene) => scene.service.kill9()),
  },
  'killed, nobody back': {
    title: 'The same, but the users of enjamb come back first.',
    room: 'temporary',
    happen: (cast) => diesAlone(cast, (scene) => scene.service.kill9()),
  },
  'restarted, archive': {
    title: 'The server restarts in order. The room is persistent and has an archive.',
    room: 'archive',
    happen: (cast) => dies(cast, (scene) => scene.service.stop()),
  },
  'restarted, temporary': {
    title: 'The server restarts in order. The room is temporary.',
    room: 'temporary',
    happen: (cast) => dies(cast, (scene) => scene.service.stop()),
  },
  cut: {
    title: 'The servers have no connection for nine seconds. The room is persistent and has an archive.',
    room: 'archive',
    happen: cut,
  },
  component: {
    title:
      'The room service restarts, and the link does not notice. The room is persistent and has an archive.',
    room: 'archive',
    silence: 20,
    happen: componentRestarts,
  },
} satisfies Record<string, Fault>;

export type FaultName = keyof typeof FAULTS;

/** The servers, as the room needs them. */
export function serversFor(fault: Fault): SceneOptions {
  if (fault.room === 'temporary') return { proxies: true, roomConfig: ['muc_room_locking = true'] };
  return {
    proxies: true,
    roomConfig: ['modules_enabled = { "muc_mam" }'],
    ejabberdModules: ['  mod_mam: {}', ...EJABBERD_RETRIES],
  };
}

/** The address of the room, which is made before anybody joins if its server does not make it like that itself. */
export async function prepareRoom({ service }: Scene, remote: Kind, fault: Fault): Promise<string> {
  if (fault.room === 'temporary') return `orchard@${ROOMS}`;
  if (remote === 'Prosody') return `orchard@${HALLS}`;
  assert.ok(service instanceof EjabberdRooms);
  await service.createPersistent(`orchard@${ROOMS}`, { mam: 'true' });
  return `orchard@${ROOMS}`;
}

type End = (scene: Scene) => Promise<void>;

/** enjamb cannot come back before all has been said. */
async function dies(cast: Cast, end: End): Promise<void> {
  const { toProsody } = cast.scene.there;
  toProsody.state = 'refuse';
  await goesAndComes(cast.scene, end);
  await peopleComeBack(cast);
  toProsody.state = 'forward';
}

async function diesAlone(cast: Cast, end: End): Promise<void> {
  await goesAndComes(cast.scene, end);
  await untilTime(Date.now() + LATER_MS);
  await peopleComeBack(cast);
}

/** All but the one who leaves, and a new one. */
async function peopleComeBack({ observer, newcomer, talk }: Cast): Promise<void> {
  await observer.client.login();
  await observer.arrive();
  await newcomer.login();
  await arrive(newcomer, observer.room);
  await talk();
}

async function goesAndComes(scene: Scene, end: End): Promise<void> {
  await end(scene);
  await untilTime(Date.now() + DOWN_MS);
  await scene.service.start();
}

async function cut({ scene, observer, leaver, newcomer, talk }: Cast): Promise<void> {
  const endsAt = Date.now() + CUT_MS;
  const lines = [scene.there.toProsody, scene.there.toEnjamb];
  for (const line of lines) line.state = 'refuse';
  for (const line of lines) line.cut('reset');
  await newcomer.login();
  await arrive(newcomer, observer.room);
  leaver.leave(observer.room);
  await talk();
  await untilTime(endsAt);
  for (const line of lines) line.state = 'forward';
}

async function componentRestarts({ scene, observer, newcomer, talk }: Cast): Promise<void> {
  const { service, there } = scene;
  const data = join(there.folder, 'prosody/data');
  if (service instanceof Prosody) await restartWithFiles(service, observer.room, data);
  else await service.restartRooms();
  await observer.arrive();
  await newcomer.login();
  await arrive(newcomer, observer.room);
  await talk();
}

/** What is on the disk comes back, as with a component that was killed: Prosody itself would save the occupants too. */
async function restartWithFiles(prosody: Prosody, room: string, data: string): Promise<void> {
  const service = room.slice(room.indexOf('@') + 1);
  const [files, copy] = [join(data, service.replaceAll('.', '%2e')), join(data, 'copy')];
  await cp(files, copy, { recursive: true });
  await prosody.shell('module', 'unload', 'muc', service);
  await rm(files, { recursive: true });
  await cp(copy, files, { recursive: true });
  await prosody.shell('module', 'load', 'muc', service);
}
