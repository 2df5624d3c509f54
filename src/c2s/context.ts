// The objects and limits that all client sessions share.

import type { ServerContext } from '../core/context.ts';
import type { Negotiating } from '../core/host.ts';
import type { ServerTls } from '../net/tls.ts';
import type { StreamTimeouts } from '../stream/deadlines.ts';
import type { ReadBudgets } from '../stream/read-limit.ts';

export interface C2SContext extends ServerContext {
  /** Absent: STARTTLS is not offered. */
  readonly tls?: ServerTls;
  readonly options?: Partial<C2SOptions>;
  /** Streams without a resource. Sessions add and remove themselves; the stop of the server and account changes read it. */
  readonly negotiating?: Set<Negotiating>;
  /** Limits that all clients of an account share; absent: each client has limits of its own. */
  readonly accountBudgets?: ReadBudgets | undefined;
}

export interface C2SOptions {
  /** The most sessions of one account, including sleeping ones. */
  readonly maxSessions: number;
  /** The most failed attempts to authenticate on one stream; the next attempt closes it. */
  readonly maxAuthAttempts: number;
  /** The delay of the answer to a failed attempt, which slows guessing. */
  readonly authFailureDelayMs: number;
  /** The most promises of pending work (`waitUntil`) of one client; above it, reading pauses. */
  readonly maxPendingWork: number;
  /** The most output that is queued for one client; above it, reading pauses until half of it is left. */
  readonly outputMarkBytes: number;
  /** A client that does not read down to that half within this time is disconnected. */
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

/** The domain in our header to a client whose header names none of our hosts: the first host with users. */
export function defaultDomain({ router }: ServerContext): string | undefined {
  return [...router.hosts.values()].find(({ kind }) => kind === 'local')?.domain;
}
