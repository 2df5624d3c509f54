// Runs one scenario on one server, or on two federated servers of one kind.

import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeDevelopmentCertificates } from '../src/net/dev-certificates.ts';
import { dnsFixture } from '../test/support/dns-fixture.ts';
import { type Ability, pause, RUN_MS, type Scenario } from './scenario.ts';
import { ejabberd } from './servers/ejabberd.ts';
import { enjamb } from './servers/enjamb.ts';
import { nodeXmppServer } from './servers/node-xmpp-server.ts';
import { prosody } from './servers/prosody.ts';
import {
  AWAY,
  type BenchServer,
  type BenchSetup,
  DOMAIN,
  type Launch,
  type Place,
} from './servers/server.ts';

interface Contender {
  readonly launch: Launch;
  readonly lacks?: readonly Ability[];
  /** Runs only in scenarios that need this. */
  readonly onlyFor?: Ability;
}

export const SERVERS: Record<string, Contender> = {
  enjamb: { launch: enjamb },
  'prosody-stock': { launch: prosody('stock') },
  'prosody-tuned': { launch: prosody('tuned') },
  'prosody-sqlite': { launch: prosody('sqlite'), onlyFor: 'archive' },
  ejabberd: { launch: ejabberd('mnesia') },
  'ejabberd-sqlite': { launch: ejabberd('sqlite'), onlyFor: 'archive' },
  'node-xmpp-server': {
    launch: nodeXmppServer,
    lacks: ['accounts', 'archive', 'presence', 'rooms', 'federation'],
  },
};

const PREPARE_MS = 90_000;
/** Time that a run may take beyond its planned end. */
const OVERTIME_MS = 60_000;
const S2S_PORT = 25_269;
let nextPort = 25_322;

export interface Outcome {
  /** CPU seconds per `scenario.per` units. */
  readonly cpu: number;
  readonly perSecond: number;
  readonly extra: Readonly<Record<string, number>>;
}

/**
 * Starts the servers of the scenario, runs it, and stops them.
 *
 * @returns undefined when the server is not installed or cannot do what the scenario needs.
 * @throws Error when the scenario fails or hangs.
 */
export async function measure(scenario: Scenario, name: string): Promise<Outcome | undefined> {
  const { launch, lacks, onlyFor = scenario.needs } = SERVERS[name]!;
  if (onlyFor !== scenario.needs) return undefined;
  if (scenario.needs !== undefined && lacks?.includes(scenario.needs)) return undefined;
  const folder = await mkdtemp(join(tmpdir(), 'enjamb-bench-'));
  const cleaning: (() => Promise<void>)[] = [() => rm(folder, { recursive: true, force: true })];
  try {
    const hasArchive = scenario.needs === 'archive';
    const servers: BenchServer[] = [];
    for (const place of await placesFor(scenario, folder, cleaning)) {
      const server = await launch({ users: scenario.users, hasArchive, ...place });
      if (!server) return undefined;
      cleaning.push(() => server.stop());
      servers.push(server);
    }
    return await runOn(scenario, servers);
  } finally {
    for (const clean of cleaning.reverse()) await clean();
  }
}

async function runOn(scenario: Scenario, servers: readonly BenchServer[]): Promise<Outcome> {
  const cpuOfAll = () => servers.reduce((sum, server) => sum + server.cpu(), 0);
  const [server, away] = servers;
  const prepared = await within(PREPARE_MS, 'preparing', scenario.prepare(server!, away));
  try {
    await pause(1_000);
    const [cpu, began] = [cpuOfAll(), performance.now()];
    const { count, extra = {} } = await within(RUN_MS + OVERTIME_MS, 'running', prepared.run());
    const seconds = (performance.now() - began) / 1000;
    if (count === 0) throw new Error('nothing was done');
    return { cpu: ((cpuOfAll() - cpu) / count) * scenario.per, extra, perSecond: count / seconds };
  } finally {
    prepared.close();
  }
}

/** The places of the servers of a scenario: folder, certificates, and the address of the other server if there is one. */
async function placesFor(
  scenario: Scenario,
  folder: string,
  cleaning: (() => Promise<void>)[],
): Promise<Omit<BenchSetup, 'users'>[]> {
  const port = nextPort++;
  const here = { address: '127.0.0.1', port, domain: DOMAIN };
  if (scenario.needs !== 'federation') return [await furnish(here, folder)];
  const away = { address: '127.0.0.2', port, domain: AWAY };
  const dnsPort = await dnsFor([here, away], cleaning);
  const federation = { port: S2S_PORT, dnsPort };
  return Promise.all([here, away].map(async (place) => ({ ...(await furnish(place, folder)), federation })));
}

/** A certificate and an empty folder for a server. */
export async function furnish(place: Place, parent: string): Promise<Omit<BenchSetup, 'users'>> {
  const folder = join(parent, place.domain);
  const certs = join(parent, `${place.domain}.certs`);
  await mkdir(folder);
  await makeDevelopmentCertificates(certs, [place.domain]);
  const [key, cert] = await Promise.all(
    ['key', 'crt'].map((end) => readFile(join(certs, `${place.domain}.${end}`), 'utf8')),
  );
  return { ...place, folder, tls: { key: key!, cert: cert! } };
}

/** Starts a DNS server with the domains of all places. @returns its port at 127.0.0.1 */
async function dnsFor(places: readonly Place[], cleaning: (() => Promise<void>)[]): Promise<number> {
  const zone = Object.fromEntries(
    places.flatMap(({ address, domain }) => [
      [domain, { A: [address] }],
      [`_xmpp-server._tcp.${domain}`, { SRV: [`0 0 ${S2S_PORT} ${domain}`] }],
    ]),
  );
  const fixture = await dnsFixture({ after: (task) => void cleaning.push(task) }, zone);
  return Number(fixture.address.split(':')[1]);
}

async function within<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took more than ${ms / 1000} s`)), ms);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
