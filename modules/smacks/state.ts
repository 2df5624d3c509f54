// What is kept of a session with stream management. Plain data: it outlives a reload of the module.

import type { Timer } from 'enjamb/api';
import type { Inbound } from './inbound.ts';
import type { Outbound, Sent } from './outbound.ts';

declare module 'enjamb/api' {
  interface C2SState {
    /** Absent until the client enables stream management. Owned by smacks. */
    smacks?: StreamManagement;
    /**
     * Unacknowledged stanzas of the earlier session at this address, until they are sent to this one. Bounded by the queue
     * of that session. Owned by smacks.
     */
    inherited?: readonly Sent[];
  }
}

export interface StreamManagement {
  /** What the session is resumed by; absent when the client does not want to. */
  readonly id?: string;
  /** How long the client may be away, in ms. */
  readonly maxMs: number;
  readonly inbound: Inbound;
  readonly outbound: Outbound;
  /** An acknowledgement has been asked for, and has not come. */
  isRequested: boolean;
  /** Something has come from the client since we asked. */
  isHeard: boolean;
  /** Until the request, or until the answer to it is overdue. */
  ackTimer?: Timer | undefined;
  /** When the session fell asleep, in ms of `clock.elapsed`. Set while it sleeps. */
  asleepSince?: number | undefined;
  /** Until the session is given up. */
  sleepTimer?: Timer | undefined;
  /** The client has a new stream, and has not been told yet what was handled on the old one. */
  isResuming: boolean;
  /** While the module is not loaded: what had passed by then. */
  unseenFrom?: { readonly stanzasIn: number; readonly stanzasOut: number } | undefined;
  resumeTimer?: Timer | undefined;
}
