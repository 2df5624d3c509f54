// Users of enjamb in rooms of another server, joined again silently: the common parts of the tests with Prosody and ejabberd.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { type Element, NS } from '../../../../src/xml/index.ts';
import { type Kind, type RoomService, type Scene, type SceneOptions, scene } from '../../matrix/service.ts';
import { AWAY, HOME } from '../../support/addresses.ts';
import type { WireStanza } from '../../support/prosody.ts';
import { asText, statusCodes } from '../../support/room.ts';
import { until } from '../../support/waiting.ts';
import { PASSWORD } from '../../support/world.ts';
import { type RoomClient, RoomClients } from './room-clients.ts';

export const LIMIT = { timeout: 150_000 };
/** For servers that share their cores with others. */
export const PATIENCE_MS = 60_000;
const CONFIG = ['muc_autorejoin = "silent"', 'muc_autorejoin_absence = "5 seconds"'];

export interface SilentScene extends Scene {
  /** Users of enjamb, online. */
  homeClients(...names: string[]): Promise<RoomClient[]>;
  /** Users of the other server, online. */
  awayClients(...names: string[]): Promise<RoomClient[]>;
  /** The joins, disco#info requests and archive requests that the other server got since then (ms since 1970). */
  asked(since: number): Promise<Record<'joins' | 'facts' | 'archive', WireStanza[]>>;
  /** Resolves when enjamb has learned what these rooms are, and whether they have an archive. */
  known(rooms: readonly string[]): Promise<void>;
}

export async function silentScene(
  t: TestContext,
  kind: Kind,
  options: SceneOptions = {},
): Promise<SilentScene> {
  const { config = [] } = options;
  const set = await scene(t, kind, { ...options, config: [...CONFIG, ...config] });
  const { there, service } = set;
  const clients = await RoomClients.start(t, there);
  const online = async (domain: string, add: (name: string) => Promise<void>, names: readonly string[]) => {
    const all: RoomClient[] = [];
    for (const name of names) {
      await add(name);
      const client = clients.add(`${name}@${domain}/orchard`);
      await client.login();
      all.push(client);
    }
    return all;
  };
  return Object.assign(set, {
    homeClients: (...names: string[]) =>
      online(HOME, (name) => there.enjamb.addUser(`${name}@${HOME}`, PASSWORD), names),
    awayClients: (...names: string[]) => online(AWAY, (name) => service.addUser(name, PASSWORD), names),
    asked: (since: number) => asked(service, since),
    known: (rooms: readonly string[]) => known(service, rooms),
  });
}

async function asked(service: RoomService, since: number) {
  const came = (await service.wire()).filter(
    ({ at, dir, element }) => dir === 'in' && at >= since && element.attrs.from?.includes(`@${HOME}/`),
  );
  const iqs = came.filter(({ element }) => element.is('iq'));
  return {
    joins: came.filter(({ element }) => element.is('presence') && element.getChild('x', NS.MUC)),
    facts: iqs.filter(({ element }) => element.getChild('query', NS.DISCO_INFO)),
    archive: iqs.filter(({ element }) => element.getChild('query', NS.MAM)),
  };
}

async function known(service: RoomService, rooms: readonly string[]): Promise<void> {
  const isKnown = (wire: readonly WireStanza[], room: string, child: string) =>
    wire.some(
      ({ dir, element }) =>
        dir === 'out' &&
        element.is('iq') &&
        element.attrs.from === room &&
        element.toString().includes(child),
    );
  const all = async () => {
    const wire = await service.wire();
    return rooms.every((room) => isKnown(wire, room, NS.DISCO_INFO)) ? true : undefined;
  };
  await until('what rooms say about themselves', all, PATIENCE_MS);
}

/** Checks that a client has got no error, and nothing that says that it is out. */
export function assertUnbroken({ jid, stanzas }: RoomClient, since: number): void {
  const bad = stanzas.slice(since).filter(({ element }) => isBad(element));
  assert.deepEqual(asText(bad), [], jid);
}

function isBad(element: Element): boolean {
  const codes = statusCodes(element);
  const isOwnLeave = element.attrs.type === 'unavailable' && codes.includes('110');
  return element.attrs.type === 'error' || isOwnLeave || codes.includes('201');
}

/** Waits until all of them are in the room, as its server says. */
export async function areIn(
  service: RoomService,
  room: string,
  clients: readonly RoomClient[],
): Promise<void> {
  const all = async () => {
    const occupants = await service.occupants(room);
    return clients.every(({ jid }) => occupants?.includes(jid)) ? true : undefined;
  };
  await until(`all in ${room}`, all, PATIENCE_MS);
}

/** Proves that all clients hear each other, in the order of the room. */
export async function allTalk(room: string, clients: readonly RoomClient[], word: string): Promise<string[]> {
  const texts: string[] = [];
  for (const client of clients) {
    const text = `${word} says ${client.nick}`;
    client.say(room, text);
    texts.push(text);
    for (const each of clients) await each.hears(room, text);
  }
  return texts;
}
