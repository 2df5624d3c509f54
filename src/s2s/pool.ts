// All streams with other servers: one link for each pair of domains, and the streams that other servers opened.

import type { Link as LinkView } from '../api/link.ts';
import type { RemoteSender } from '../core/router.ts';
import type { Connection } from '../net/connection.ts';
import type { Clock } from '../util/clock.ts';
import { SharedBudget } from '../util/shared-budget.ts';
import { registeredDomain } from '../xml/domain.ts';
import type { Stanza } from '../xml/element.ts';
import { StreamError } from '../xml/errors.ts';
import { IdleWatch } from './idle.ts';
import { Incoming, type IncomingContext } from './incoming.ts';
import { Link, type SharedParts } from './link.ts';
import { LinkError, type OutgoingContext } from './outgoing.ts';
import { refusalOf } from './policy.ts';
import { QueueBudget } from './queue.ts';
import type { S2SStream } from './stream.ts';
import { Wants } from './wants.ts';

export type LinkPoolContext = IncomingContext & OutgoingContext;

/** Idle links are forgotten after each such number of new links. */
const LINKS_BEFORE_SWEEP = 256;
/** The most links of one host before unused ones are forgotten too. */
const MAX_LINKS = 4_096;
/** When there are too many links, those of a registered domain with more than this are forgotten first. */
const MAX_LINKS_OF_SITE = 64;

/** Calls under way. The share of one account is 50, so that it cannot block others. */
const MAX_CALLS = 1_000;

/** The time that the stopping server waits for a remote that has not answered our call. */
const SILENCE_MS = 2_000;

export class LinkPool implements RemoteSender {
  readonly #context: LinkPoolContext;
  /** By local domain, then by remote domain. */
  readonly #links = new Map<string, Map<string, Link>>();
  #newLinks = 0;
  readonly #incoming = new Set<Incoming>();
  readonly #shared: SharedParts;
  readonly #idle: IdleWatch;
  #isClosing = false;

  constructor(context: LinkPoolContext) {
    this.#context = context;
    this.#idle = new IdleWatch(context.clock, () => this.streams());
    const wants = new Wants({
      clock: context.clock,
      attempt: (local, remote, failed) => this.#link(local, remote).want(failed),
    });
    this.#shared = {
      calls: new SharedBudget(MAX_CALLS),
      waiting: new QueueBudget(),
      wants,
      opened: (stream, remote, local) => this.#link(local, remote).opened(stream),
      ended: (stream) => {
        for (const { host, remote } of stream.pairs) this.#existing(host.domain, remote)?.ended(stream);
      },
    };
  }

  send(local: string, remote: string, stanza: Stanza, isOverhead: boolean): void {
    this.#link(local, remote).send(stanza, isOverhead);
  }

  /** @throws Error when the server cannot be reached, or the domain is one of ours. */
  async connect(local: string, remote: string): Promise<S2SStream> {
    if (this.#context.router.hosts.has(remote)) throw new LinkError(`${remote} is a domain of this server`);
    return this.#link(local, remote).connect();
  }

  get clock(): Clock {
    return this.#context.clock;
  }

  link(local: string, remote: string, owner: object): LinkView {
    const { wants } = this.#shared;
    const existing = () => this.#existing(local, remote);
    return {
      get state() {
        return existing()?.state ?? 'unknown';
      },
      get lastReceivedAt() {
        return existing()?.streams.lastReceivedAt ?? Number.NEGATIVE_INFINITY;
      },
      get nextTry() {
        return existing()?.nextTry ?? wants.nextTry(local, remote);
      },
      get error() {
        return this.state === 'down' ? existing()?.lastError?.message : undefined;
      },
      want(options) {
        return this.state === 'up' ? () => {} : wants.add(local, remote, owner, options);
      },
    };
  }

  forget(owner: object): void {
    this.#shared.wants.forget(owner);
  }

  /** Another server has connected to us. */
  accept(connection: Connection): void {
    if (this.#isClosing) return connection.destroy();
    const incoming: Incoming = new Incoming(connection, this.#context, {
      onAuthenticated: this.#shared.opened,
      onReady: (stream, remote, local) => this.#onReady(stream, remote, local),
      onEnd: () => {
        this.#incoming.delete(incoming);
        if (incoming.stream) this.#shared.ended(incoming.stream);
      },
    });
    this.#incoming.add(incoming);
  }

  /** The links that are in use or have failed lately, and the streams that other servers opened. */
  list(): { links: Link[]; incoming: S2SStream[] } {
    const links = this.#all().filter((link) => !link.isUnused || link.lastError);
    const incoming = [...this.#incoming].flatMap(({ stream }) => (stream ? [stream] : []));
    return { links, incoming };
  }

  /** The last error of a link, in words. */
  lastError(local: string, remote: string): string | undefined {
    return this.#existing(local, remote)?.lastError?.message;
  }

  /** Ends all streams with a remote domain and the pauses after failures. Returns the number of streams. */
  closeDomain(remote: string): number {
    const links = this.#all().filter((link) => link.remote === remote);
    const isConcerned = ({ stream }: Incoming) => stream?.pairs.some((pair) => pair.remote === remote);
    const incoming = [...this.#incoming].filter(isConcerned);
    const count = links.filter(({ outgoing }) => outgoing).length + incoming.length;
    for (const each of [...links, ...incoming]) each.close();
    return count;
  }

  /**
   * Sends the waiting stanzas, and returns to their senders those that were not sent in time. `within` limits the time: it
   * settles when the promise does, or earlier. Called before the streams of clients close, so that clients receive the errors.
   */
  async flush(within: (step: Promise<unknown>) => Promise<unknown>): Promise<void> {
    const links = this.#all().filter(({ queued }) => queued > 0);
    await within(Promise.all(links.map((link) => new Promise<void>((resolve) => link.flush(resolve)))));
    for (const link of links) link.endFlush();
  }

  /**
   * Accepts no more streams, and closes all in order; streams that carry our stanzas close when their queue is empty. Resolves
   * once each peer has closed its side, or the time limit for that has passed.
   */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#idle.stop();
    this.#shared.wants.stop();
    const farewell = new StreamError('system-shutdown');
    for (const incoming of this.#incoming) if (!isCarrier(incoming)) incoming.close(farewell);
    const patience = this.#context.clock.after(SILENCE_MS, () => {
      for (const link of this.#all()) if (!link.carrier && link.outgoing?.isSilent) link.abort(farewell);
    });
    await Promise.all(this.#all().map((link) => link.shutdown()));
    patience.cancel();
  }

  /** Ends all remaining streams immediately. */
  abort(): void {
    const farewell = new StreamError('system-shutdown');
    for (const incoming of this.#incoming) incoming.close(farewell);
    for (const link of this.#all()) link.abort(farewell);
  }

  /** Closes the streams that the changed configuration no longer allows. */
  review(): void {
    for (const stream of this.streams()) {
      const isRefused = stream.pairs.some(({ host, remote }) => refusalOf(host, remote) !== undefined);
      if (isRefused) stream.close(new StreamError('policy-violation'));
    }
  }

  /** All authenticated streams. */
  streams(): S2SStream[] {
    const all = [...this.#incoming, ...this.#all().flatMap(({ outgoing }) => outgoing ?? [])];
    return all.flatMap(({ stream }) => (stream?.authenticatedAt !== undefined ? [stream] : []));
  }

  /** Stanzas may flow on a stream that the peer opened. Ours take it if it is bidirectional, and only those of its own host. */
  #onReady(stream: S2SStream, remote: string, local: string): void {
    this.#idle.start();
    const link = this.#link(local, remote);
    if (stream.carriesOut && local === stream.local) link.offer(stream);
    else link.heard();
  }

  #existing(local: string, remote: string): Link | undefined {
    return this.#links.get(local)?.get(remote);
  }

  #link(local: string, remote: string): Link {
    this.#idle.start();
    const links = this.#links.get(local) ?? new Map<string, Link>();
    this.#links.set(local, links);
    let link = links.get(remote);
    if (!link) {
      if (++this.#newLinks % LINKS_BEFORE_SWEEP === 0) for (const each of this.#links.values()) sweep(each);
      link = new Link(this.#context.router.hosts.get(local)!, remote, this.#context, this.#shared);
      if (this.#isClosing) void link.shutdown();
      links.set(remote, link);
    }
    return link;
  }

  #all(): Link[] {
    return [...this.#links.values()].flatMap((links) => [...links.values()]);
  }
}

function isCarrier({ stream }: Incoming): boolean {
  return stream?.carriesOut === true && stream.remotes.size > 0;
}

/** Forgets idle links, then unused ones while there are too many. */
function sweep(links: Map<string, Link>): void {
  for (const [remote, link] of links) if (link.isIdle) links.delete(remote);
  if (links.size < MAX_LINKS) return;
  const ofSite = new Map<string, number>();
  for (const remote of links.keys()) count(ofSite, registeredDomain(remote), 1);
  // Sites with many links lose theirs first, so that thousands of subdomains of one do not displace others.
  for (const least of [MAX_LINKS_OF_SITE, 0]) {
    for (const [remote, link] of links) {
      if (links.size < MAX_LINKS) return;
      const site = registeredDomain(remote);
      if (!link.isForgettable || ofSite.get(site)! <= least) continue;
      links.delete(remote);
      count(ofSite, site, -1);
    }
  }
}

function count(counts: Map<string, number>, key: string, step: 1 | -1): void {
  counts.set(key, (counts.get(key) ?? 0) + step);
}
