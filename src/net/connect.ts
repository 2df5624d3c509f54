// Connects to the first target that answers (RFC 8305).

import type { Socket } from 'node:net';
import type { Resolver } from './dns.ts';
import type { Target } from './srv.ts';

export interface ConnectOptions {
  resolver: Resolver;
  /** For everything together. */
  timeoutMs: number;
  /** Aborting ends all attempts. */
  signal?: AbortSignal;
}

/** @throws NetError 'connect-failed' that says for each target why. */
export function connectTcp(
  _targets: readonly Target[],
  _options: ConnectOptions,
): Promise<{ socket: Socket; target: Target }> {
  throw new Error('not yet');
}
