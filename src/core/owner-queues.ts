// Stanzas to owners (users, rooms) whose rows are not in memory yet (docs/adr/0032).
//
//   add ──▶ waiting ──(owner is in memory)──▶ delivered, in order
//                   ──(5 s, or the rows cannot be read)──▶ refused

import type { Clock } from '../util/clock.ts';
import type { Faults } from '../util/faults.ts';
import { StanzaError } from '../xml/errors.ts';

/** For one owner. */
const MAX_STANZAS = 256;
const MAX_BYTES = 1024 * 1024;
const MAX_WAIT_MS = 5_000;
/** For all owners together. */
const MAX_STANZAS_IN_TOTAL = 10_000;
const MAX_BYTES_IN_TOTAL = 32 * 1024 * 1024;

export interface WaitingStanza {
  /** Memory that it takes. */
  readonly bytes: number;
  deliver(): void;
  refuse(error: StanzaError): void;
}

interface Queue {
  readonly stanzas: WaitingStanza[];
  bytes: number;
}

export class OwnerQueues {
  readonly #clock: Clock;
  readonly #faults: Faults;
  /** By the bare JID of the owner. */
  readonly #queues = new Map<string, Queue>();
  #stanzas = 0;
  #bytes = 0;

  constructor(clock: Clock, faults: Faults) {
    this.#clock = clock;
    this.#faults = faults;
  }

  /** Whether stanzas wait for the owner, so that another one has to wait behind them. */
  has(owner: string): boolean {
    return this.#queues.size > 0 && this.#queues.has(owner);
  }

  /**
   * Lets a stanza wait for its owner. `ready` is what the host answers for the owner now.
   * @throws StanzaError 'internal-server-error' (wait) when there is no room
   */
  add(owner: string, ready: true | Promise<void>, stanza: WaitingStanza): void {
    const queue = this.#queues.get(owner) ?? { stanzas: [], bytes: 0 };
    if (!this.#hasRoom(queue, stanza.bytes)) throw notInTime();
    queue.stanzas.push(stanza);
    this.#count(queue, 1, stanza.bytes);
    if (this.#queues.has(owner)) return;
    this.#queues.set(owner, queue);
    loaded(ready, this.#clock).then(
      () => this.#deliver(owner, queue),
      (error: unknown) => this.#refuse(owner, queue, error),
    );
  }

  /** One stanza may be larger than the bound: it is in memory already. */
  #hasRoom({ stanzas, bytes }: Queue, added: number): boolean {
    return (
      stanzas.length < MAX_STANZAS &&
      (stanzas.length === 0 || bytes + added <= MAX_BYTES) &&
      this.#stanzas < MAX_STANZAS_IN_TOTAL &&
      this.#bytes + added <= MAX_BYTES_IN_TOTAL
    );
  }

  /** A stanza that is routed to the owner meanwhile is added to the queue, and delivered last. */
  #deliver(owner: string, queue: Queue): void {
    // Those that were delivered take no room: a room with 200 leaving clients is sent 200 more stanzas meanwhile.
    for (let stanza = queue.stanzas.shift(); stanza; stanza = queue.stanzas.shift()) {
      this.#count(queue, -1, -stanza.bytes);
      stanza.deliver();
    }
    this.#queues.delete(owner);
  }

  #refuse(owner: string, queue: Queue, cause: unknown): void {
    this.#faults.report('work', cause, { owner, waiting: queue.stanzas.length });
    this.#queues.delete(owner);
    for (const stanza of queue.stanzas) {
      this.#count(queue, -1, -stanza.bytes);
      stanza.refuse(notInTime());
    }
  }

  #count(queue: Queue, stanzas: number, bytes: number): void {
    queue.bytes += bytes;
    this.#stanzas += stanzas;
    this.#bytes += bytes;
  }
}

/**
 * Resolves once an owner is in memory.
 * @throws StorageError when the rows cannot be read; Error when that takes more than 5 s
 */
export async function loaded(ready: true | Promise<void>, clock: Clock): Promise<void> {
  const late = Promise.withResolvers<never>();
  const limit = clock.after(MAX_WAIT_MS, () => late.reject(new Error('The owner was not loaded within 5 s')));
  try {
    await Promise.race([ready, late.promise]);
  } finally {
    limit.cancel();
  }
}

/** What the sender is told when an owner cannot be loaded. */
export function notInTime(): StanzaError {
  return new StanzaError('internal-server-error', { type: 'wait', text: 'Try again later' });
}
