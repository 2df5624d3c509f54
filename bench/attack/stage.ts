// The environment of attacks. All attacks share certificates and accounts. Each attack has its own addresses, DNS server and
// fresh servers.

import { rmSync } from 'node:fs';
import { cp, mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeDevelopmentCertificates } from '../../src/net/dev-certificates.ts';
import { Accounts } from '../../src/sasl/accounts.ts';
import { openStorage, storesFor } from '../../src/storage/index.ts';
import { type DnsFixture, dnsFixture, type ZoneEntry } from '../../test/support/dns-fixture.ts';
import { family } from '../process.ts';
import { type BenchServer, launch } from '../servers/server.ts';
import {
  ACCOMPLICES,
  type Addresses,
  AWAY,
  addressesOf,
  BOT,
  BOT_SECRET,
  EVIL,
  FRESH,
  HOME,
  HONEST,
  LOOP,
  MALLORY,
  PASSWORD,
  PORTS,
  ROOMS,
  SILENT,
  type Site,
  type World,
} from './world.ts';

const LAUNCHER = join(import.meta.dirname, '../../bin/enjamb.js');
const STRANGER_PORT = 25_571;
const DNS_PORT = 25_553;
const DIRECT_TLS = '_xmpps-server._tcp.';

export interface RunningSite {
  readonly server: BenchServer;
  /** The log so far. */
  log(): Promise<string>;
  kill(): Promise<void>;
}

export interface Scene {
  readonly world: World;
  /** Starts a server with fresh data. */
  start(site: Site): Promise<RunningSite>;
  close(): Promise<void>;
}

export class Stage {
  readonly #folder: string;
  /** Process ids of running servers. */
  readonly #running = new Set<number>();
  #scenes = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Creates the shared certificates and accounts. */
  static async make(): Promise<Stage> {
    const folder = await mkdtemp(join(tmpdir(), 'enjamb-attack-'));
    const domains = [HOME, ROOMS, BOT, AWAY, EVIL, ...FRESH];
    await makeDevelopmentCertificates(join(folder, 'certs'), domains);
    await register(accountsOf(folder, HOME), HOME, [...HONEST, MALLORY, ...ACCOMPLICES]);
    await register(accountsOf(folder, AWAY), AWAY, HONEST);
    const stage = new Stage(folder);
    endCleanly(stage);
    return stage;
  }

  /** The environment of one attack. Several attacks can run simultaneously. */
  async scene(seconds: number): Promise<Scene> {
    const addresses = addressesOf(process.pid, this.#scenes++);
    const { home, away, stranger } = addresses;
    const world = {
      home: { address: home, domain: HOME, ...PORTS },
      away: { address: away, domain: AWAY, ...PORTS },
      stranger: { address: stranger, port: STRANGER_PORT },
      certificates: join(this.#folder, 'certs'),
      seconds,
    };
    const dns = await startDns(addresses);
    const start = (site: Site) => this.#start(site, addresses.home, dns.address);
    return { world, start, close: () => dns.close() };
  }

  /** Removes all files. */
  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Removes all files and kills all servers, because this process ends. */
  abandon(): void {
    for (const pid of this.#running) for (const member of family(pid).toReversed()) kill(member);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #start(site: Site, name: string, dns: string): Promise<RunningSite> {
    const folder = join(this.#folder, `${name}-${site.domain}`);
    await mkdir(folder);
    await cp(accountsOf(this.#folder, site.domain), join(folder, 'data'), { recursive: true });
    const file = join(folder, 'enjamb.toml');
    await writeFile(file, `${common(site, dns)}${site.domain === HOME ? HOME_HOSTS : AWAY_HOSTS}`);
    const logFile = join(folder, 'log');
    const log = await open(logFile, 'w');
    const command = [process.execPath, LAUNCHER, 'start', '-c', file];
    const place = { address: site.address, port: site.c2s, domain: site.domain };
    const server = await launch('enjamb', place, command, { cpu: null, log: log.fd });
    this.#running.add(server.pid);
    return {
      server,
      log: () => readFile(logFile, 'utf8'),
      kill: async () => {
        await server.end('SIGKILL');
        this.#running.delete(server.pid);
        await log.close();
        await rm(folder, { recursive: true, force: true });
      },
    };
  }
}

/** Stops all servers when this process ends for any reason. */
function endCleanly(stage: Stage): void {
  process.once('exit', () => stage.abandon());
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
}

function accountsOf(folder: string, domain: string): string {
  return join(folder, `accounts-of-${domain}`);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // The process has already ended.
  }
}

/** Default limits and modules. Foreign servers authenticate by dialback, and all servers are on this machine. */
const common = ({ address, c2s, c2sTls, s2s, s2sTls, component }: Site, dns: string) => `
certificates = "../certs"
interfaces = ["${address}"]
c2s_ports = [${c2s}]
c2s_direct_tls_ports = [${c2sTls}]
s2s_ports = [${s2s}]
s2s_direct_tls_ports = [${s2sTls}]
http_ports = []
https_ports = []
component_ports = [${component}]
component_interfaces = ["${address}"]
s2s_secure_auth = false
s2s_refused_addresses = "none"
dns_servers = ["${dns}"]
`;

const HOME_HOSTS = `
[hosts."${HOME}"]
[hosts."${ROOMS}"]
component = "muc"
[hosts."${BOT}"]
component = "external"
component_secret = "${BOT_SECRET}"
`;

const AWAY_HOSTS = [AWAY, ...FRESH].map((domain) => `[hosts."${domain}"]\n`).join('');

async function register(dataPath: string, domain: string, users: readonly string[]): Promise<void> {
  const driver = await openStorage({ driver: 'sqlite', dataPath });
  const accounts = new Accounts(storesFor(driver, domain), { domain });
  await Promise.all(users.map((user) => accounts.create(user, PASSWORD)));
  await driver.close();
}

async function startDns(addresses: Addresses): Promise<DnsFixture> {
  const nowhere = { after: () => {} };
  const dns = await dnsFixture(nowhere, zone(addresses), { address: addresses.dns, port: DNS_PORT });
  dns.misbehave = (response, question, send) => {
    dns.questions.length = 0;
    if (question.name.endsWith(`.${SILENT}`)) return;
    const answers = answersBelow(question);
    send(answers === undefined ? response : { ...response, flags: RECURSIVE, answers });
  };
  return dns;
}

function zone({ home, away, stranger }: Addresses): Record<string, ZoneEntry> {
  const domains = [
    ...[HOME, ROOMS, BOT].map((domain) => [domain, 'home.hosts.example', PORTS.s2sTls] as const),
    ...[AWAY, ...FRESH].map((domain) => [domain, 'away.hosts.example', PORTS.s2sTls] as const),
    [EVIL, 'stranger.hosts.example', STRANGER_PORT] as const,
  ];
  return {
    'home.hosts.example': { A: [home] },
    'away.hosts.example': { A: [away] },
    'stranger.hosts.example': { A: [stranger] },
    ...Object.fromEntries(
      domains.map(([domain, host, port]) => [`${DIRECT_TLS}${domain}`, { SRV: [`0 0 ${port} ${host}`] }]),
    ),
  };
}

const RECURSIVE = 0x0180;

type DnsAnswers = { type: 'SRV' | 'CNAME'; name: string; ttl: number; data: never }[];

/** Records of domains that are too many for a table; `undefined`: use the table. */
function answersBelow({ name, type }: { name: string; type: string }): DnsAnswers | undefined {
  if (name.endsWith(`.${EVIL}`) && name.startsWith(DIRECT_TLS) && type === 'SRV') {
    const data = { priority: 0, weight: 0, port: STRANGER_PORT, target: 'stranger.hosts.example' };
    return [{ type: 'SRV', name, ttl: 60, data: data as never }];
  }
  if (name.endsWith(`.${LOOP}`)) {
    const next = name.startsWith('again.') ? name.slice('again.'.length) : `again.${name}`;
    return [{ type: 'CNAME', name, ttl: 60, data: next as never }];
  }
  return undefined;
}
