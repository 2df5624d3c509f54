// The DNS servers of the system (resolv.conf(5)).

import { Resolver as SystemResolver } from 'node:dns';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';

export interface DnsServer {
  /** A link-local address includes its zone: "fe80::1%eth0". */
  address: string;
  port: number;
}

/** The limit of the system's own resolver (MAXNS). */
const MAX_SERVERS = 3;
/** The default of resolv.conf(5). */
const LOCAL = '127.0.0.1';

/**
 * Parses a DNS server from the configuration.
 * @throws Error when it is neither ADDRESS nor ADDRESS:PORT.
 */
export function parseServer(text: string): DnsServer {
  if (isIP(text) !== 0) return { address: text, port: 53 };
  const parts = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text);
  const address = parts?.[1] ?? parts?.[2] ?? '';
  const port = Number(parts?.[3] ?? 53);
  if (isIP(address) === 0 || port < 1 || port > 65535) {
    throw new Error(`"${text}" is no DNS server: write an IP address, and a port if it is not 53`);
  }
  return { address, port };
}

/**
 * Returns at most three servers that `file` names, or the one on this machine if it names none. Reads the file at each
 * call (20 µs), because the list changes when the machine joins a network. Node reads its own list once, at the start,
 * and drops the zone of link-local addresses, so it is used only where the file cannot be read.
 */
export function systemServers(file = '/etc/resolv.conf'): DnsServer[] {
  const listed = readServers(file) ?? new SystemResolver().getServers();
  const addresses = listed.filter((address) => isIP(address) !== 0).slice(0, MAX_SERVERS);
  if (addresses.length === 0) addresses.push(LOCAL);
  return addresses.map((address) => ({ address, port: 53 }));
}

function readServers(file: string): string[] | undefined {
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
  return content.split('\n').flatMap((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? []);
}
