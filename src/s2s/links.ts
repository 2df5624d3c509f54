// All streams with other servers: one route for each pair of domains, and the streams that others opened to us.

import type { RemoteSender } from '../core/router.ts';
import type { Connection } from '../net/connection.ts';
import type { Stanza } from '../xml/element.ts';
import { StreamError } from '../xml/errors.ts';
import { Incoming, type IncomingContext } from './incoming.ts';
import type { OutgoingContext } from './outgoing.ts';
import { Route } from './route.ts';
import type { S2SSession } from './session.ts';

export type LinksContext = IncomingContext & OutgoingContext;

/** More pairs of domains than that are not remembered once they are idle. */
const ROUTES_BEFORE_SWEEP = 256;

export class Links implements RemoteSender {
  readonly #context: LinksContext;
  /** By local domain, then by remote domain. */
  readonly #routes = new Map<string, Map<string, Route>>();
  readonly #incoming = new Set<Incoming>();
  readonly #calls = { underWay: 0 };
  #isClosing = false;

  constructor(context: LinksContext) {
    this.#context = context;
  }

  send(local: string, remote: string, stanza: Stanza): void {
    this.#route(local, remote).send(stanza);
  }

  async connect(local: string, remote: string): Promise<S2SSession> {
    return this.#route(local, remote).connect();
  }

  /** Another server has connected to us. */
  accept(connection: Connection): void {
    if (this.#isClosing) return connection.destroy();
    const incoming: Incoming = new Incoming(connection, this.#context, () => {
      this.#incoming.delete(incoming);
    });
    this.#incoming.add(incoming);
  }

  /** Every route that is in use or has failed lately, and every stream from another server. */
  list(): { routes: Route[]; incoming: S2SSession[] } {
    const routes = this.#all().filter((route) => !route.isIdle || route.lastError);
    const incoming = [...this.#incoming].flatMap(({ session }) => (session ? [session] : []));
    return { routes, incoming };
  }

  /** Why one of our hosts could not reach another server lately. */
  lastError(local: string, remote: string): string | undefined {
    return this.#routes.get(local)?.get(remote)?.lastError?.message;
  }

  /** Ends all streams with one other server, and tells how many there were. What has failed may be tried at once. */
  closeDomain(remote: string): number {
    const routes = this.#all().filter((route) => route.remote === remote);
    const incoming = [...this.#incoming].filter(({ session }) => session?.remotes.has(remote));
    const count = routes.filter(({ isActive }) => isActive).length + incoming.length;
    for (const link of [...routes, ...incoming]) link.close();
    return count;
  }

  /**
   * Takes nothing more and closes all streams in order, outgoing ones when all that waits for them has gone; resolves
   * once every peer has closed its side or has had the time for it.
   */
  async close(): Promise<void> {
    this.#isClosing = true;
    const farewell = new StreamError('system-shutdown');
    for (const incoming of this.#incoming) incoming.close(farewell);
    await Promise.all(this.#all().map((route) => route.shutdown()));
  }

  /** Ends at once what is left. */
  abort(): void {
    const farewell = new StreamError('system-shutdown');
    for (const link of [...this.#all(), ...this.#incoming]) link.close(farewell);
  }

  #route(local: string, remote: string): Route {
    const routes = this.#routes.get(local) ?? new Map<string, Route>();
    this.#routes.set(local, routes);
    let route = routes.get(remote);
    if (!route) {
      if (routes.size >= ROUTES_BEFORE_SWEEP) sweep(routes);
      route = new Route(this.#context.router.hosts.get(local)!, remote, this.#context, this.#calls);
      if (this.#isClosing) void route.shutdown();
      routes.set(remote, route);
    }
    return route;
  }

  #all(): Route[] {
    return [...this.#routes.values()].flatMap((routes) => [...routes.values()]);
  }
}

function sweep(routes: Map<string, Route>): void {
  for (const [remote, route] of routes) if (route.isIdle) routes.delete(remote);
}
