// One stanza on its way through the router.

import type { StanzaEvent, StanzaNotes } from '../api/events.ts';
import type { Origin } from '../api/session.ts';
import type { Stanza } from '../xml/element.ts';
import type { Jid } from '../xml/jid.ts';
import type { LocalHost } from './host.ts';
import type { PendingWork } from './work.ts';

/** What the router knows of all stanzas. */
export interface RoutingContext {
  readonly hosts: ReadonlyMap<string, LocalHost>;
  readonly work: PendingWork;
}

export class RoutedStanza<O extends Origin = Origin> implements StanzaEvent<O> {
  stanza: Stanza;
  readonly from: Jid;
  readonly to: Jid;
  readonly origin: O;
  readonly #context: RoutingContext;
  #isOverhead = false;
  #notes: StanzaNotes | undefined;
  /** The work that it has left since it was deferred. */
  #deferred: Promise<unknown>[] | undefined;

  constructor(stanza: Stanza, from: Jid, to: Jid, origin: O, context: RoutingContext) {
    this.stanza = stanza;
    this.from = from;
    this.to = to;
    this.origin = origin;
    this.#context = context;
  }

  /** Created on first use: most stanzas have no notes. */
  get notes(): StanzaNotes {
    this.#notes ??= {};
    return this.#notes;
  }

  markOverhead(): void {
    if (this.#isOverhead || this.origin.kind !== 's2s') return;
    this.#isOverhead = true;
    this.origin.countOverhead(this.stanza);
  }

  /** Sender and recipient stay in memory until the work has settled, since it may read what tables have of them. */
  waitUntil(work: Promise<unknown>): void {
    this.#deferred?.push(work);
    this.#context.work.add(work, this.stanza.name);
    this.origin.hold?.(work);
    this.#holdOwner(this.from, work);
    this.#holdOwner(this.to, work);
  }

  /** Counts the stanza as not handled until the returned function was called and all later work has settled. */
  defer(): () => void {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    this.waitUntil(promise);
    const deferred: Promise<unknown>[] = [];
    this.#deferred = deferred;
    return () => resolve(Promise.allSettled(deferred));
  }

  #holdOwner({ local, domain }: Jid, work: Promise<unknown>): void {
    if (local === undefined) return;
    const release = this.#context.hosts.get(domain)?.stores.hold(local);
    if (release) work.then(release, release);
  }
}
