// The result of an attacker: bytes sent, refusals, and lost connections.

import type { Wire } from './wire.ts';

export class Tally {
  readonly #refusals = new Map<string, number>();
  readonly #cuts = new Map<string, number>();
  readonly #notes = new Map<string, number>();
  readonly #closedByUs = new WeakSet<Wire>();
  #lastFailure: string | undefined;
  #fault: string | undefined;
  #hasGivenUp = false;
  #bytes = 0;
  #open = 0;
  #hasOpened = false;

  opened(): void {
    this.#open++;
    this.#hasOpened = true;
  }

  sent(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Counts an event of a particular attack. */
  note(what: string, count = 1): void {
    add(this.#notes, what, count);
  }

  heardErrors(text: string): void {
    for (const [, condition = ''] of text.matchAll(/<error\b[^>]*><([\w-]+)[ />]/g))
      add(this.#refusals, condition);
  }

  /** An operation failed, in most cases because a connection was closed. */
  failed(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#lastFailure = message.replace(/\s+/g, ' ').slice(0, 200);
    if (error instanceof TypeError || error instanceof ReferenceError) this.#fault ??= error.stack;
  }

  /** The attack cannot go on. */
  gaveUp(error: unknown): void {
    this.failed(error);
    this.#hasGivenUp = true;
  }

  /** A bug of the attack itself. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** The attacker closes the connection. */
  closing(wire: Wire): void {
    this.#closedByUs.add(wire);
  }

  closed(wire: Wire, heard: string): void {
    this.#open--;
    if (this.#closedByUs.has(wire)) return;
    const condition = /<stream:error[^>]*><([\w-]+)/.exec(heard)?.[1];
    add(this.#cuts, condition ?? 'without a stream error');
  }

  /** @returns one line */
  text(): string {
    const parts = [
      `${(this.#bytes / 1024 / 1024).toFixed(1)} MiB sent`,
      ...[...this.#notes].map(([what, count]) => `${count} ${what}`),
      ...listed('refused', this.#refusals),
      ...listed('disconnected', this.#cuts),
    ];
    if (this.#hasOpened)
      parts.push(this.#open > 0 ? `${this.#open} still connected` : 'none still connected');
    // Refusals and stream errors already give a reason.
    const isExplained = this.#cuts.size + this.#refusals.size > 0;
    if (this.#hasGivenUp) parts.push(`gave up: ${this.#lastFailure}`);
    else if (this.#lastFailure !== undefined && !isExplained)
      parts.push(`last failure: ${this.#lastFailure}`);
    return parts.join(', ');
  }
}

function listed(what: string, counts: ReadonlyMap<string, number>): string[] {
  return [...counts].map(([condition, count]) => `${what} ${count}× ${condition}`);
}

function add(counts: Map<string, number>, key: string, more = 1): void {
  counts.set(key, (counts.get(key) ?? 0) + more);
}
