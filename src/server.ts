// The composition root: which parts a server has, and in which order they start and stop.

import { mkdir } from 'node:fs/promises';
import { CommandRegistry } from './admin/commands.ts';
import { acceptClient, type C2SContext, type C2SSession, clientDoor } from './c2s/index.ts';
import { registerComponentCommands } from './component/commands.ts';
import { Components } from './component/components.ts';
import { settingsForRestart } from './config/changes.ts';
import type { Config, HostConfig } from './config/config.ts';
import { EXTERNAL } from './config/modules.ts';
import { registerCoreCommands } from './core/commands.ts';
import type { ServerContext } from './core/context.ts';
import { type HostShared, LocalHost } from './core/host.ts';
import { loginProtection } from './core/login-protection.ts';
import { measureCore } from './core/metrics.ts';
import { ModuleFiles } from './core/module-files.ts';
import { ModuleHost } from './core/module-host.ts';
import { Router } from './core/router.ts';
import { CertificateStore } from './net/certificates.ts';
import type { Connection } from './net/connection.ts';
import { ConnectionRate, measureConnections } from './net/connection-rate.ts';
import { makeDevelopmentCertificates } from './net/dev-certificates.ts';
import type { NetError } from './net/errors.ts';
import { Listener } from './net/listener.ts';
import { StrangerLog } from './net/stranger-log.ts';
import { ServerTls } from './net/tls.ts';
import { registerS2SCommands } from './s2s/commands.ts';
import { DaneLookup } from './s2s/dane-lookup.ts';
import { type Dial, dialer, resolverFor } from './s2s/dial.ts';
import { measureLinks } from './s2s/metrics.ts';
import { LinkPool, type LinkPoolContext } from './s2s/pool.ts';
import { MAX_UNACKNOWLEDGED_BYTES } from './s2s/unacknowledged.ts';
import type { Derive } from './sasl/accounts.ts';
import { type PeerKind, readBudgets } from './session/read-rate.ts';
import { openStorage, storesFor } from './storage/index.ts';
import type { StorageDriver } from './storage/stores.ts';
import { type Clock, systemClock } from './util/clock.ts';
import { containedClock, Faults } from './util/faults.ts';
import type { Logger } from './util/logger.ts';
import { MetricRegistry } from './util/metrics.ts';
import { SharedBudget } from './util/shared-budget.ts';
import { StreamError } from './xml/errors.ts';

export interface ServerParts {
  readonly config: Config;
  readonly log: Logger;
  readonly clock?: Clock;
  /** Default: one that logs to `log`. */
  readonly faults?: Faults;
  /** How other servers are reached; default: DNS and TCP. */
  readonly dial?: Dial;
  /** How accounts make keys of passwords. */
  readonly derive?: Derive;
  /** Default: the storage that the configuration names. */
  readonly openStorage?: typeof openStorage;
  /** Whether a copy is made before an old database is brought up to date. Default: true. */
  readonly isBackedUp?: boolean;
}

/** Limit for all steps of a stop before storage is closed. */
const STOP_MS = 8_000;
/** Limit for one step. */
const STOP_STEP_MS = 3_000;
/** Result of a step that reached its limit. */
const LATE = Symbol('late');
/** Limit for sending the stanzas that wait for links: enough for one attempt to a server that answers. */
const STOP_FLUSH_MS = 1_000;
/** Limit for closing the links, which is longer: the last stanzas include the leaves of users from their rooms. */
const STOP_LINKS_MS = 5_000;

/** The most simultaneous connections of one address: enough for a company behind one address. */
const MAX_PER_ADDRESS = 1_000;

/** One server: hosts, their modules, and the open ports. */
export class Server implements ServerContext {
  /** What the server was started with; what hosts have now is `host.config`. */
  readonly config: Config;
  readonly log: Logger;
  readonly faults: Faults;
  readonly clock: Clock;
  readonly router: Router;
  readonly commands = new CommandRegistry();
  readonly metrics = new MetricRegistry();
  readonly certificates: CertificateStore;
  readonly links: LinkPool;
  readonly components: Components;
  readonly strangers: StrangerLog;
  /** Absent: new connections are not limited. */
  readonly #connectionRate: ConnectionRate | undefined;
  readonly #refusals = new Map<string, number>();
  readonly #files: ModuleFiles;
  readonly #modules = new Map<string, ModuleHost>();
  readonly #listeners: Listener[] = [];
  /** Clients that have not bound a resource yet. */
  readonly #negotiating = new Set<C2SSession>();
  readonly #shared: HostShared;
  readonly #c2s: C2SContext;
  readonly #s2sTls: ServerTls;
  readonly #openStorage: typeof openStorage;
  readonly #isBackedUp: boolean;
  #storage: StorageDriver | undefined;

  constructor(parts: ServerParts) {
    const { config, log, clock = systemClock, faults = new Faults(log), dial, derive } = parts;
    this.config = config;
    this.#openStorage = parts.openStorage ?? openStorage;
    this.#isBackedUp = parts.isBackedUp ?? true;
    this.log = log;
    this.faults = faults;
    this.clock = containedClock(clock, faults);
    this.router = new Router(this.clock, log, faults);
    this.certificates = new CertificateStore(config.core.certificates);
    this.strangers = new StrangerLog();
    this.#s2sTls = new ServerTls(this.certificates, { alpn: ['xmpp-server'], requestCert: true, faults });
    this.#shared = {
      negotiating: this.#negotiating,
      protection: loginProtection(config, this.clock),
      derive,
    };
    this.#c2s = this.#clientContext();
    this.router.clients = clientDoor(this.#c2s);
    this.links = new LinkPool(this.#linksContext(dial));
    this.router.remote = this.links;
    this.components = new Components(this);
    this.#connectionRate = connectionRate(config, this.clock);
    this.#files = new ModuleFiles(config.core.plugin_paths, config.packages);
  }

  #clientContext(): C2SContext {
    const { config, log, faults, clock, router, strangers } = this;
    return {
      ...{ config, log, faults, clock, router, strangers },
      tls: new ServerTls(this.certificates, { alpn: ['xmpp-client'], requestCert: false, faults }),
      negotiating: this.#negotiating,
      accountBudgets: readBudgets({ config, clock }, 'c2s'),
    };
  }

  #linksContext(dial: Dial | undefined): LinkPoolContext {
    const { config, log, faults, clock, router, strangers, certificates } = this;
    const resolver = resolverFor(config);
    return {
      ...{ config, log, faults, clock, router, strangers, certificates },
      peerBudgets: readBudgets({ config, clock }, 's2s'),
      unacknowledged: new SharedBudget(MAX_UNACKNOWLEDGED_BYTES),
      tls: this.#s2sTls,
      dial: dial ?? dialer({ config, clock, faults }, certificates, resolver),
      daneLookup: new DaneLookup(this, resolver),
    };
  }

  /**
   * Opens storage, loads the modules of every host, then opens the ports.
   * @throws ModuleError, StorageError, NetError; what was opened before is closed again.
   */
  async start(): Promise<void> {
    try {
      await this.#prepare();
      // All hosts first: what one sends to another while it loads must not look for it in the DNS.
      for (const config of componentsLast(this.config.hosts)) await this.#createHost(config);
      for (const host of this.router.hosts.values()) await this.#loadModules(host);
      this.#notifyHosts('host-start');
      registerCoreCommands(this.commands, { hosts: this.router.hosts, modules: this.#modules });
      registerS2SCommands(this.commands, this.links, this);
      registerComponentCommands(this.commands, this.components);
      this.#measure();
      await this.#listen();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /**
   * An orderly stop: no new connections, streams told and closed, modules unloaded, storage flushed. After a step that
   * fails or takes too long the next ones still run, so that everything acknowledged reaches the disk.
   */
  async stop(): Promise<void> {
    const end = performance.now() + STOP_MS;
    const step = (name: string, act: () => unknown, limitMs = STOP_STEP_MS) =>
      this.#stopStep(name, act, Math.max(0, Math.min(limitMs, end - performance.now())));
    const { router, links } = this;
    const listeners = this.#listeners.splice(0);
    await step('close ports', () => Promise.all(listeners.map((listener) => listener.close())));
    await step('tell modules', () => this.#notifyHosts('host-stop'));
    await step('send what waits', () => links.flush((sent) => this.#within(sent, STOP_FLUSH_MS)));
    await step('close clients', () => this.#closeClients());
    await step('cancel questions', () => {
      router.pendingIqs.close(); // No client is left to receive the answers.
      router.followedIqs.close();
    });
    await step('finish work', () => router.work.idle());
    await step('close components', () => this.components.close());
    await step('close links', () => links.close(), STOP_LINKS_MS);
    await step('end links', () => links.abort());
    for (const modules of [...this.#modules.values()].reverse())
      await step('unload modules', () => modules.close());
    await step('finish work of modules', () => router.work.idle());
    await this.#storage?.close();
    this.#storage = undefined;
  }

  async #stopStep(name: string, act: () => unknown, limitMs: number): Promise<void> {
    try {
      const result = await this.#within(Promise.resolve(act()), limitMs);
      if (result === LATE) this.log.warn('step of the stop took too long', { step: name, limitMs });
    } catch (error) {
      this.faults.report('stop', error, { step: name });
    }
  }

  #notifyHosts(event: 'host-start' | 'host-stop'): void {
    for (const { domain, hooks } of this.router.hosts.values()) hooks.notify(event, { domain });
  }

  #closeClients(): void {
    const farewell = new StreamError('system-shutdown');
    const bound = [...this.router.hosts.values()].flatMap(({ sessions }) => [...sessions]);
    for (const session of [...bound, ...this.#negotiating])
      this.faults.contain('stop', () => session.close(farewell));
  }

  /** A client's connection, however it came. */
  acceptClient(connection: Connection): void {
    acceptClient(connection, this.#c2s);
  }

  /** Another server's connection, however it came. */
  acceptServer(connection: Connection): void {
    this.links.accept(connection);
  }

  /** An external component's connection, however it came. */
  acceptComponent(connection: Connection): void {
    this.components.accept(connection);
  }

  /** What is listened on, for the person who started the server. */
  get addresses(): { address: string; port: number }[] {
    return this.#listeners.flatMap((listener) => listener.addresses);
  }

  /**
   * Reads certificates anew, and takes over what it can of a changed configuration; who is connected stays connected.
   * What needs a restart is logged, setting by setting.
   */
  async reload(config: Config = this.config): Promise<void> {
    await this.#readCertificates(config);
    for (const setting of settingsForRestart(this.config, config))
      this.log.warn('setting needs a restart', { setting });
    this.#files.use(config.core.plugin_paths, config.packages);
    for (const host of config.hosts) await this.#reconfigure(host);
    this.links.review();
    this.log.info('reloaded', { certificates: this.certificates.certificates.length });
  }

  /** A host that is new, or of another kind, waits for the restart. */
  async #reconfigure(config: HostConfig): Promise<void> {
    const { domain } = config;
    const modules = this.#modules.get(domain);
    if (!modules || this.router.hosts.get(domain)?.config.component !== config.component) return;
    try {
      const changes = await modules.reconfigure(config);
      const isChanged = Object.values(changes).some((names: readonly string[]) => names.length > 0);
      if (isChanged) this.log.info('modules changed', { host: domain, ...changes });
    } catch (error) {
      this.log.error('modules not changed', { host: domain, error });
    }
  }

  async #prepare(): Promise<void> {
    const { core } = this.config;
    const domains = this.config.hosts.map(({ domain }) => domain);
    if (this.config.path === undefined && core.storage !== 'memory') {
      await makeDevelopmentCertificates(core.certificates, domains);
    }
    if (core.storage !== 'memory') await mkdir(core.data_path, { recursive: true, mode: 0o700 });
    await this.#readCertificates(this.config);
    const { faults, clock, log } = this;
    this.#storage = await this.#openStorage({
      driver: core.storage,
      dataPath: core.data_path,
      faults,
      clock,
      log,
      isBackedUp: this.#isBackedUp,
      warnFreeBytes: core.storage_warn_free,
    });
  }

  /** Reads the certificates, and logs hosts without one: clients cannot log in there, and most servers cannot connect. */
  async #readCertificates({ hosts }: Config): Promise<void> {
    await this.certificates.reload();
    for (const { severity, path, message } of this.certificates.check(hosts.map(({ domain }) => domain))) {
      const level = severity === 'error' ? 'error' : 'warn';
      this.log[level]('certificate problem', { path, problem: message });
    }
  }

  async #createHost(config: HostConfig): Promise<void> {
    const { domain } = config;
    const host = new LocalHost(
      config,
      storesFor(this.#storage!, domain),
      this.log,
      this.faults,
      this.#shared,
    );
    if (host.kind === 'local') await host.loadUsers();
    this.router.hosts.set(domain, host);
    if (config.component === EXTERNAL) this.components.add(host);
    this.#announce(host);
  }

  async #loadModules(host: LocalHost): Promise<void> {
    const modules = new ModuleHost(host, this.#files, this, this.commands);
    this.#modules.set(host.domain, modules);
    await modules.load(host.config.modules);
  }

  /** Services below a host of ours are found through it (XEP-0030 §3.2). */
  #announce(component: LocalHost): void {
    if (component.kind !== 'component') return;
    const parent = this.router.hosts.get(component.domain.slice(component.domain.indexOf('.') + 1));
    const { hosts } = this.router;
    const hosting = parent ? [parent] : [...hosts.values()].filter(({ kind }) => kind === 'local');
    for (const host of hosting) host.items.add('disco-item', { jid: component.domain });
  }

  #measure(): void {
    measureCore(this.metrics, this.commands, this);
    measureLinks(this.metrics.scope(), this.links);
    measureConnections(this.metrics.scope(), this.#refusals, this.#connectionRate);
  }

  async #listen(): Promise<void> {
    const { core } = this.config;
    const client = (connection: Connection) => this.acceptClient(connection);
    const server = (connection: Connection) => this.acceptServer(connection);
    await this.#open('c2s', core.c2s_ports, client);
    await this.#open('c2s', core.c2s_direct_tls_ports, client, { tls: this.#c2s.tls });
    await this.#open('s2s', core.s2s_ports, server);
    await this.#open('s2s', core.s2s_direct_tls_ports, server, { tls: this.#s2sTls });
    if (this.components.services.length === 0) return;
    const component = (connection: Connection) => this.acceptComponent(connection);
    await this.#open('s2s', core.component_ports, component, { interfaces: core.component_interfaces });
  }

  /** @param kind the peers whose `limits` also decide whether their connections are limited */
  async #open(
    kind: PeerKind,
    ports: readonly number[],
    onConnection: (connection: Connection) => void,
    { interfaces, tls }: { interfaces?: readonly string[]; tls?: ServerTls | undefined } = {},
  ): Promise<void> {
    if (ports.length === 0) return;
    const { core } = this.config;
    const isLimited = core.limits[kind].rate !== false;
    const listener = await Listener.open({
      interfaces: interfaces ?? core.interfaces,
      ports,
      maxPerAddress: isLimited ? MAX_PER_ADDRESS : Number.POSITIVE_INFINITY,
      clock: this.clock,
      faults: this.faults,
      onConnection,
      rate: isLimited ? this.#connectionRate : undefined,
      onRefused: (error, address) => this.#refused(error, address),
      ...(tls ? { tls } : {}),
    });
    this.#listeners.push(listener);
  }

  #refused({ code, message }: NetError, address: string): void {
    this.#refusals.set(code, (this.#refusals.get(code) ?? 0) + 1);
    this.strangers.of(this.log, address).info('connection refused', { address, why: message });
  }

  /** Resolves with the step's result, or with LATE at its limit. */
  #within(step: Promise<unknown>, limitMs: number): Promise<unknown> {
    const limit = new Promise((resolve) => setTimeout(resolve, limitMs, LATE).unref());
    return Promise.race([step, limit]);
  }
}

/** A component is announced by the hosts that exist when it starts. */
function componentsLast(hosts: readonly HostConfig[]): HostConfig[] {
  return [...hosts].sort((a, b) => Number(a.component !== undefined) - Number(b.component !== undefined));
}

function connectionRate({ core }: Config, clock: Clock): ConnectionRate | undefined {
  const perAddress = core.connections_per_address;
  return perAddress === 0 ? undefined : new ConnectionRate({ perAddress, clock });
}
