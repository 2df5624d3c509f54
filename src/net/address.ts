// IP addresses as text.

import { isIPv4 } from 'node:net';

const MAPPED = '::ffff:';

/** An IPv4 address as itself, also when a dual-stack socket shows it as "::ffff:192.0.2.1". */
export function plainAddress(address: string): string {
  if (!address.startsWith(MAPPED)) return address;
  const v4 = address.slice(MAPPED.length);
  return isIPv4(v4) ? v4 : address;
}

/** "[2001:db8::1]:5222", "192.0.2.1:5222", "xmpp.example.org:5222". */
export function hostAndPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The key of a peer for limits: an IPv4 address, or the /64 network of an IPv6 host. */
export function limitKey(address: string): string {
  return networkOf(address, 4);
}

/** The key of a site for limits: an IPv4 address, or the /48 network of an IPv6 site. */
export function siteKey(address: string): string {
  return networkOf(address, 3);
}

/** The first groups of 16 bits of an IPv6 address. */
function networkOf(address: string, count: number): string {
  if (!address.includes(':')) return address;
  const [head = '', tail] = (address.split('%', 1)[0] ?? '').split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const gap = Array.from({ length: Math.max(8 - left.length - right.length, 0) }, () => '0');
  const groups = tail === undefined ? left : [...left, ...gap, ...right];
  return `${groups
    .slice(0, count)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/${16 * count}`;
}
