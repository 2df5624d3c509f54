// Loads, unloads and reloads the modules of one host, in the order of their dependencies.

import { isDeepStrictEqual } from 'node:util';
import type { CommandRegistry } from '../admin/commands.ts';
import type { ModuleDefinition } from '../api/module.ts';
import type { HostConfig } from '../config/config.ts';
import type { MetricRegistry } from '../util/metrics.ts';
import { SerialQueue } from '../util/serial-queue.ts';
import type { ServerContext } from './context.ts';
import { ModuleError } from './errors.ts';
import type { LocalHost } from './host.ts';
import type { ModuleFiles } from './module-files.ts';
import { ModuleInstance, type ModuleSurroundings } from './module-instance.ts';
import { arranged, checkScope, circularError, fits, inOrder } from './module-order.ts';
import { serviceClosed, serviceOpened } from './services.ts';

/** What another configuration has changed, by the names of modules. */
export interface ModuleChanges {
  readonly loaded: readonly string[];
  readonly unloaded: readonly string[];
  readonly reloaded: readonly string[];
}

/** What the modules of all hosts share. */
export interface ModuleContext extends ServerContext {
  readonly metrics: MetricRegistry;
}

export class ModuleHost {
  readonly #host: LocalHost;
  readonly #files: ModuleFiles;
  readonly #around: ModuleSurroundings;
  /** Loaded modules, in load order. */
  readonly #loaded = new Map<string, ModuleInstance>();
  /** One change at a time: two administrators may ask for the same. */
  readonly #changes = new SerialQueue();
  /** Whether the module that makes a component what it is has been loaded; `undefined` before the first time. */
  #isServing: boolean | undefined;

  constructor(host: LocalHost, files: ModuleFiles, context: ModuleContext, commands: CommandRegistry) {
    this.#host = host;
    this.#files = files;
    this.#around = {
      router: context.router,
      clock: context.clock,
      commands,
      metrics: context.metrics,
      use: (name) => this.#loaded.get(name)?.exports,
      kept: new Map(),
    };
  }

  /** The loaded modules, in load order. */
  get loaded(): readonly ModuleDefinition[] {
    return [...this.#loaded.values()].map(({ definition }) => definition);
  }

  /**
   * Loads modules with whatever they depend on; what is loaded already stays as it is. If one fails, those that this
   * call loaded are unloaded again. `fresh` reads the newest text of those that are named.
   * @throws ModuleError
   */
  async load(names: readonly string[], fresh = false): Promise<void> {
    await this.#change(() => this.#load(names, fresh));
  }

  /** @throws ModuleError MODULE_NOT_LOADED, or MODULE_IN_USE while other modules depend on it. */
  unload(name: string): Promise<void> {
    return this.#change(() => this.#unload(name));
  }

  /**
   * Replaces a module by the newest text of its file, and loads its dependants again on top of it. If the new text
   * does not load, the old one stays.
   * @throws ModuleError
   */
  reload(name: string): Promise<void> {
    return this.#change(() => this.#reload(name));
  }

  /**
   * Makes the host that of another configuration. What that does not list is unloaded, what it adds is loaded, and what
   * it gives other options is loaded again, with its dependants. A module that fails to load is logged and stays away.
   * @throws ModuleError when the list as a whole cannot be loaded; then nothing has changed.
   */
  reconfigure(config: HostConfig): Promise<ModuleChanges> {
    return this.#change(() => this.#reconfigure(config));
  }

  /**
   * Whether a module is made for this kind of host.
   * @throws ModuleError MODULE_NOT_FOUND
   */
  async accepts(name: string): Promise<boolean> {
    return fits(await this.#files.import(name), this.#host);
  }

  /** Unloads everything, the last loaded first. */
  close(): Promise<void> {
    return this.#changes.run('', async () => {
      for (const name of [...this.#loaded.keys()].reverse()) await this.#stop(name);
    });
  }

  #change<T>(change: () => Promise<T>): Promise<T> {
    return this.#changes.run('', () => change().finally(() => this.#announce()));
  }

  /** A reload is no reason to say anything: what the module keeps in memory is there again when it has loaded. */
  #announce(): void {
    const { component, domain } = this.#host.config;
    if (component === undefined) return;
    const before = this.#isServing;
    this.#isServing = this.loaded.some(({ serves }) => serves === component);
    if (before === undefined || before === this.#isServing) return;
    (this.#isServing ? serviceOpened : serviceClosed)(domain, this.#around.router);
  }

  /**
   * Makes handlers run in the order of these modules, whenever each of them has loaded.
   * @throws ModuleError MODULE_DEPENDENCY_CIRCULAR
   */
  #rank(definitions: readonly ModuleDefinition[]): void {
    this.#host.hooks.rank(arranged(definitions).map(({ name }) => name));
  }

  /** Answers with what was loaded, in that order. */
  async #load(names: readonly string[], fresh: boolean, neededBy?: string): Promise<string[]> {
    const order = await this.#order(names, fresh, neededBy);
    this.#rank([...this.loaded, ...order]);
    const done: string[] = [];
    try {
      for (const definition of order) {
        await this.#start(definition);
        done.push(definition.name);
      }
    } catch (error) {
      for (const { name } of order) this.#around.kept.delete(name);
      await this.#stopAll(done);
      throw error;
    }
    return done;
  }

  async #reconfigure(config: HostConfig): Promise<ModuleChanges> {
    const source = { import: (name: string) => this.#files.import(name), has: () => false };
    const wanted = await inOrder(config.modules, this.#host, source);
    this.#rank(wanted);
    const names = new Set(wanted.map(({ name }) => name));
    const before = [...this.#loaded.keys()];
    const unloaded = before.filter((name) => !names.has(name));
    const changed = before.filter((name) => names.has(name) && this.#isChangedBy(name, config));
    const reloaded = before.filter((name) => names.has(name) && this.#reloadsWith(name, changed));
    await this.#stopAll(before.filter((name) => unloaded.includes(name) || reloaded.includes(name)));
    for (const name of unloaded) this.#around.kept.delete(name);
    this.#host.config = config;
    await this.#startAll(wanted.filter(({ name }) => !this.#loaded.has(name)));
    const loaded = [...this.#loaded.keys()].filter((name) => !before.includes(name));
    return { loaded, unloaded, reloaded };
  }

  #isChangedBy(name: string, config: HostConfig): boolean {
    const { options = {} } = this.#instance(name).definition;
    return !isDeepStrictEqual(this.#host.config.get(options), config.get(options));
  }

  #reloadsWith(name: string, changed: readonly string[]): boolean {
    return changed.some((other) => other === name || this.#dependants(other).includes(name));
  }

  async #unload(name: string): Promise<void> {
    this.#instance(name);
    const users = this.#dependants(name);
    if (users.length > 0) {
      throw new ModuleError(
        'MODULE_IN_USE',
        name,
        `the module "${name}" is needed by ${users.join(', ')}; unload these first`,
      );
    }
    await this.#stop(name);
    this.#around.kept.delete(name);
  }

  async #reload(name: string): Promise<void> {
    const old = this.#instance(name).definition;
    const fresh = await this.#files.import(name, true);
    checkScope(fresh, this.#host);
    const added = await this.#load(fresh.depends ?? [], false, name);
    const users = this.#dependants(name).map((user) => this.#instance(user).definition);
    const circular = [fresh, ...users].find((user) => fresh.depends?.includes(user.name));
    if (circular) {
      await this.#stopAll(added);
      throw circularError([name, circular.name, name]);
    }
    this.#rank(this.loaded.map((each) => (each.name === name ? fresh : each)));
    await this.#stopAll([name, ...users.map((user) => user.name)]);
    const failure = await this.#replace(old, fresh);
    await this.#startAll(users);
    if (failure === undefined) return;
    await this.#stopAll(added);
    throw failure.error;
  }

  /** Starts `fresh`, or `old` again; answers with why it was not `fresh`. */
  async #replace(old: ModuleDefinition, fresh: ModuleDefinition): Promise<{ error: unknown } | undefined> {
    try {
      await this.#start(fresh);
      return undefined;
    } catch (error) {
      await this.#startAll([old]);
      return { error };
    }
  }

  /** What does not load any more stays away, with what needs it; the rest is not to suffer for it. */
  async #startAll(definitions: readonly ModuleDefinition[]): Promise<void> {
    for (const definition of definitions) {
      const { name, depends = [] } = definition;
      const missing = depends.filter((needed) => !this.#loaded.has(needed));
      try {
        if (missing.length === 0) await this.#start(definition);
        else this.#host.log.error('module not loaded', { module: name, missing });
      } catch (error) {
        this.#host.log.error('module not loaded', { module: name, error });
      }
    }
  }

  async #start(definition: ModuleDefinition): Promise<void> {
    let instance: ModuleInstance | undefined;
    try {
      instance = new ModuleInstance(definition, this.#host, this.#around);
      instance.exports = await definition.load(instance);
    } catch (cause) {
      await instance?.unload();
      if (cause instanceof ModuleError) throw cause;
      this.#host.log.error('module failed to load', { module: definition.name, error: cause });
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new ModuleError(
        'MODULE_LOAD_FAILED',
        definition.name,
        `the module "${definition.name}" failed to load on ${this.#host.domain}: ${why}`,
        cause,
      );
    }
    this.#loaded.set(definition.name, instance);
    this.#host.log.debug('module loaded', { module: definition.name });
  }

  async #stop(name: string): Promise<void> {
    await this.#loaded.get(name)?.unload();
    this.#loaded.delete(name);
    this.#host.log.debug('module unloaded', { module: name });
  }

  /** The last loaded first. */
  async #stopAll(names: readonly string[]): Promise<void> {
    for (const name of names.toReversed()) await this.#stop(name);
  }

  #instance(name: string): ModuleInstance {
    const instance = this.#loaded.get(name);
    if (!instance)
      throw new ModuleError(
        'MODULE_NOT_LOADED',
        name,
        `the module "${name}" is not loaded on ${this.#host.domain}`,
      );
    return instance;
  }

  /** Loaded modules that need `name`, directly or through others, in load order. */
  #dependants(name: string): string[] {
    const affected = new Set([name]);
    for (const { definition } of this.#loaded.values()) {
      if (definition.depends?.some((needed) => affected.has(needed))) affected.add(definition.name);
    }
    affected.delete(name);
    return [...affected];
  }

  /** What has to be loaded, dependencies first; what is loaded already is left out. */
  #order(names: readonly string[], fresh: boolean, neededBy?: string): Promise<ModuleDefinition[]> {
    const source = {
      import: (name: string, isNeeded: boolean) => this.#files.import(name, fresh && !isNeeded),
      has: (name: string) => this.#loaded.has(name),
    };
    return inOrder(names, this.#host, source, neededBy);
  }
}
