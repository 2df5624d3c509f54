// Looks names up: hosts file, cache, then DNS.

import { isIP } from 'node:net';
import type * as dnsPacket from 'dns-packet';
import { type Clock, systemClock } from '../util/clock.ts';
import {
  type Address,
  addressOf,
  follow,
  MAX_CNAMES,
  nameOf,
  type SrvRecord,
  srvOf,
  tlsaOf,
  ttlMs,
} from './dns-answer.ts';
import { LookupCache } from './dns-cache.ts';
import { type DnsResponse, queryServer, type RecordType } from './dns-query.ts';
import { NetError, reasonOf } from './errors.ts';
import { HostsFile } from './hosts-file.ts';
import { asciiDomain } from './identity.ts';
import { type DnsServer, parseServer, systemServers } from './name-servers.ts';
import type { TlsaRecord } from './tlsa.ts';

export type { Address, SrvRecord } from './dns-answer.ts';

export interface Answer<T> {
  records: T[];
  /** False when the DNS says that no such name exists (NXDOMAIN). */
  exists: boolean;
  /** DNSSEC vouches for this (the AD flag of a resolver that we may believe), or this machine itself does. */
  authenticated: boolean;
  /** Where the aliases end, if the name is one. */
  canonicalName?: string;
  /** This machine said it, nobody was asked. */
  isLocal?: true;
}

/** Addresses of one name by family, each as soon as it is known. */
export type AddressLookups = Record<'six' | 'four', Promise<Answer<Address>>>;

export interface ResolverOptions {
  /** "192.0.2.1", "192.0.2.1:5353", "[2001:db8::1]:53"; empty: the system's. */
  servers: readonly string[];
  /** Default /etc/hosts. */
  hostsFile?: string;
  /** The file that lists the system's servers; default /etc/resolv.conf. */
  resolvConf?: string;
  /** For one try at one server. Default 3 s. */
  timeoutMs?: number;
  /** For one look-up with all its aliases, servers and rounds. Default 15 s: silent servers must not take minutes. */
  lookupMs?: number;
  /**
   * Whether the AD flag is believed of servers on other machines, too: whoever is on the way there can set it (RFC 4035
   * §4.9.3). Default false: only of servers on this machine.
   */
  believesAll?: boolean;
  clock?: Clock;
}

const NOERROR = 0;
const SERVFAIL = 2;
const NXDOMAIN = 3;
/** Every server is asked this often before we give up. */
const ROUNDS = 2;
const MAX_CACHED = 2000;
/** The resolver in containers: it validates nothing, and passes on the flags of servers elsewhere. */
const DOCKER = '127.0.0.11';

/** A stub resolver of our own: the system's tells neither AD nor time to live. */
export class Resolver {
  readonly #servers: readonly DnsServer[];
  readonly #resolvConf: string | undefined;
  readonly #hosts: HostsFile;
  readonly #timeoutMs: number;
  readonly #lookupMs: number;
  readonly #believesAll: boolean;
  readonly #cache: LookupCache<Answer<dnsPacket.Answer>>;

  /** @throws Error when an entry of `servers` is no address. */
  constructor(options: ResolverOptions) {
    this.#servers = options.servers.map(parseServer);
    this.#resolvConf = options.resolvConf;
    this.#hosts = new HostsFile(options.hostsFile ?? '/etc/hosts');
    this.#timeoutMs = options.timeoutMs ?? 3_000;
    this.#lookupMs = options.lookupMs ?? 15_000;
    this.#believesAll = options.believesAll ?? false;
    this.#cache = new LookupCache(options.clock ?? systemClock, MAX_CACHED);
  }

  /** Whether any answer can be authenticated at all, as far as we may believe it. */
  get believesAny(): boolean {
    return this.#serversNow.some((server) => this.#believes(server));
  }

  /** @throws NetError 'dns-failed' when no server gave a usable answer. */
  async resolveSrv(name: string): Promise<Answer<SrvRecord>> {
    const ascii = nameOf(name);
    if (ascii === undefined) return { records: [], exists: false, authenticated: false };
    if (isLocalhost(ascii)) return { records: [], exists: true, authenticated: true, isLocal: true };
    const answer = await this.#lookUp(ascii, 'SRV');
    return { ...answer, records: answer.records.flatMap(srvOf) };
  }

  /** @throws NetError 'dns-failed', 'dns-bogus' */
  async resolveTlsa(name: string): Promise<Answer<TlsaRecord>> {
    const ascii = nameOf(name);
    if (ascii === undefined || isLocalhost(ascii))
      return { records: [], exists: false, authenticated: false };
    const answer = await this.#lookUp(ascii, 'TLSA');
    return { ...answer, records: answer.records.flatMap(tlsaOf) };
  }

  /**
   * A and AAAA together, unless the hosts file or the name itself tells. They are authenticated when those of one
   * family are: whoever keeps the other ones back must gain nothing by it (RFC 7673 §3.2).
   *
   * @throws NetError 'dns-failed', 'dns-bogus' when one of them was not answered and the other has nothing.
   */
  async resolveAddresses(name: string): Promise<Answer<Address>> {
    const { six, four } = await this.lookUpAddresses(name);
    const results = await Promise.allSettled([six, four]);
    const answers = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const found = answers.filter(({ records }) => records.length > 0);
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined && found.length === 0) throw failed.reason;
    const secured = found.find(({ authenticated }) => authenticated);
    return {
      records: found.flatMap(({ records }) => records),
      exists: answers.some(({ exists }) => exists),
      authenticated:
        found.length > 0 ? secured !== undefined : answers.every((answer) => answer.authenticated),
      ...(secured?.canonicalName === undefined ? {} : { canonicalName: secured.canonicalName }),
      ...(answers.some(({ isLocal }) => isLocal) ? { isLocal: true } : {}),
    };
  }

  /** The same by family, for who does not wait for both. Neither promise needs to be waited for. */
  async lookUpAddresses(name: string): Promise<AddressLookups> {
    const local = await this.#localAddresses(name);
    const ascii = nameOf(name);
    const lookUp = async (type: 'A' | 'AAAA', family: 4 | 6): Promise<Answer<Address>> => {
      if (local !== undefined) {
        const records = local.filter((address) => address.family === family);
        return { records, exists: true, authenticated: true, isLocal: true };
      }
      if (ascii === undefined) return { records: [], exists: false, authenticated: false };
      const answer = await this.#lookUp(ascii, type);
      return { ...answer, records: answer.records.flatMap(addressOf) };
    };
    const lookups = { six: lookUp('AAAA', 6), four: lookUp('A', 4) };
    for (const lookup of Object.values(lookups)) lookup.catch(() => {});
    return lookups;
  }

  async #localAddresses(name: string): Promise<Address[] | undefined> {
    const literal = name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name;
    const family = isIP(literal);
    if (family === 4 || family === 6) return [{ address: literal, family }];
    const key = asciiDomain(name) ?? name.toLowerCase();
    const listed = await this.#hosts.lookup(key);
    if (listed.length > 0) return listed;
    if (!isLocalhost(key)) return undefined;
    return [
      { address: '::1', family: 6 },
      { address: '127.0.0.1', family: 4 },
    ];
  }

  #lookUp(name: string, type: RecordType): Promise<Answer<dnsPacket.Answer>> {
    return this.#cache.get(`${type} ${name}`, async () => {
      const deadline = performance.now() + this.#lookupMs;
      let alias = name;
      let authenticated = true;
      // A resolver mostly follows aliases itself and answers with the chain; the loop is for those that do not.
      for (let hops = 0; hops <= MAX_CNAMES; hops++) {
        const { response, trusted } = await this.#ask(alias, type, deadline);
        authenticated &&= trusted && response.authenticData;
        const exists = response.rcode !== NXDOMAIN;
        const { owner, records } = follow(response, alias, type);
        if (records.length > 0 || !exists || owner === alias) {
          const canonical = owner === name ? {} : { canonicalName: owner };
          return { value: { records, exists, authenticated, ...canonical }, ttlMs: ttlMs(response, records) };
        }
        alias = owner;
      }
      throw new NetError('dns-failed', `${name} is an alias of an alias, more than ${MAX_CNAMES} deep`);
    });
  }

  async #ask(
    name: string,
    type: RecordType,
    deadline: number,
  ): Promise<{ response: DnsResponse; trusted: boolean }> {
    const reasons = new Set<string>();
    let failing: DnsServer | undefined;
    const servers = this.#serversNow;
    for (let round = 0; round < ROUNDS; round++) {
      for (const server of servers) {
        const restMs = deadline - performance.now();
        if (restMs <= 0)
          throw new NetError('dns-failed', `${name} was not found in ${this.#lookupMs / 1_000} s (${type})`);
        try {
          const response = await queryServer(server, name, type, Math.min(this.#timeoutMs, restMs));
          const trusted = this.#believes(server);
          if (response.rcode === NOERROR || response.rcode === NXDOMAIN) return { response, trusted };
          reasons.add(`DNS server ${server.address} refused or failed (code ${response.rcode})`);
          if (response.rcode === SERVFAIL && trusted) failing ??= server;
        } catch (error) {
          reasons.add(reasonOf(error));
        }
      }
    }
    if (failing !== undefined && (await this.#isBogus(failing, name, type))) {
      const reason = `${name} could not be looked up (${type}): its DNSSEC signatures are not valid`;
      throw new NetError('dns-bogus', reason);
    }
    const why = [...reasons].join('; ');
    throw new NetError('dns-failed', `${name} could not be looked up (${type}): ${why}`);
  }

  get #serversNow(): readonly DnsServer[] {
    return this.#servers.length > 0 ? this.#servers : systemServers(this.#resolvConf);
  }

  #believes(server: DnsServer): boolean {
    return this.#believesAll || isLoopback(server.address);
  }

  /** A validating resolver has one code for all that goes wrong (RFC 4035 §5.5); unchecked, the answer is there or not. */
  async #isBogus(server: DnsServer, name: string, type: RecordType): Promise<boolean> {
    try {
      const { rcode } = await queryServer(server, name, type, this.#timeoutMs, true);
      return rcode === NOERROR || rcode === NXDOMAIN;
    } catch {
      return false;
    }
  }
}

/** RFC 6761 §6.3: resolvers must not send these to the DNS. */
function isLocalhost(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost');
}

function isLoopback(address: string): boolean {
  return address === '::1' || (address.startsWith('127.') && address !== DOCKER);
}
