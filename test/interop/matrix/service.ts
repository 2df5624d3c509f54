// The real servers of the fault matrix: the common interface.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { makeDevelopmentCertificates } from '../../../src/net/dev-certificates.ts';
import { AWAY, BETWEEN, ENJAMB, HALLS, HOME, PROSODY, ROOMS } from '../support/addresses.ts';
import { Prosody, type WireStanza } from '../support/prosody.ts';
import type { SlixmppClient } from '../support/slixmpp.ts';
import { homeLogin, PASSWORD, type World, world } from '../support/world.ts';
import { EjabberdRooms } from './ejabberd-rooms.ts';

export interface RoomService {
  start(): Promise<void>;
  /** An orderly stop. */
  stop(): Promise<void>;
  kill9(): Promise<void>;
  /** Restarts only the room service; streams stay. */
  restartRooms(): Promise<void>;
  /** The real addresses of the occupants of a room; `undefined` if it does not exist. */
  occupants(room: string): Promise<string[] | undefined>;
  wire(): Promise<WireStanza[]>;
  addUser(user: string, password: string): Promise<void>;
  readonly log: string;
}

export interface Scene {
  readonly there: World;
  readonly service: RoomService;
  /** The same, if it is Prosody. @throws Error */
  readonly prosody: Prosody;
  /** A user of the server with the rooms, whose client has logged in there. */
  awayUser(user: string): Promise<SlixmppClient>;
  /** Makes its certificates expire before its next start. */
  letCertificatesExpire(): Promise<void>;
}

export type Kind = 'Prosody' | 'ejabberd';

export interface SceneOptions {
  /** Lines of TOML for the top of enjamb's configuration. */
  readonly config?: readonly string[];
  readonly secureAuth?: boolean;
  /** Seconds after which the other server closes its idle streams. */
  readonly idleSeconds?: number;
  /** Modules of Prosody besides the usual ones. */
  readonly prosodyModules?: readonly string[];
  /** Lines of Lua for the room services of Prosody. */
  readonly roomConfig?: readonly string[];
  /** Lines of YAML for the top of ejabberd's configuration. */
  readonly ejabberdConfig?: readonly string[];
  /** Lines of YAML for the end of ejabberd's configuration. */
  readonly ejabberdModules?: readonly string[];
  /** Puts a proxy on each way between the servers. */
  readonly proxies?: boolean;
  /** Prosody: whether rooms relay self-pings to clients. */
  readonly relaysSelfPings?: boolean;
}

export async function scene(t: TestContext, kind: Kind, options: SceneOptions = {}): Promise<Scene> {
  const { config = [], secureAuth = false, proxies = false } = options;
  const there = await world(t, { prosody: false, secureAuth, config, proxies });
  const service = await (kind === 'Prosody' ? startProsody : startEjabberd)(t, there, options);
  return {
    there,
    service,
    get prosody() {
      if (!(service instanceof Prosody)) throw new Error(`this is ${kind}`);
      return service;
    },
    async awayUser(user) {
      await service.addUser(user, PASSWORD);
      const client = await there.client(user);
      const login = { ...homeLogin(user, AWAY), host: PROSODY.address, port: PROSODY.c2s };
      await client.login({ ...login, mechanism: 'SCRAM-SHA-1' }); // Prosody 0.12 keeps no other keys.
      return client;
    },
    async letCertificatesExpire() {
      const domains = [AWAY, ROOMS, HALLS];
      const files = domains.flatMap((domain) => [`${domain}.crt`, `${domain}.key`]);
      for (const file of files) await rm(join(there.certificates, file), { force: true });
      const longAgo = Date.now() - 1_000 * 24 * 60 * 60 * 1000;
      await makeDevelopmentCertificates(there.certificates, domains, longAgo);
    },
  };
}

async function startProsody(
  t: TestContext,
  there: World,
  options: SceneOptions,
): Promise<Prosody & RoomService> {
  const { idleSeconds, prosodyModules = [], roomConfig = [], relaysSelfPings, secureAuth = false } = options;
  const prosody = await Prosody.start(t, {
    folder: join(there.folder, 'prosody'),
    certificates: there.certificates,
    caPath: there.caPath,
    dns: there.dns.address,
    secureAuth,
    modules: prosodyModules,
    roomConfig,
    config: idleSeconds === undefined ? [] : [`s2s_idle_timeout = ${idleSeconds}`],
  });
  // The modules of a component are not in the list of all hosts.
  if (idleSeconds !== undefined) await prosody.shell('module', 'load', 's2s_idle_timeout', ROOMS);
  if (relaysSelfPings) await prosody.shell('module', 'load', 'relays_self_pings', ROOMS);
  return Object.assign(prosody, {
    async restartRooms() {
      await prosody.shell('module', 'unload', 'muc', ROOMS);
      await prosody.forgetRooms(ROOMS); // It would take its occupants over.
      await prosody.shell('module', 'load', 'muc', ROOMS);
    },
  });
}

async function startEjabberd(t: TestContext, there: World, options: SceneOptions): Promise<EjabberdRooms> {
  // ejabberd asks the name server for SRV records, and the system for addresses.
  const way = options.proxies
    ? { port: there.toEnjamb.port, address: BETWEEN }
    : { ...ENJAMB, port: ENJAMB.s2s };
  there.dns.zone[`_xmpp-server._tcp.${HOME}`] = { SRV: [`0 0 ${way.port} ${way.address}`] };
  return EjabberdRooms.start(t, {
    folder: join(there.folder, 'ejabberd'),
    certificates: there.certificates,
    caPath: there.caPath,
    dns: there.dns.address,
    config: [
      ...(options.idleSeconds === undefined ? [] : [`s2s_timeout: ${options.idleSeconds}`]),
      ...(options.ejabberdConfig ?? []),
    ],
    modules: options.ejabberdModules,
  });
}
