// Several servers in one process that reach each other through pairs of streams, which a test may cut.

import { type Duplex, duplexPair } from 'node:stream';
import type { TestContext } from 'node:test';
import { Connection } from '../../src/net/connection.ts';
import { NetError } from '../../src/net/errors.ts';
import { type Clock, systemClock } from '../../src/util/clock.ts';
import type { ScriptedClient } from './client.ts';
import { startServer, type TestServer } from './server.ts';

export interface NetworkOptions {
  clock?: Clock;
}

interface Line {
  readonly from: TestServer;
  readonly to: TestServer;
  readonly ends: readonly Duplex[];
}

export class Network {
  readonly servers = new Map<string, TestServer>();
  /** Domains that nobody can be reached at for now: dialling them fails, as a connection that is refused does. */
  readonly unreachable = new Set<string>();
  /** How often each domain was dialled. */
  readonly dialled = new Map<string, number>();
  readonly #lines = new Set<Line>();

  /** The server that has this host. */
  of(domain: string): TestServer {
    const found = [...this.servers.values()].find(({ server }) => server.router.hosts.has(domain));
    if (!found) throw new NetError('no-such-domain', `no server has ${domain}`);
    return found;
  }

  client(jid: string): Promise<ScriptedClient> {
    return this.of(jid.split('@')[1]!.split('/')[0]!).client(jid);
  }

  /** Breaks every connection between the servers of two domains, without a word, as a reset does. */
  cut(one: string, other: string): void {
    const [a, b] = [this.of(one), this.of(other)];
    for (const line of this.#lines) {
      const isBetween = (line.from === a && line.to === b) || (line.from === b && line.to === a);
      if (!isBetween) continue;
      this.#lines.delete(line);
      for (const end of line.ends) end.destroy(new Error('read ECONNRESET'));
    }
  }

  async dial(from: () => TestServer, remote: string, clock: Clock): Promise<Connection> {
    this.dialled.set(remote, (this.dialled.get(remote) ?? 0) + 1);
    if (this.unreachable.has(remote)) throw new NetError('connect-failed', `${remote} refuses connections`);
    const to = [...this.servers.values()].find(({ server }) => server.router.hosts.has(remote));
    if (!to) throw new NetError('no-such-domain', `there is no ${remote}`, { permanent: true });
    const [ours, theirs] = linkedPair();
    this.#lines.add({ from: from(), to, ends: [ours, theirs] });
    to.server.acceptServer(new Connection(theirs, { remoteAddress: '192.0.2.2', clock }));
    return new Connection(ours, { remoteAddress: '192.0.2.3', clock });
  }
}

/**
 * Starts servers that know each other: a name for each and its configuration.
 *
 *     const net = await network(t, { montague: `[hosts."montague.lit"]`, capulet: `[hosts."rooms.capulet.lit"] …` });
 */
export async function network(
  t: TestContext,
  configs: Record<string, string>,
  options: NetworkOptions = {},
): Promise<Network> {
  const net = new Network();
  const clock = options.clock ?? systemClock;
  for (const [name, config] of Object.entries(configs)) {
    const self = (): TestServer => net.servers.get(name)!;
    const dial = (remote: string) => net.dial(self, remote, clock);
    net.servers.set(name, await startServer(t, { config, clock, dial }));
  }
  return net;
}

/** A pair whose halves notice each other's end, as sockets do. */
function linkedPair(): [Duplex, Duplex] {
  const [one, other] = duplexPair();
  one.once('close', () => hangUp(one, other));
  other.once('close', () => hangUp(other, one));
  return [one, other];
}

function hangUp(gone: Duplex, other: Duplex): void {
  if (other.destroyed) return;
  if (!gone.writableFinished) other.push(null);
  // What it says now nobody will ever take.
  if (other.readableEnded) other.destroy();
  else other.once('end', () => setImmediate(() => other.destroy()));
}
