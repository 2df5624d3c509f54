// A small internet: DNS, enjamb with users, Prosody with rooms, the lines between them, and clients.

import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { makeDevelopmentCertificates } from '../../../src/net/dev-certificates.ts';
import { temporaryFolder } from '../../support/clean-up.ts';
import { type DnsFixture, dnsFixture, type ZoneEntry } from '../../support/dns-fixture.ts';
import { AWAY, BETWEEN, ENJAMB, HALLS, HOME, PROSODY, ROOMS } from './addresses.ts';
import { Enjamb } from './enjamb.ts';
import { Line } from './line.ts';
import { Prosody } from './prosody.ts';
import { type Login, SlixmppClient } from './slixmpp.ts';

export interface WorldOptions {
  /** Puts a proxy on each way between the servers. */
  readonly proxies?: boolean;
  /** False: without Prosody. */
  readonly prosody?: boolean;
  /** Both sides demand valid certificates. Default false. */
  readonly secureAuth?: boolean;
  /** False: Prosody does not know TLS between servers, and enjamb does not demand it. Default true. */
  readonly encryption?: boolean;
  /** Both sides trust the authority that signed all certificates. Default true. */
  readonly caTrusted?: boolean;
  /** The environment of enjamb's process. */
  readonly env?: Readonly<Record<string, string>>;
  /** When the certificates become valid, in ms since 1970. Default: now. */
  readonly certificatesSince?: number;
  /** Lines of TOML for the top of enjamb's configuration. */
  readonly config?: readonly string[];
  /** Modules of Prosody besides the usual ones. */
  readonly prosodyModules?: readonly string[];
}

export interface World {
  readonly enjamb: Enjamb;
  /** @throws Error if the world was made without Prosody */
  readonly prosody: Prosody;
  readonly dns: DnsFixture;
  /** Of this test, with all logs. */
  readonly folder: string;
  /** The certificates of all domains, and the authority that signed them. */
  readonly certificates: string;
  readonly caPath: string;
  /** The line on which enjamb connects to Prosody. */
  readonly toProsody: Line;
  /** The line on which Prosody connects to enjamb. */
  readonly toEnjamb: Line;
  /** A client that has not logged in. */
  client(name: string): Promise<SlixmppClient>;
  /** A user of enjamb, with a client that has logged in by SCRAM over STARTTLS. */
  homeUser(user: string): Promise<SlixmppClient>;
  /** A user of Prosody, whose client has logged in. */
  awayUser(user: string): Promise<SlixmppClient>;
}

export const PASSWORD = 'wherefore art thou 7';

/** Starts everything, which ends with the test. If the test fails, the folder with all logs stays, and is printed. */
export async function world(t: TestContext, options: WorldOptions = {}): Promise<World> {
  const folder = await temporaryFolder(t);
  const certificates = join(folder, 'certs');
  const { env = {}, certificatesSince } = options;
  const domains = [HOME, AWAY, ROOMS, HALLS];
  const { caPath } = await makeDevelopmentCertificates(certificates, domains, certificatesSince);
  const dns = await dnsFixture(t);
  const lines = options.proxies === true ? await proxies(t) : undefined;
  Object.assign(dns.zone, zone(lines));
  const trusted = options.caTrusted === false ? {} : { caPath };
  const common = { certificates, dns: dns.address, ...trusted };
  const prosody =
    options.prosody === false
      ? undefined
      : await Prosody.start(t, {
          ...common,
          folder: join(folder, 'prosody'),
          secureAuth: options.secureAuth === true,
          encryption: options.encryption !== false,
          modules: options.prosodyModules ?? [],
        });
  const config = [
    `s2s_secure_auth = ${options.secureAuth === true}`,
    `s2s_require_encryption = ${options.encryption !== false}`,
    ...(options.config ?? []),
  ];
  const enjamb = await Enjamb.start(t, { ...common, folder: join(folder, 'enjamb'), config, env });
  const client = (name: string) => SlixmppClient.start(t, { folder, caPath, name });
  return {
    enjamb,
    dns,
    folder,
    certificates,
    caPath,
    client,
    get prosody() {
      return given(prosody, 'Prosody');
    },
    get toProsody() {
      return given(lines?.toProsody, 'a proxy');
    },
    get toEnjamb() {
      return given(lines?.toEnjamb, 'a proxy');
    },
    async homeUser(user) {
      await enjamb.addUser(`${user}@${HOME}`, PASSWORD);
      const created = await client(user);
      await created.login(homeLogin(user));
      return created;
    },
    async awayUser(user) {
      await given(prosody, 'Prosody').addUser(user, PASSWORD);
      const created = await client(user);
      const login = { ...homeLogin(user, AWAY), host: PROSODY.address, port: PROSODY.c2s };
      await created.login({ ...login, mechanism: 'SCRAM-SHA-1' }); // Prosody 0.12 keeps no other keys.
      return created;
    },
  };
}

/** The resource is chosen so that tests can name the full JID. */
export function homeLogin(user: string, domain: string = HOME): Login {
  return {
    jid: `${user}@${domain}/orchard`,
    password: PASSWORD,
    host: ENJAMB.address,
    port: ENJAMB.c2s,
    mechanism: 'SCRAM-SHA-256',
  };
}

async function proxies(t: TestContext): Promise<{ toProsody: Line; toEnjamb: Line }> {
  return {
    toProsody: await Line.start(t, { address: PROSODY.address, port: PROSODY.s2s }),
    toEnjamb: await Line.start(t, { address: ENJAMB.address, port: ENJAMB.s2s }),
  };
}

/** RFC 6120 §3.2.1: SRV records with the addresses of the servers, or of the proxies before them. */
function zone(lines: { toProsody: Line; toEnjamb: Line } | undefined): Record<string, ZoneEntry> {
  const enjamb = lines ? 'between.example' : 'enjamb.example';
  const prosody = lines ? 'between.example' : 'prosody.example';
  const home = `0 0 ${lines?.toEnjamb.port ?? ENJAMB.s2s} ${enjamb}`;
  const away = `0 0 ${lines?.toProsody.port ?? PROSODY.s2s} ${prosody}`;
  return {
    'enjamb.example': { A: [ENJAMB.address] },
    'prosody.example': { A: [PROSODY.address] },
    'between.example': { A: [BETWEEN] },
    [HOME]: {},
    [AWAY]: {},
    [`_xmpp-server._tcp.${HOME}`]: { SRV: [home] },
    [`_xmpp-server._tcp.${AWAY}`]: { SRV: [away] },
    [`_xmpp-server._tcp.${ROOMS}`]: { SRV: [away] },
    [`_xmpp-server._tcp.${HALLS}`]: { SRV: [away] },
  };
}

function given<T>(part: T | undefined, name: string): T {
  if (part === undefined) throw new Error(`this world was made without ${name}`);
  return part;
}
