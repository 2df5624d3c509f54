// Looks names up: hosts file, cache, then DNS.

import { getServers } from 'node:dns';
import { isIP } from 'node:net';
import type * as dnsPacket from 'dns-packet';
import { type Clock, systemClock } from '../util/clock.ts';
import { LookupCache } from './dns-cache.ts';
import { type DnsResponse, type DnsServer, queryServer, type RecordType } from './dns-query.ts';
import { NetError, reasonOf } from './errors.ts';
import { HostsFile } from './hosts-file.ts';
import { asciiDomain } from './identity.ts';

export interface Address {
  address: string;
  family: 4 | 6;
}

export interface SrvRecord {
  priority: number;
  weight: number;
  port: number;
  /** Lower case, without the root's dot; "." itself means that there is no such service (RFC 2782). */
  target: string;
}

export interface Answer<T> {
  records: T[];
  /** False when the DNS says that no such name exists (NXDOMAIN). */
  exists: boolean;
  /** DNSSEC vouches for this (the AD flag of a resolver that we may believe), or this machine itself does. */
  authenticated: boolean;
}

export interface ResolverOptions {
  /** "192.0.2.1", "192.0.2.1:5353", "[2001:db8::1]:53"; empty: the system's. */
  servers: readonly string[];
  /** Default /etc/hosts. */
  hostsFile?: string;
  /** For one try at one server. Default 3 s. */
  timeoutMs?: number;
  clock?: Clock;
}

const NOERROR = 0;
const NXDOMAIN = 3;
/** Every server is asked this often before we give up. */
const ROUNDS = 2;
const MAX_SERVERS = 3;
const MAX_CNAMES = 8;
const MAX_RECORDS = 64;
const MAX_CACHED = 2000;
/** Long enough to spare the DNS, short enough that a move is noticed without a restart. */
const MAX_TTL_S = 60 * 60;
/** A name that appears after we asked is found soon. */
const MAX_NEGATIVE_TTL_S = 30;

/** A stub resolver of our own: the system's tells neither AD nor time to live. */
export class Resolver {
  readonly #servers: readonly DnsServer[];
  readonly #hosts: HostsFile;
  readonly #timeoutMs: number;
  readonly #cache: LookupCache<Answer<dnsPacket.Answer>>;

  /** @throws Error when an entry of `servers` is no address. */
  constructor(options: ResolverOptions) {
    this.#servers = options.servers.map(parseServer);
    this.#hosts = new HostsFile(options.hostsFile ?? '/etc/hosts');
    this.#timeoutMs = options.timeoutMs ?? 3_000;
    this.#cache = new LookupCache(options.clock ?? systemClock, MAX_CACHED);
  }

  /** @throws NetError 'dns-failed' when no server gave a usable answer. */
  async resolveSrv(name: string): Promise<Answer<SrvRecord>> {
    const ascii = nameOf(name);
    if (ascii === undefined) return { records: [], exists: false, authenticated: false };
    if (isLocalhost(ascii)) return { records: [], exists: true, authenticated: true };
    const answer = await this.#lookUp(ascii, 'SRV');
    return { ...answer, records: answer.records.flatMap(srvOf) };
  }

  /**
   * A and AAAA together, unless the hosts file or the name itself tells.
   *
   * @throws NetError 'dns-failed' when one of them was not answered and the other has nothing.
   */
  async resolveAddresses(name: string): Promise<Answer<Address>> {
    const local = await this.#localAddresses(name);
    if (local !== undefined) return { records: local, exists: true, authenticated: true };
    const ascii = nameOf(name);
    if (ascii === undefined) return { records: [], exists: false, authenticated: false };
    const results = await Promise.allSettled([this.#lookUp(ascii, 'AAAA'), this.#lookUp(ascii, 'A')]);
    const answers = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const records = answers.flatMap((answer) => answer.records.flatMap(addressOf));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined && records.length === 0) throw failed.reason;
    return {
      records,
      exists: answers.some((answer) => answer.exists),
      authenticated: answers.every((answer) => answer.authenticated),
    };
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
      let alias = name;
      let authenticated = true;
      // A resolver mostly follows aliases itself and answers with the chain; the loop is for those that do not.
      for (let hops = 0; hops <= MAX_CNAMES; hops++) {
        const { response, trusted } = await this.#ask(alias, type);
        authenticated &&= trusted && response.authenticData;
        const exists = response.rcode !== NXDOMAIN;
        const { owner, records } = follow(response, alias, type);
        if (records.length > 0 || !exists || owner === alias) {
          return { value: { records, exists, authenticated }, ttlMs: ttlMs(response, records) };
        }
        alias = owner;
      }
      throw new NetError('dns-failed', `${name} is an alias of an alias, more than ${MAX_CNAMES} deep`);
    });
  }

  async #ask(name: string, type: RecordType): Promise<{ response: DnsResponse; trusted: boolean }> {
    const reasons = new Set<string>();
    const servers = this.#servers.length > 0 ? this.#servers : systemServers();
    for (let round = 0; round < ROUNDS; round++) {
      for (const server of servers) {
        try {
          const response = await queryServer(server, name, type, this.#timeoutMs);
          const trusted = this.#servers.length > 0 || isLoopback(server.address);
          if (response.rcode === NOERROR || response.rcode === NXDOMAIN) return { response, trusted };
          reasons.add(`DNS server ${server.address} refused or failed (code ${response.rcode})`);
        } catch (error) {
          reasons.add(reasonOf(error));
        }
      }
    }
    const why = [...reasons].join('; ') || 'no DNS server is configured';
    throw new NetError('dns-failed', `${name} could not be looked up (${type}): ${why}`);
  }
}

/** @throws Error when it is neither ADDRESS nor ADDRESS:PORT. */
function parseServer(text: string): DnsServer {
  if (isIP(text) !== 0) return { address: text, port: 53 };
  const parts = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text);
  const address = parts?.[1] ?? parts?.[2] ?? '';
  const port = Number(parts?.[3] ?? 53);
  if (isIP(address) === 0 || port < 1 || port > 65535) {
    throw new Error(`"${text}" is no DNS server: write an IP address, and a port if it is not 53`);
  }
  return { address, port };
}

function systemServers(): DnsServer[] {
  return getServers().slice(0, MAX_SERVERS).map(parseServer);
}

/** The wire has no room for longer names (RFC 1035 §2.3.4). */
function nameOf(name: string): string | undefined {
  const ascii = asciiDomain(name);
  return ascii === undefined || ascii.length > 253 ? undefined : ascii;
}

/** RFC 6761 §6.3: resolvers must not send these to the DNS. */
function isLocalhost(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost');
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}

/** Follows the aliases inside one answer: the name at their end, and its records. */
function follow(
  { answers }: DnsResponse,
  name: string,
  type: RecordType,
): { owner: string; records: dnsPacket.Answer[] } {
  let owner = name;
  for (let hops = 0; hops < MAX_CNAMES; hops++) {
    const alias = answers.find((answer) => answer.type === 'CNAME' && plain(answer.name) === owner);
    if (alias?.type !== 'CNAME') break;
    const next = nameOf(alias.data);
    if (next === undefined) break;
    owner = next;
  }
  const records = answers.filter((answer) => answer.type === type && plain(answer.name) === owner);
  return { owner, records: records.slice(0, MAX_RECORDS) };
}

function plain(name: string): string {
  const lower = name.toLowerCase();
  return lower.length > 1 && lower.endsWith('.') ? lower.slice(0, -1) : lower;
}

/** What an answer is good for: its shortest record; a negative one as RFC 2308 §5 says, but briefly. */
function ttlMs(response: DnsResponse, records: dnsPacket.Answer[]): number {
  if (records.length === 0) {
    const soa = response.authorities.find((record) => record.type === 'SOA');
    const seconds = soa?.type === 'SOA' ? Math.min(soa.ttl ?? 0, soa.data.minimum ?? 0) : MAX_NEGATIVE_TTL_S;
    return Math.min(seconds, MAX_NEGATIVE_TTL_S) * 1000;
  }
  const seconds = response.answers.map((record) => ('ttl' in record ? (record.ttl ?? 0) : MAX_TTL_S));
  return Math.min(...seconds, MAX_TTL_S) * 1000;
}

function srvOf(record: dnsPacket.Answer): SrvRecord[] {
  if (record.type !== 'SRV') return [];
  const { priority = 0, weight = 0, port, target } = record.data;
  return [{ priority, weight, port, target: target === '' ? '.' : plain(target) }];
}

function addressOf(record: dnsPacket.Answer): Address[] {
  if (record.type === 'A') return [{ address: record.data, family: 4 }];
  if (record.type === 'AAAA') return [{ address: record.data, family: 6 }];
  return [];
}
