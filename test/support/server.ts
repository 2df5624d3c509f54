// A real server in this process: memory for storage, pairs of streams for sockets, a clock that the test may turn.

import assert from 'node:assert/strict';
import { duplexPair } from 'node:stream';
import type { TestContext } from 'node:test';
import { inspect } from 'node:util';
import { knownModules } from '../../src/cli/configuration.ts';
import { type Config, loadConfig } from '../../src/config/config.ts';
import { ModuleFiles } from '../../src/core/module-files.ts';
import { Connection } from '../../src/net/connection.ts';
import { NetError } from '../../src/net/errors.ts';
import type { Dial } from '../../src/s2s/dial.ts';
import type { Derive } from '../../src/sasl/accounts.ts';
import { deriveKeys } from '../../src/sasl/scram-keys.ts';
import { Server, type ServerParts } from '../../src/server.ts';
import { type Clock, systemClock } from '../../src/util/clock.ts';
import type { FaultPlace, Faults } from '../../src/util/faults.ts';
import { type Logger, silentLogger } from '../../src/util/logger.ts';
import { ScriptedClient } from './client.ts';
import { storageOfTests } from './late-storage.ts';

export interface TestServerOptions {
  /** The configuration, as TOML; the hosts at least. */
  config: string;
  clock?: Clock;
  dial?: Dial;
  /** Default: tables loaded whole, unless ENJAMB_TEST_STORAGE says otherwise. */
  openStorage?: ServerParts['openStorage'];
  /** A folder of modules beside those of the server. */
  plugins?: string;
}

/** Plaintext, in memory, no ports, no limits. */
const BASE = `
storage = "memory"
certificates = "no-such-folder"
interfaces = ["127.0.0.1"]
c2s_ports = []
c2s_direct_tls_ports = []
s2s_ports = []
s2s_direct_tls_ports = []
component_ports = []
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
s2s_require_encryption = false
s2s_secure_auth = false
dane = "never"
s2s_refused_addresses = "none"
limits = false
`;

export class TestServer {
  readonly server: Server;

  constructor(server: Server) {
    this.server = server;
  }

  /** Makes the account if it does not exist (password `secret`), logs in and binds the resource. */
  async client(jid: string): Promise<ScriptedClient> {
    await this.account(jid);
    return this.connect().login(jid);
  }

  async account(jid: string, password = 'secret'): Promise<void> {
    const [user = '', domain = ''] = jid.split('/')[0]!.split('@');
    const host = this.server.router.hosts.get(domain)!;
    if (!host.users.has(user)) await host.createUser(user, password);
  }

  /** A connection on which nothing has been said yet. */
  connect(): ScriptedClient {
    const [ours, theirs] = duplexPair();
    ours.once('close', () => theirs.destroy()); // A pair does not notice that its half is gone.
    this.server.acceptClient(
      new Connection(theirs, {
        remoteAddress: '192.0.2.1',
        clock: this.server.clock,
        faults: this.server.faults,
      }),
    );
    return new ScriptedClient(ours);
  }
}

/** Starts a server and stops it when the test ends. */
export async function startServer(t: TestContext, options: TestServerOptions): Promise<TestServer> {
  const server = new Server({
    config: await testConfig(options.config, options.plugins),
    log: new ErrorLog(),
    clock: options.clock ?? systemClock,
    dial:
      options.dial ??
      (() => Promise.reject(new NetError('connect-failed', 'nobody can be reached from this test'))),
    derive: cheapKeys,
    ...(options.openStorage ? { openStorage: options.openStorage } : storageOfTests()),
  });
  await server.start();
  t.after(async () => {
    await server.stop();
    assertNoMoreFaults(server);
  });
  return new TestServer(server);
}

/** By one iteration: with the usual number, keys take a third of the time of a test in which clients log in. */
export const cheapKeys: Derive = (password, options) => deriveKeys(password, { iterations: 1, ...options });

const expected = new WeakMap<ReadonlyMap<FaultPlace, number>, Partial<Record<FaultPlace, number>>>();

/** Asserts that the server contained exactly these exceptions, which the test caused on purpose. */
export function assertFaults({ counts }: Faults, faults: Partial<Record<FaultPlace, number>>): void {
  assert.deepEqual(Object.fromEntries(counts), faults);
  expected.set(counts, faults);
}

/** Fails the test if the server contained an exception that `assertFaults` did not expect. */
export function assertNoMoreFaults({ faults: { counts }, log }: Server): void {
  const errors = log instanceof ErrorLog ? log.errors.map((error) => inspect(error)) : [];
  const message = `the server has contained an exception:\n${errors.join('\n')}`;
  assert.deepEqual(Object.fromEntries(counts), expected.get(counts) ?? {}, message);
}

/** Remembers the errors that were logged, and nothing else. */
export class ErrorLog implements Logger {
  readonly errors: unknown[] = [];
  readonly debug = silentLogger.debug;
  readonly info = silentLogger.info;
  readonly warn = silentLogger.warn;
  readonly error = (message: string, fields?: object): void => {
    if (message !== 'certificate problem') this.errors.push({ message, ...fields }); // Test servers have none.
  };
  readonly child = (): this => this;
}

/** The server's own modules. Searching the folders again for each server would take a quarter of its start. */
let shipped: ReturnType<typeof knownModules> | undefined;

/** A configuration for tests, checked as a real one is. `text` may override what BASE says. */
export async function testConfig(text: string, plugins?: string): Promise<Config> {
  const folders = plugins === undefined ? [] : [plugins];
  const keys = new Set([...text.matchAll(/^(\w+) *=/gm)].map((match) => match[1]));
  const defaults = [`plugin_paths = ${JSON.stringify(folders)}`, ...BASE.split('\n')];
  const base = defaults.filter((line) => !keys.has(line.split(' ')[0]));
  const whole = `${base.join('\n')}\n${text}`;
  shipped ??= knownModules(new ModuleFiles());
  const known = await (plugins === undefined ? shipped : knownModules(new ModuleFiles(folders)));
  return loadConfig({ text: whole, path: 'test/enjamb.toml' }, known);
}
