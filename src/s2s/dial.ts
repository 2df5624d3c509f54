// How another server is reached: its SRV records or its name, the first address that answers (RFC 6120 §3.2).

import type { Config } from '../config/config.ts';
import { connectTcp } from '../net/connect.ts';
import { Connection } from '../net/connection.ts';
import { Resolver } from '../net/dns.ts';
import { targetsFor } from '../net/srv.ts';

const CONNECT_TIMEOUT_MS = 20_000;

/** Opens a connection to the server of a domain. @throws NetError */
export type Dial = (remote: string, signal: AbortSignal) => Promise<Connection>;

/** Dials by DNS and TCP. */
export function dialer(config: Config): Dial {
  const resolver = new Resolver({ servers: config.core.dns_servers });
  return async (remote, signal) => {
    const targets = await targetsFor(resolver, remote, 'xmpp-server');
    const { socket } = await connectTcp(targets, { resolver, timeoutMs: CONNECT_TIMEOUT_MS, signal });
    return new Connection(socket);
  };
}
