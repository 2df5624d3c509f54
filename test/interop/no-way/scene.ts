// enjamb with its users in one network, Prosody and the name servers in another, and one cable between the two.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { makeDevelopmentCertificates } from '../../../src/net/dev-certificates.ts';
import { temporaryFolder } from '../../support/clean-up.ts';
import type { ZoneEntry } from '../../support/dns-fixture.ts';
import { AWAY, ENJAMB, HALLS, HOME, PROSODY, ROOMS } from '../support/addresses.ts';
import { DnsProgram } from '../support/dns-program.ts';
import { Enjamb } from '../support/enjamb.ts';
import { Cable, Network } from '../support/network.ts';
import { Prosody } from '../support/prosody.ts';
import { SlixmppClient } from '../support/slixmpp.ts';
import { until } from '../support/waiting.ts';
import { homeLogin, PASSWORD } from '../support/world.ts';

export const ROMEO = `romeo@${HOME}`;
export const BENVOLIO = `benvolio@${HOME}`;
export const JULIET = `juliet@${AWAY}`;

/** The name servers, one at each address. */
export const DNS_FOUR = '10.98.0.2:53';
export const DNS_SIX = '[fd98::2]:53';

const FOUR = ['10.98.0.1/24', '10.98.0.2/24'] as const;
const SIX = ['fd98::1/64', 'fd98::2/64'] as const;

/** Enough for two attempts: back-off ends at 10 s plus jitter. */
const RECOVERY_MS = 30_000;
const LOCAL_MS = 2_000;

export interface NoWay {
  readonly enjamb: Enjamb;
  readonly prosody: Prosody;
  readonly dns: DnsProgram;
  readonly home: Network;
  readonly cable: Cable;
  readonly romeo: SlixmppClient;
  readonly benvolio: SlixmppClient;
  readonly juliet: SlixmppClient;
}

export interface NoWayOptions {
  /** What the cable carries. Default both. */
  readonly families?: 'both' | 'four' | 'six';
  /** Default: the one with an IPv4 address. */
  readonly nameServers?: readonly string[];
  /** Prepares enjamb's network before it starts, when everything else runs. */
  readonly before?: (there: { home: Network; cable: Cable }) => Promise<void>;
}

/** Starts all programs, plugs in the cable, and logs in all users. */
export async function noWay(t: TestContext, options: NoWayOptions = {}): Promise<NoWay> {
  const { families = 'both', nameServers = [DNS_FOUR] } = options;
  const folder = await temporaryFolder(t);
  const certificates = join(folder, 'certs');
  const { caPath } = await makeDevelopmentCertificates(certificates, [HOME, AWAY, ROOMS, HALLS]);
  const [home, away] = [await Network.make(t, 'home'), await Network.make(t, 'away')];
  const addressesOf = (end: 0 | 1) => [
    ...(families === 'six' ? [] : [FOUR[end]]),
    ...(families === 'four' ? [] : [SIX[end]]),
  ];
  const ends = [
    { network: home, addresses: addressesOf(0) },
    { network: away, addresses: addressesOf(1) },
  ] as const;
  const cable = await Cable.make(...ends);
  await cable.plugIn();
  const zone = zoneFor(addressesOf(0), addressesOf(1));
  const dns = await DnsProgram.start(t, {
    network: away,
    addresses: addressesOf(1).map(withoutPrefix),
    zone,
    folder,
  });
  // Prosody's own, which never fails.
  await DnsProgram.start(t, { network: away, addresses: ['127.0.0.1'], zone, folder });
  const prosody = await Prosody.start(t, {
    folder: join(folder, 'prosody'),
    certificates,
    caPath,
    dns: '127.0.0.1:53',
    secureAuth: true,
    modules: ['smacks'],
    network: away,
  });
  await options.before?.({ home, cable });
  const enjamb = await Enjamb.start(t, {
    folder: join(folder, 'enjamb'),
    certificates,
    caPath,
    dns: nameServers,
    address: '*',
    network: home,
    // The server should notice the dead link during the outage, and dial again without a route.
    config: ['s2s_secure_auth = true', 's2s_ack_timeout = 2'],
  });
  const client = (name: string, network: Network) =>
    SlixmppClient.start(t, { folder, caPath, name, network });
  const homeUser = async (name: string): Promise<SlixmppClient> => {
    await enjamb.addUser(`${name}@${HOME}`, PASSWORD);
    const user = await client(name, home);
    await user.login(homeLogin(name));
    return user;
  };
  const juliet = await client('juliet', away);
  await prosody.addUser('juliet', PASSWORD);
  const { address: host, c2s: port } = PROSODY;
  await juliet.login({ ...homeLogin('juliet', AWAY), host, port, mechanism: 'SCRAM-SHA-1' });
  const [romeo, benvolio] = [await homeUser('romeo'), await homeUser('benvolio')];
  return { enjamb, prosody, dns, home, cable, romeo, benvolio, juliet };
}

/** One message arrives. `to` is a bare address. */
export async function says(
  from: SlixmppClient,
  to: readonly [SlixmppClient, string],
  text: string,
  limitMs = LOCAL_MS,
): Promise<void> {
  const [client, address] = to;
  from.send(address, text);
  await client.stanza(text, (it) => it.getChildText('body') === text, { limitMs });
}

/** The error that a message to another server returns. */
export async function comesBack(from: SlixmppClient, to: string, text: string, limitMs: number) {
  from.send(to, text, 'chat', text);
  const isReturn = (it: { attrs: Record<string, string | undefined> }) =>
    it.attrs.type === 'error' && it.attrs.id === text;
  const { element } = await from.stanza(`the return of "${text}"`, isReturn, { limitMs });
  return element.getChild('error')?.elements()[0]?.name;
}

/** Waits until a domain is reachable again by itself. Prosody's room service answers pings with an error. */
export async function recovers(romeo: SlixmppClient, domain: string): Promise<void> {
  const ask = async (): Promise<true | undefined> => {
    const { event, condition } = await romeo.ping(domain);
    return event === 'pong' || condition === 'service-unavailable' ? true : undefined;
  };
  await until(`${domain} can be reached`, ask, RECOVERY_MS);
}

/** Asserts that the process never restarted, contained no exception, and stops in order. */
export async function endsUnharmed({ enjamb }: Pick<NoWay, 'enjamb'>): Promise<void> {
  const errors = enjamb.log.filter(({ level }) => level === 'error');
  assert.deepEqual(errors, []);
  assert.doesNotMatch(await enjamb.command(['metrics']), /^enjamb_internal_errors_total\{/m);
  await enjamb.stop();
}

function zoneFor(home: readonly string[], away: readonly string[]): Record<string, ZoneEntry> {
  const host = (addresses: readonly string[]): ZoneEntry => ({
    A: addresses.map(withoutPrefix).filter((address) => !address.includes(':')),
    AAAA: addresses.map(withoutPrefix).filter((address) => address.includes(':')),
    ttl: 1,
  });
  const service = (port: number, target: string): ZoneEntry => ({ SRV: [`0 0 ${port} ${target}`], ttl: 1 });
  return {
    'enjamb.example': host(home),
    'prosody.example': host(away),
    [HOME]: {},
    [AWAY]: {},
    [`_xmpp-server._tcp.${HOME}`]: service(ENJAMB.s2s, 'enjamb.example'),
    [`_xmpp-server._tcp.${AWAY}`]: service(PROSODY.s2s, 'prosody.example'),
    [`_xmpp-server._tcp.${ROOMS}`]: service(PROSODY.s2s, 'prosody.example'),
    [`_xmpp-server._tcp.${HALLS}`]: service(PROSODY.s2s, 'prosody.example'),
  };
}

function withoutPrefix(address: string): string {
  return address.split('/', 1)[0]!;
}
