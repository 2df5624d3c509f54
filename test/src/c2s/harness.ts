// Hosts with accounts and the module `saslauth`, a router, and clients that send and read text.

import type { TestContext } from 'node:test';
import { CommandRegistry } from '../../../src/admin/commands.ts';
import type { EventName, Handler } from '../../../src/api/events.ts';
import { acceptClient, type C2SContext, type C2SSession } from '../../../src/c2s/index.ts';
import { loadConfig } from '../../../src/config/config.ts';
import { LocalHost } from '../../../src/core/host.ts';
import { loginProtection } from '../../../src/core/login-protection.ts';
import { ModuleFiles } from '../../../src/core/module-files.ts';
import { ModuleHost } from '../../../src/core/module-host.ts';
import { Router } from '../../../src/core/router.ts';
import type { ConnectionOptions } from '../../../src/net/connection.ts';
import type { ServerTls } from '../../../src/net/tls.ts';
import { readBudgets } from '../../../src/session/read-rate.ts';
import { openStorage, storesFor } from '../../../src/storage/index.ts';
import { Faults } from '../../../src/util/faults.ts';
import { silentLogger } from '../../../src/util/logger.ts';
import { MetricRegistry } from '../../../src/util/metrics.ts';
import { FakeClock } from '../../support/clock.ts';
import { connectedPair, type RawPeer } from '../../support/duplex.ts';
import { cheapKeys } from '../../support/server.ts';

export const DOMAIN = 'im.example.com';
export const PASSWORD = 'r0m30myr0m30';

export interface HarnessOptions {
  /** Default true. */
  requireEncryption?: boolean;
  allowPlain?: boolean;
  /** Lines for the configuration. */
  config?: string;
  tls?: ServerTls;
  options?: C2SContext['options'];
  /** Whether the limits on logins of `config` apply. Default false. */
  limitsLogins?: boolean;
  /** Default: saslauth. */
  modules?: readonly string[];
}

export class Harness {
  readonly clock: FakeClock;
  readonly router: Router;
  readonly context: C2SContext;
  readonly negotiating = new Set<C2SSession>();

  constructor(clock: FakeClock, router: Router, context: C2SContext) {
    this.clock = clock;
    this.router = router;
    this.context = { ...context, negotiating: this.negotiating };
  }

  get host(): LocalHost {
    return this.router.hosts.get(DOMAIN)!;
  }

  session(address: string): C2SSession {
    return this.host.sessions.get(address) as C2SSession;
  }

  hook<N extends EventName>(event: N, handler: Handler<N>): void {
    this.host.hooks.add(event, handler, 'deliver', 'test');
  }

  connect(options: ConnectionOptions = {}): Client {
    const { connection, peer } = connectedPair({ clock: this.clock, ...options });
    acceptClient(connection, this.context);
    return new Client(peer);
  }

  /** A client that is bound as juliet (or somebody else) with this resource. */
  async bound(resource: string, user = 'juliet', options: ConnectionOptions = {}): Promise<Client> {
    const client = this.connect(options);
    await client.login(user);
    await client.bind(resource);
    return client;
  }
}

/** Juliet has an account, and clients may use PLAIN without TLS, unless said otherwise. */
export async function startHarness(t: TestContext, options: HarnessOptions = {}): Promise<Harness> {
  const clock = new FakeClock();
  const text = `
    storage = "memory"
    c2s_require_encryption = ${options.requireEncryption ?? false}
    allow_unencrypted_plain_auth = ${options.allowPlain ?? true}
    modules_enabled = []
    ${options.config ?? 'limits = false'}
    [hosts."${DOMAIN}"]
    [hosts."other.example.com"]
    [hosts."rooms.example.com"]
    component = "muc"
  `;
  const config = loadConfig({ text }, new Map([['muc', { serves: 'muc' }]]));
  const faults = new Faults(silentLogger);
  const router = new Router(clock, silentLogger, faults);
  const storage = await openStorage({ driver: 'memory', dataPath: '' });
  t.after(() => storage.close());
  const protection = options.limitsLogins === true ? loginProtection(config, clock) : {};
  const shared = { protection, derive: cheapKeys };
  for (const host of config.hosts) {
    const stores = storesFor(storage, host.domain);
    router.hosts.set(host.domain, new LocalHost(host, stores, silentLogger, faults, shared));
  }
  const context: C2SContext = {
    config,
    clock,
    log: silentLogger,
    faults,
    router,
    accountBudgets: readBudgets({ config, clock }, 'c2s'),
    ...(options.tls ? { tls: options.tls } : {}),
    ...(options.options ? { options: options.options } : {}),
  };
  const harness = new Harness(clock, router, context);
  const moduleContext = { ...context, metrics: new MetricRegistry() };
  for (const host of router.hosts.values()) {
    if (host.kind !== 'local') continue;
    const modules = new ModuleHost(host, new ModuleFiles(), moduleContext, new CommandRegistry());
    await modules.load(options.modules ?? ['saslauth']);
    t.after(() => modules.close());
  }
  await harness.host.createUser('juliet', PASSWORD);
  return harness;
}

export class Client {
  readonly peer: RawPeer;

  constructor(peer: RawPeer) {
    this.peer = peer;
  }

  send(xml: string): void {
    this.peer.send(xml);
  }

  reads(expected: string | RegExp): Promise<string> {
    return this.peer.reads(expected);
  }

  /** Opens a stream; gives the header and the features of the server. */
  async open(to = DOMAIN, attributes = ''): Promise<string> {
    this.send(header(to, attributes));
    return this.reads(/<stream:features\/>|<\/stream:features>/);
  }

  /** Everything up to the end, after a header that must be refused. */
  async refused(text: string): Promise<string> {
    this.send(text);
    return this.peer.readsToEnd();
  }

  auth(mechanism: string, data: string): void {
    this.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='${mechanism}'>${data}</auth>`);
  }

  async login(user = 'juliet', password = PASSWORD): Promise<string> {
    await this.open();
    this.auth('PLAIN', plain(user, password));
    await this.reads(`<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>`);
    return this.open();
  }

  async bind(resource: string): Promise<string> {
    this.send(
      `<iq type='set' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind></iq>`,
    );
    return this.reads('</iq>');
  }

  /** The answer to a request that nobody handles proves that nothing came before it but what is given back. */
  async roundTrip(id: string): Promise<string> {
    this.send(`<iq type='get' id='${id}' to='${DOMAIN}'><query xmlns='urn:example:nothing'/></iq>`);
    const text = await this.reads(new RegExp(`<iq type='error' id='${id}'.*?</iq>`, 's'));
    return text.slice(0, text.lastIndexOf('<iq '));
  }
}

export function header(to = DOMAIN, attributes = ''): string {
  const address = to === '' ? '' : ` to='${to}'`;
  return `<?xml version='1.0'?><stream:stream${address} version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'${attributes}>`;
}

export function plain(user: string, password: string, authzid = ''): string {
  return Buffer.from(`${authzid}\0${user}\0${password}`).toString('base64');
}

export function base64(text: string | Buffer): string {
  return Buffer.from(text).toString('base64');
}
