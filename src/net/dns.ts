// Looks up names: hosts file, cache, then DNS.

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
  /** False if the name does not exist (NXDOMAIN). */
  exists: boolean;
  /** Whether the data is authenticated, by DNSSEC (the AD flag of a trusted resolver) or by this machine itself. */
  authenticated: boolean;
  /** The canonical name, if the name is an alias. */
  canonicalName?: string;
  /** The data comes from this machine, without a query. */
  isLocal?: true;
}

/** Addresses of one name by family, each as soon as its answer arrives. */
export type AddressLookups = Record<'six' | 'four', Promise<Answer<Address>>>;

export interface ResolverOptions {
  /** "192.0.2.1", "192.0.2.1:5353", "[2001:db8::1]:53"; empty: the servers of the system. */
  servers: readonly string[];
  /** Default /etc/hosts. */
  hostsFile?: string;
  /** The file with the servers of the system; default /etc/resolv.conf. */
  resolvConf?: string;
  /** The limit for one query to one server. Default 3 s. */
  timeoutMs?: number;
  /** The limit for one lookup with all its aliases, servers and rounds. Default 15 s. */
  lookupMs?: number;
  /**
   * Whether to trust the AD flag of servers on other machines, although an attacker on the network path can set it (RFC
   * 4035 §4.9.3). Default false: only that of servers on this machine.
   */
  believesAll?: boolean;
  clock?: Clock;
}

const NOERROR = 0;
const SERVFAIL = 2;
const NXDOMAIN = 3;
/** The number of queries to each server before the lookup fails. */
const ROUNDS = 2;
const MAX_CACHED = 2000;
/** Docker's resolver: it does not validate, and passes on the flags of servers on other machines. */
const DOCKER = '127.0.0.11';

/** The failures of one lookup. */
interface Failures {
  readonly reasons: Set<string>;
  /** The first trusted server that failed, possibly because of invalid DNSSEC signatures. */
  server: DnsServer | undefined;
}

/** A stub resolver. The one of the system returns neither the AD flag nor the time to live. */
export class Resolver {
  readonly #servers: readonly DnsServer[];
  readonly #resolvConf: string | undefined;
  readonly #hosts: HostsFile;
  readonly #timeoutMs: number;
  readonly #lookupMs: number;
  readonly #believesAll: boolean;
  readonly #cache: LookupCache<Answer<dnsPacket.Answer>>;

  /** @throws Error if an entry of `servers` is not an address. */
  constructor(options: ResolverOptions) {
    this.#servers = options.servers.map(parseServer);
    this.#resolvConf = options.resolvConf;
    this.#hosts = new HostsFile(options.hostsFile ?? '/etc/hosts');
    this.#timeoutMs = options.timeoutMs ?? 3_000;
    this.#lookupMs = options.lookupMs ?? 15_000;
    this.#believesAll = options.believesAll ?? false;
    this.#cache = new LookupCache(options.clock ?? systemClock, MAX_CACHED);
  }

  /** Whether answers can be authenticated: true if the AD flag of any server is trusted. */
  get believesAny(): boolean {
    return this.#serversNow.some((server) => this.#believes(server));
  }

  /** @throws NetError 'dns-failed' if no server sends a usable answer. */
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
   * A and AAAA records together, unless the hosts file or the name itself gives the addresses. They are authenticated
   * if those of one family are, so that an attacker gains nothing by suppressing the other one (RFC 7673 §3.2).
   *
   * @throws NetError 'dns-failed', 'dns-bogus' if one of the lookups fails and the other has no record.
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

  /** The same by family, for callers that do not wait for both. The promises may be left unawaited. */
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
      // Most resolvers follow aliases and answer with the whole chain; the loop is for the others.
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
      throw new NetError('dns-failed', `${name} is an alias with more than ${MAX_CNAMES} steps`);
    });
  }

  async #ask(
    name: string,
    type: RecordType,
    deadline: number,
  ): Promise<{ response: DnsResponse; trusted: boolean }> {
    const failures: Failures = { reasons: new Set(), server: undefined };
    const servers = this.#serversNow;
    for (let round = 0; round < ROUNDS; round++) {
      for (const server of servers) {
        const response = await this.#askServer(server, { name, type, deadline }, failures);
        if (response !== undefined) return { response, trusted: this.#believes(server) };
      }
    }
    throw await this.#failed(name, type, failures);
  }

  /** Asks one server. Returns `undefined` if it has no usable answer, and adds the reason to `failures`. */
  async #askServer(
    server: DnsServer,
    { name, type, deadline }: { name: string; type: RecordType; deadline: number },
    failures: Failures,
  ): Promise<DnsResponse | undefined> {
    const restMs = deadline - performance.now();
    if (restMs <= 0) {
      const limit = `${this.#lookupMs / 1_000} s`;
      throw new NetError('dns-failed', `the lookup of ${name} took longer than ${limit} (${type})`);
    }
    try {
      const response = await queryServer(server, name, type, Math.min(this.#timeoutMs, restMs));
      if (response.rcode === NOERROR || response.rcode === NXDOMAIN) return response;
      failures.reasons.add(`DNS server ${server.address} refused or failed (code ${response.rcode})`);
      if (response.rcode === SERVFAIL && this.#believes(server)) failures.server ??= server;
    } catch (error) {
      failures.reasons.add(reasonOf(error));
    }
    return undefined;
  }

  /** The error of a lookup for which no server had a usable answer. */
  async #failed(name: string, type: RecordType, { reasons, server }: Failures): Promise<NetError> {
    const what = `${name} could not be looked up (${type})`;
    if (server !== undefined && (await this.#isBogus(server, name, type)))
      return new NetError('dns-bogus', `${what}: its DNSSEC signatures are not valid`);
    return new NetError('dns-failed', `${what}: ${[...reasons].join('; ')}`);
  }

  get #serversNow(): readonly DnsServer[] {
    return this.#servers.length > 0 ? this.#servers : systemServers(this.#resolvConf);
  }

  #believes(server: DnsServer): boolean {
    return this.#believesAll || isLoopback(server.address);
  }

  /** A validating resolver has one code for all failures (RFC 4035 §5.5), so this asks again without validation. */
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
export function isLocalhost(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost');
}

function isLoopback(address: string): boolean {
  return address === '::1' || (address.startsWith('127.') && address !== DOCKER);
}
