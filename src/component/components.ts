// All external components (XEP-0114): the domains that they serve, and the connections that are authenticating.

import type { ServerContext } from '../core/context.ts';
import type { LocalHost } from '../core/host.ts';
import type { Connection } from '../net/connection.ts';
import { TokenBuckets } from '../util/flow/index.ts';
import { StreamError } from '../xml/errors.ts';
import type { ComponentContext } from './context.ts';
import { Handshake } from './handshake.ts';
import { Service } from './service.ts';

const MAX_FAILURE_KEYS = 1_000;

export class Components {
  readonly #context: ComponentContext;
  readonly #services = new Map<string, Service>();
  readonly #negotiating = new Set<Handshake>();
  #isClosing = false;

  constructor(context: ServerContext) {
    const { config, log, faults, clock, router, strangers } = context;
    const { auth_failures_per_address: size, auth_failure_window: windowMs } = config.core;
    const failures = new TokenBuckets(clock, { size, windowMs, maxKeys: MAX_FAILURE_KEYS });
    this.#context = { config, log, faults, clock, router, strangers, failures };
  }

  /** Adds a host that an external component serves. */
  add(host: LocalHost): void {
    this.#services.set(host.domain, new Service(host, this.#context.router));
  }

  get services(): readonly Service[] {
    return [...this.#services.values()];
  }

  /** Takes a new connection, and closes it unless it authenticates as a component in time. */
  accept(connection: Connection): void {
    if (this.#isClosing) return connection.destroy();
    const handshake: Handshake = new Handshake(connection, this.#context, this.#services, () => {
      this.#negotiating.delete(handshake);
    });
    this.#negotiating.add(handshake);
  }

  /** Closes all connections with the error `system-shutdown`. */
  close(): void {
    this.#isClosing = true;
    const farewell = new StreamError('system-shutdown');
    for (const handshake of this.#negotiating) handshake.close(farewell);
    for (const service of this.services) {
      const { session } = service;
      service.session = undefined; // Before `close`, so that the hosts are not notified: they stop too.
      session?.close(farewell);
    }
  }
}
