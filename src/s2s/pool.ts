// All streams with other servers: one route for each pair of domains, and the streams that others opened to us.

import type { RemoteSender } from '../core/router.ts';
import type { Connection } from '../net/connection.ts';
import { SharedBudget } from '../util/shared-budget.ts';
import { registeredDomain } from '../xml/domain.ts';
import type { Stanza } from '../xml/element.ts';
import { StreamError } from '../xml/errors.ts';
import { IdleWatch } from './idle.ts';
import { Incoming, type IncomingContext } from './incoming.ts';
import { LinkError, type OutgoingContext } from './outgoing.ts';
import { refusalOf } from './policy.ts';
import { Route } from './route.ts';
import type { S2SSession } from './session.ts';
import { WaitingBudget } from './waiting.ts';

export type LinksContext = IncomingContext & OutgoingContext;

/** After so many new pairs of domains those are forgotten that are idle. */
const ROUTES_BEFORE_SWEEP = 256;
/** Of those with whom there has been a link lately, more than that are not remembered. */
const MAX_ROUTES = 4_096;
/** Of one registered domain, so many are remembered like others; when there are too many in all, more of it go first. */
const MAX_ROUTES_OF_SITE = 64;

/** Calls under way. The share of one account is 50, so that it cannot block others. */
const MAX_CALLS = 1_000;

/** A server that is called for the last time, and has not said a word by then, is not waited for. */
const SILENCE_MS = 2_000;

export class Links implements RemoteSender {
  readonly #context: LinksContext;
  /** By local domain, then by remote domain. */
  readonly #routes = new Map<string, Map<string, Route>>();
  #newRoutes = 0;
  readonly #incoming = new Set<Incoming>();
  readonly #budgets = { calls: new SharedBudget(MAX_CALLS), waiting: new WaitingBudget() };
  readonly #idle: IdleWatch;
  #isClosing = false;

  constructor(context: LinksContext) {
    this.#context = context;
    this.#idle = new IdleWatch(context.clock, () => this.sessions());
  }

  send(local: string, remote: string, stanza: Stanza): void {
    this.#route(local, remote).send(stanza);
  }

  /** @throws Error when the server cannot be reached, or the domain is ours. */
  async connect(local: string, remote: string): Promise<S2SSession> {
    if (this.#context.router.hosts.has(remote)) throw new LinkError(`${remote} is here`);
    return this.#route(local, remote).connect();
  }

  /** Another server has connected to us. */
  accept(connection: Connection): void {
    if (this.#isClosing) return connection.destroy();
    const incoming: Incoming = new Incoming(connection, this.#context, {
      onReady: (session, remote, local) => this.#onReady(session, remote, local),
      onEnd: () => {
        this.#incoming.delete(incoming);
        const { session } = incoming;
        for (const remote of session?.remotes ?? []) this.#existing(session!.local, remote)?.ended(session!);
      },
    });
    this.#incoming.add(incoming);
  }

  /** Every route that is in use or has failed lately, and every stream from another server. */
  list(): { routes: Route[]; incoming: S2SSession[] } {
    const routes = this.#all().filter((route) => !route.isUnused || route.lastError);
    const incoming = [...this.#incoming].flatMap(({ session }) => (session ? [session] : []));
    return { routes, incoming };
  }

  /** Why one of our hosts could not reach another server lately. */
  lastError(local: string, remote: string): string | undefined {
    return this.#existing(local, remote)?.lastError?.message;
  }

  /** Ends all streams with one other server, and tells how many there were. What has failed may be tried at once. */
  closeDomain(remote: string): number {
    const routes = this.#all().filter((route) => route.remote === remote);
    const isConcerned = ({ session }: Incoming) => session?.pairs.some((pair) => pair.remote === remote);
    const incoming = [...this.#incoming].filter(isConcerned);
    const count = routes.filter(({ isActive }) => isActive).length + incoming.length;
    for (const link of [...routes, ...incoming]) link.close();
    return count;
  }

  /**
   * Our clients are about to go: what waits for other servers is sent as long as `within` waits, or returned while they
   * can still be told.
   */
  async hurry(within: (step: Promise<unknown>) => Promise<unknown>): Promise<void> {
    const routes = this.#all().filter(({ queued }) => queued > 0);
    await within(Promise.all(routes.map((route) => new Promise<void>((resolve) => route.hurry(resolve)))));
    for (const route of routes) route.relax();
  }

  /**
   * Takes nothing more and closes all streams in order, outgoing ones when all that waits for them has gone; resolves
   * once every peer has closed its side or has had the time for it.
   */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#idle.stop();
    const farewell = new StreamError('system-shutdown');
    for (const incoming of this.#incoming) if (!isCarrier(incoming)) incoming.close(farewell);
    const patience = this.#context.clock.after(SILENCE_MS, () => {
      for (const route of this.#all()) if (!route.session && route.call?.isSilent) route.abort(farewell);
    });
    await Promise.all(this.#all().map((route) => route.shutdown()));
    patience.cancel();
  }

  /** Ends at once what is left. */
  abort(): void {
    const farewell = new StreamError('system-shutdown');
    for (const incoming of this.#incoming) incoming.close(farewell);
    for (const route of this.#all()) route.abort(farewell);
  }

  /** Closes the links that the configuration, which may have changed, does not allow any more. */
  review(): void {
    const { hosts } = this.#context.router;
    const refused = (session: S2SSession) =>
      session.pairs.some(({ local, remote }) => refusalOf(hosts.get(local)!, remote) !== undefined);
    for (const session of this.sessions()) {
      if (refused(session)) session.close(new StreamError('policy-violation'));
    }
  }

  /** Every stream on which somebody has been authenticated. */
  sessions(): S2SSession[] {
    const all = [...this.#incoming, ...this.#all().flatMap(({ call }) => (call ? [call] : []))];
    return all.flatMap(({ session }) => (session?.authenticatedAt !== undefined ? [session] : []));
  }

  /**
   * A stream of the peer's has been authenticated; whether our stanzas may take it depends on what was agreed on. Those
   * of other hosts than the stream's own take streams of their own.
   */
  #onReady(session: S2SSession, remote: string, local: string): void {
    this.#idle.start();
    const route = this.#route(local, remote);
    if (session.carriesOut && local === session.local) route.offer(session);
    else route.heard();
  }

  #existing(local: string, remote: string): Route | undefined {
    return this.#routes.get(local)?.get(remote);
  }

  #route(local: string, remote: string): Route {
    this.#idle.start();
    const routes = this.#routes.get(local) ?? new Map<string, Route>();
    this.#routes.set(local, routes);
    let route = routes.get(remote);
    if (!route) {
      if (++this.#newRoutes % ROUTES_BEFORE_SWEEP === 0)
        for (const each of this.#routes.values()) sweep(each);
      route = new Route(this.#context.router.hosts.get(local)!, remote, this.#context, this.#budgets);
      if (this.#isClosing) void route.shutdown();
      routes.set(remote, route);
    }
    return route;
  }

  #all(): Route[] {
    return [...this.#routes.values()].flatMap((routes) => [...routes.values()]);
  }
}

function isCarrier({ session }: Incoming): boolean {
  return session?.carriesOut === true && session.remotes.size > 0;
}

/** Forgets routes that are not in use: at first those with nothing to remember, then as many as must be. */
function sweep(routes: Map<string, Route>): void {
  for (const [remote, route] of routes) if (route.isIdle) routes.delete(remote);
  if (routes.size < MAX_ROUTES) return;
  const ofSite = new Map<string, number>();
  for (const remote of routes.keys()) count(ofSite, registeredDomain(remote), 1);
  // First those of sites with many, so that one that has thousands of subdomains makes nobody else forgotten.
  for (const least of [MAX_ROUTES_OF_SITE, 0]) {
    for (const [remote, route] of routes) {
      if (routes.size < MAX_ROUTES) return;
      const site = registeredDomain(remote);
      if (!route.isUnused || ofSite.get(site)! <= least) continue;
      routes.delete(remote);
      count(ofSite, site, -1);
    }
  }
}

function count(counts: Map<string, number>, key: string, step: 1 | -1): void {
  counts.set(key, (counts.get(key) ?? 0) + step);
}
