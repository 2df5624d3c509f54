// The stream management of a client's session as plain data, which survives a reload of the module and can be saved. Timers
// and callbacks are in clients.ts.

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
  /** The id for `<resume/>`. Absent if the client does not want to resume the session. */
  readonly id?: string;
  /** The longest time that the session may sleep, in ms. */
  readonly maxMs: number;
  readonly inbound: Handled;
  readonly outbound: Outbound<Sent>;
  /** When the session fell asleep, in ms of `clock.elapsed`. Set while it sleeps. */
  asleepSince?: number | undefined;
  /** The numbers of stanzas when the module was unloaded. Set until it is loaded again. */
  unseenFrom?: { readonly stanzasIn: number; readonly stanzasOut: number } | undefined;
}
