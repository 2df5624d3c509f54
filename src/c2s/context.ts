// What client sessions are given by the server around them.

import type { ServerContext } from '../core/context.ts';
import type { Negotiating } from '../core/host.ts';
import type { ServerTls } from '../net/tls.ts';
import type { StreamTimeouts } from '../stream/deadlines.ts';
import type { ReadBudgets } from '../stream/read-limit.ts';

export interface C2SContext extends ServerContext {
  /** Absent: STARTTLS cannot be offered. */
  readonly tls?: ServerTls;
  readonly options?: Partial<C2SOptions>;
  /** Clients that have not bound a resource yet, kept up to date, for the stop of the server and changes of accounts. */
  readonly negotiating?: Set<Negotiating>;
  /** Limits that all clients of an account share; absent: each client has limits of its own. */
  readonly accountBudgets?: ReadBudgets | undefined;
}

export interface C2SOptions {
  /** At most this many sessions of one account, sleeping ones included. */
  readonly maxSessions: number;
  /** After this many failed attempts to authenticate, another one closes the stream. */
  readonly maxAuthAttempts: number;
  /** How long a failed attempt has to wait for its answer: guessing takes time. */
  readonly authFailureDelayMs: number;
  /** Stanzas of one client whose work is under way; above it, nothing is read. */
  readonly maxPendingWork: number;
  /** Output waiting for one client; above it, nothing is read from it, and read again below half of it. */
  readonly outputMarkBytes: number;
  /** How long that much may wait without having gone out completely. */
  readonly outputTimeoutMs: number;
  readonly timeouts: Partial<StreamTimeouts>;
}

export const C2S_DEFAULTS: C2SOptions = {
  maxSessions: 20,
  maxAuthAttempts: 6, // Five retries, the most that RFC 6120 §6.4.5 allows: libpurple tries SCRAM twice per hash, then PLAIN.
  authFailureDelayMs: 500,
  maxPendingWork: 64,
  outputMarkBytes: 256 * 1024,
  outputTimeoutMs: 5 * 60 * 1000,
  timeouts: {},
};

/** The domain that answers clients which name no host of ours. */
export function defaultDomain({ router }: ServerContext): string | undefined {
  return [...router.hosts.values()].find(({ kind }) => kind === 'local')?.domain;
}
