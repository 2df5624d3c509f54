// Addresses of this machine or its network, which connections to other servers must not use, since anyone can publish
// DNS records with any address.

import { BlockList } from 'node:net';
import type { Address } from './dns.ts';

/** `loopback`: this machine and its links; `private`: also networks that are not part of the Internet. */
export type RefusedAddresses = 'none' | 'loopback' | 'private';

type Subnet = readonly [network: string, prefix: number, family: 'ipv4' | 'ipv6'];

/**
 * RFC 1122 §3.2.1.3, RFC 3927, RFC 4291 §2.5: loopback, unspecified (this machine, too), link-local, IPv4-compatible.
 * RFC 4380 §4: all of Teredo, since the IPv4 address that it leads to is in its last 32 bits.
 */
const LOOPBACK: readonly Subnet[] = [
  ['0.0.0.0', 8, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['::', 96, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
  ['2001::', 32, 'ipv6'],
];
/** RFC 1918, RFC 6598, RFC 4193, RFC 3879; RFC 8215: translated to any address within the local network. */
const PRIVATE: readonly Subnet[] = [
  ['10.0.0.0', 8, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['fc00::', 7, 'ipv6'],
  ['fec0::', 10, 'ipv6'],
  ['64:ff9b:1::', 48, 'ipv6'],
];

const LISTS: Record<RefusedAddresses, BlockList> = {
  none: listOf([]),
  loopback: listOf(LOOPBACK),
  private: listOf([...LOOPBACK, ...PRIVATE]),
};

/** Whether the setting refuses an address; an IPv4 address in IPv6 form (RFC 4291 §2.5.5.2) counts as itself. */
export function isRefused({ address, family }: Address, refused: RefusedAddresses): boolean {
  return LISTS[refused].check(address, family === 6 ? 'ipv6' : 'ipv4');
}

function listOf(subnets: readonly Subnet[]): BlockList {
  const list = new BlockList();
  for (const subnet of [...subnets, ...subnets.flatMap(embedded)]) list.addSubnet(...subnet);
  return list;
}

/** IPv6 addresses that lead to an IPv4 subnet: through a translator (RFC 6052 §2.1), and 6to4 (RFC 3056 §2). */
function embedded([network, prefix, family]: Subnet): Subnet[] {
  if (family === 'ipv6') return [];
  const [a = 0, b = 0, c = 0, d = 0] = network.split('.').map(Number);
  const group = (high: number, low: number) => (256 * high + low).toString(16);
  return [
    [`64:ff9b::${network}`, 96 + prefix, 'ipv6'],
    [`2002:${group(a, b)}:${group(c, d)}::`, 16 + prefix, 'ipv6'],
  ];
}
