// The domains that are in doubt now. A domain without joins is never in doubt.

import type { Context } from './context.ts';
import { DomainWatch, type WatchParts } from './domain.ts';
import type { Trigger } from './episode.ts';

const SUMMARY = {
  idle: 'ok',
  waiting: 'waiting',
  canary: 'asking',
  'fan-out': 'asking',
  down: 'down',
} as const;

export class Watches {
  readonly #context: Context;
  readonly #parts: WatchParts;
  readonly #watches = new Map<string, DomainWatch>();

  constructor(parts: WatchParts) {
    this.#context = parts.context;
    this.#parts = parts;
  }

  /** The domains whose investigation is not over. */
  get open(): string[] {
    return [...this.#watches.values()].filter(({ isOver }) => !isOver).map(({ name }) => name);
  }

  /** The watch of a domain that is in doubt. */
  get(domain: string): DomainWatch | undefined {
    return this.#watches.get(domain);
  }

  /** What each domain in doubt is at. */
  get states(): string[] {
    return [...this.#watches.values()].filter(({ isOver }) => !isOver).map(({ state }) => state);
  }

  /** The state of any domain, for who does not care how it is asked. */
  summary(domain: string): 'ok' | 'waiting' | 'asking' | 'down' {
    return SUMMARY[this.#watches.get(domain)?.state ?? 'idle'];
  }

  trigger(domain: string, cause: Trigger): void {
    if (this.#context.joins.domain(domain)) this.of(domain).trigger(cause);
  }

  of(domain: string): DomainWatch {
    const known = this.#watches.get(domain);
    if (known) return known;
    for (const { name, isOver } of this.#watches.values()) if (isOver) this.#watches.delete(name);
    const watch = new DomainWatch(domain, this.#parts);
    this.#watches.set(domain, watch);
    return watch;
  }
}
