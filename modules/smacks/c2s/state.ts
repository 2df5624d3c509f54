// What stream management knows of a client's session: plain data, so that it outlives a reload of the module and can be
// saved. Timers and callbacks are in clients.ts.

import type { Handled } from '../inbound.ts';
import type { Outbound } from '../outbound.ts';
import type { Delivery } from './deliveries.ts';

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

/**
 * An unacknowledged stanza. It is kept as text, because a tree takes three times the memory and keeps the bytes alive that
 * it was parsed from (docs/adr/0014).
 */
export interface Sent {
  /** As it was written to the stream. */
  readonly text: string;
  /** Size of `text` in UTF-8. */
  readonly bytes: number;
  /** In ms since 1970. */
  readonly at: number;
  readonly delivery: Delivery | undefined;
  /** The sender keeps a copy until the client has acknowledged the element. */
  readonly isCopied: boolean;
}

export interface StreamManagement {
  /** What the session is resumed by; absent when the client does not want to resume it. */
  readonly id?: string;
  /** How long the client may be away, in ms. */
  readonly maxMs: number;
  readonly inbound: Handled;
  readonly outbound: Outbound<Sent>;
  /** When the session fell asleep, in ms of `clock.elapsed`. Set while it sleeps. */
  asleepSince?: number | undefined;
  /** While the module is not loaded: what had passed by then. */
  unseenFrom?: { readonly stanzasIn: number; readonly stanzasOut: number } | undefined;
}
