// Looks names up: hosts file, cache, then DNS over UDP and TCP.

export interface Address {
  address: string;
  family: 4 | 6;
}
export interface SrvRecord {
  priority: number;
  weight: number;
  port: number;
  target: string;
}

export interface Answer<T> {
  records: T[];
  /** False when the DNS says that no such name exists (NXDOMAIN). */
  exists: boolean;
  /** The AD flag: a validating resolver vouches for this (RFC 4035). */
  authenticated: boolean;
}

export interface ResolverOptions {
  /** "192.0.2.1", "192.0.2.1:5353", "[2001:db8::1]:53"; empty: the system's. */
  servers: readonly string[];
  /** Default /etc/hosts. */
  hostsFile?: string;
  /** For one try at one server. Default 3 s. */
  timeoutMs?: number;
}

export class Resolver {
  constructor(_options: ResolverOptions) {}
  /** @throws NetError 'dns-failed' when no server gave a usable answer. */
  resolveSrv(_name: string): Promise<Answer<SrvRecord>> {
    throw new Error('not yet');
  }
  /** A and AAAA together. @throws NetError 'dns-failed' when neither was answered. */
  resolveAddresses(_name: string): Promise<Answer<Address>> {
    throw new Error('not yet');
  }
}
