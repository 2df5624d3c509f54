// What is kept of a session with stream management. Plain data: it outlives a reload of the module.

import type { Timer } from 'enjamb/api';
import type { Inbound } from './inbound.ts';
import type { Outbound, Sent } from './outbound.ts';

declare module 'enjamb/api' {
  interface C2SState {
    /** Absent until the client enables stream management. Owned by smacks. */
    smacks?: StreamManagement;
    /**
     * What the session before at this address left unacknowledged, until it is sent to this one: no more than that
     * session was allowed to keep. Owned by smacks.
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
  /** While the session sleeps: since when, as `clock.elapsed` tells time. */
  asleepSince?: number | undefined;
  /** Until the session is given up. */
  sleepTimer?: Timer | undefined;
  /** The client has a new stream, and has not been told yet what was handled on the old one. */
  isResuming: boolean;
  /** While the module is not loaded: what had passed by then. */
  unseenFrom?: { readonly stanzasIn: number; readonly stanzasOut: number } | undefined;
  resumeTimer?: Timer | undefined;
}
