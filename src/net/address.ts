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
