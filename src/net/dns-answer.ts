// Reads a DNS answer: the records at the end of its aliases, and how long they are valid.

import type * as dnsPacket from 'dns-packet';
import type { DnsResponse, RecordType } from './dns-query.ts';
import { asciiDomain } from './identity.ts';
import type { TlsaRecord } from './tlsa.ts';

export interface Address {
  address: string;
  family: 4 | 6;
}

export interface SrvRecord {
  priority: number;
  weight: number;
  port: number;
  /** Lower case, without the final dot; "." means that the service does not exist (RFC 2782). */
  target: string;
}

export const MAX_CNAMES = 8;
const MAX_RECORDS = 64;
/** Upper limit, so that a server that moves is found again without a restart. */
const MAX_TTL_S = 60 * 60;
/** Upper limit for negative answers, so that a new name is found soon. */
const MAX_NEGATIVE_TTL_S = 30;

/** Follows the aliases inside one answer; returns the canonical name and its records. */
export function follow(
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

/** The lifetime of an answer in ms: that of its shortest-lived record, or as in RFC 2308 §5 for a negative answer. */
export function ttlMs(response: DnsResponse, records: dnsPacket.Answer[]): number {
  if (records.length === 0) {
    const soa = response.authorities.find((record) => record.type === 'SOA');
    const seconds = soa?.type === 'SOA' ? Math.min(soa.ttl ?? 0, soa.data.minimum ?? 0) : MAX_NEGATIVE_TTL_S;
    return Math.min(seconds, MAX_NEGATIVE_TTL_S) * 1000;
  }
  const seconds = response.answers.map((record) => ('ttl' in record ? (record.ttl ?? 0) : MAX_TTL_S));
  return Math.min(...seconds, MAX_TTL_S) * 1000;
}

/** The name in wire form; undefined if it is too long (RFC 1035 §2.3.4). */
export function nameOf(name: string): string | undefined {
  const ascii = asciiDomain(name);
  return ascii === undefined || ascii.length > 253 ? undefined : ascii;
}

export function srvOf(record: dnsPacket.Answer): SrvRecord[] {
  if (record.type !== 'SRV') return [];
  const { priority = 0, weight = 0, port, target } = record.data;
  return [{ priority, weight, port, target: target === '' ? '.' : plain(target) }];
}

export function addressOf(record: dnsPacket.Answer): Address[] {
  if (record.type === 'A') return [{ address: record.data, family: 4 }];
  if (record.type === 'AAAA') return [{ address: record.data, family: 6 }];
  return [];
}

export function tlsaOf(record: dnsPacket.Answer): TlsaRecord[] {
  if (record.type !== 'TLSA') return [];
  const { usage, selector, matchingType, certificate } = record.data;
  return [{ usage, selector, matching: matchingType, data: certificate }];
}

function plain(name: string): string {
  const lower = name.toLowerCase();
  return lower.length > 1 && lower.endsWith('.') ? lower.slice(0, -1) : lower;
}
