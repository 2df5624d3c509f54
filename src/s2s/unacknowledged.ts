// The stanzas that the remote has not acknowledged when the carrier ends, and how often each was sent again.

import type { LocalHost } from '../core/host.ts';
import type { Router } from '../core/router.ts';
import type { Stanza } from '../xml/element.ts';
import { LazyElement } from '../xml/lazy.ts';
import type { HostLedger } from './ledger.ts';
import type { S2SStream } from './stream.ts';

/** A stanza is resent at most this often. If every stream with it broke, the stanza itself may be the cause. */
const MAX_RESENDS = 3;

/** Memory of the unacknowledged stanzas of all streams and hosts. */
export const MAX_UNACKNOWLEDGED_BYTES = 128 * 1024 * 1024;

export interface UnacknowledgedParts {
  readonly host: LocalHost;
  readonly remote: string;
  readonly router: Router;
  readonly ledger: HostLedger;
}

interface Taken {
  readonly all: readonly Stanza[];
  readonly again: readonly Stanza[];
  readonly tooOften: readonly Stanza[];
}

export class Unacknowledged {
  readonly #parts: UnacknowledgedParts;
  readonly #resends = new WeakMap<Stanza, number>();
  #stream: S2SStream | undefined;
  #stanzas: readonly Stanza[] = [];

  constructor(parts: UnacknowledgedParts) {
    this.#parts = parts;
  }

  /** The stream that has left them; `undefined` when there are none. */
  get stream(): S2SStream | undefined {
    return this.#stream;
  }

  /** Whether a stanza must still be sent or returned. False for one that the remote turns out to have from a broken stream. */
  isWanted(stanza: Stanza): boolean {
    return !this.#resends.has(stanza) || !this.#isNeedless(stanza);
  }

  /**
   * Takes over the unacknowledged stanzas of an ended stream, as text. `again`: to be sent again. `tooOften`: resent
   * `MAX_RESENDS` times already, to be returned. `all`: both.
   */
  take(stream: S2SStream): Taken {
    const unwritten = stream.takeUnwritten();
    const left = this.#parts.ledger.unacknowledged(stream, this.#parts.remote) ?? unwritten;
    const all = left.map(lazy);
    const again: Stanza[] = [];
    const tooOften: Stanza[] = [];
    for (const stanza of all) {
      const count = (this.#resends.get(stanza) ?? 0) + 1;
      this.#resends.set(stanza, count);
      (count > MAX_RESENDS ? tooOften : again).push(stanza);
    }
    if (all.length > 0) {
      this.#stream = stream;
      this.#stanzas = all;
    }
    return { all, again: again.filter((stanza) => this.isWanted(stanza)), tooOften };
  }

  /** Returns the first `count` stanzas, which the remote has after all, and forgets all. */
  acknowledge(count: number): ReadonlySet<Stanza> {
    const acknowledged = new Set(this.#stanzas.slice(0, count));
    this.clear();
    return acknowledged;
  }

  clear(): void {
    this.#stream = undefined;
    this.#stanzas = [];
  }

  /** Whether the remote is known to have a stanza, or nothing needs it any more. */
  #isNeedless(stanza: Stanza): boolean {
    const { host, remote, router, ledger } = this.#parts;
    return (
      router.pendingIqs.isOverhead(stanza) ||
      !ledger.mayResend(stanza) ||
      host.hooks.ask('link-resend', { remote, stanza }) === 'needless'
    );
  }
}

/** The stanza as text, without a copy if the ledger has converted it already. */
function lazy(stanza: Stanza): Stanza {
  return stanza instanceof LazyElement ? stanza : new LazyElement(stanza.flattened);
}
