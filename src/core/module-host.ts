// Loads, unloads and reloads the modules of one host, in the order of their dependencies.

import { isDeepStrictEqual } from 'node:util';
import type { CommandRegistry } from '../admin/commands.ts';
import type { ModuleDefinition } from '../api/module.ts';
import type { HostConfig } from '../config/config.ts';
import { EXTERNAL } from '../config/modules.ts';
import type { MetricRegistry } from '../util/metrics.ts';
import { SerialQueue } from '../util/serial-queue.ts';
import type { ServerContext } from './context.ts';
import { ModuleError } from './errors.ts';
import type { LocalHost } from './host.ts';
import type { ModuleFiles } from './module-files.ts';
import { type InstanceContext, ModuleInstance } from './module-instance.ts';
import { arranged, checkScope, circularError, fits, inOrder } from './module-order.ts';
import { serviceClosed, serviceOpened } from './services.ts';

/** The names of the modules that a new configuration has changed. */
export interface ModuleChanges {
  readonly loaded: readonly string[];
  readonly unloaded: readonly string[];
  readonly reloaded: readonly string[];
}

/** The objects that the modules of all hosts share. */
export interface ModuleContext extends ServerContext {
  readonly metrics: MetricRegistry;
}

export class ModuleHost {
  readonly #host: LocalHost;
  readonly #files: ModuleFiles;
  readonly #context: InstanceContext;
  /** Loaded modules, in load order. */
  readonly #loaded = new Map<string, ModuleInstance>();
  /** Runs one change at a time, since two administrators may act simultaneously. */
  readonly #changes = new SerialQueue();

  constructor(host: LocalHost, files: ModuleFiles, context: ModuleContext, commands: CommandRegistry) {
    this.#host = host;
    this.#files = files;
    this.#context = {
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
   * Loads modules with their dependencies; modules that are already loaded stay. If one fails, the modules that this
   * call has loaded are unloaded. `fresh` reads the files of the named modules again.
   * @throws ModuleError
   */
  async load(names: readonly string[], fresh = false): Promise<void> {
    await this.#change(() => this.#load(names, fresh));
  }

  /** @throws ModuleError MODULE_NOT_LOADED, or MODULE_IN_USE if other loaded modules depend on the module. */
  unload(name: string): Promise<void> {
    return this.#change(() => this.#unload(name));
  }

  /**
   * Replaces a module with the current content of its file, and reloads its dependants. If the new version does not
   * load, the old one stays.
   * @throws ModuleError
   */
  reload(name: string): Promise<void> {
    return this.#change(() => this.#reload(name));
  }

  /**
   * Applies a new configuration: unloads modules that it removes, loads those that it adds, and reloads those whose
   * options change, with their dependants. A module that fails to load is logged and stays unloaded.
   * @throws ModuleError if the list as a whole cannot be loaded; then nothing changes.
   */
  reconfigure(config: HostConfig): Promise<ModuleChanges> {
    return this.#change(() => this.#reconfigure(config));
  }

  /**
   * Whether a module supports this kind of host.
   * @throws ModuleError MODULE_NOT_FOUND
   */
  async accepts(name: string): Promise<boolean> {
    return fits(await this.#files.import(name), this.#host);
  }

  /** Unloads all modules, the last loaded first. */
  close(): Promise<void> {
    return this.#changes.run('', async () => {
      for (const name of [...this.#loaded.keys()].reverse()) await this.#stop(name);
    });
  }

  #change<T>(change: () => Promise<T>): Promise<T> {
    return this.#changes.run('', () => change().finally(() => this.#announce()));
  }

  /** Notifies hosts when the service starts or stops. A reload does neither, since the module's memory survives it. */
  #announce(): void {
    const { component } = this.#host.config;
    if (component === undefined || component === EXTERNAL) return;
    const before = this.#host.isServing;
    const isServing = this.loaded.some(({ serves }) => serves === component);
    if (before === isServing) return;
    if (before === undefined) this.#host.isServing = isServing;
    else (isServing ? serviceOpened : serviceClosed)(this.#host, this.#context.router);
  }

  /**
   * Sets the order in which the handlers of these modules run, independent of when each module is loaded.
   * @throws ModuleError MODULE_DEPENDENCY_CIRCULAR
   */
  #rank(definitions: readonly ModuleDefinition[]): void {
    this.#host.hooks.rank(arranged(definitions).map(({ name }) => name));
  }

  /** Returns the names of the modules that were loaded, in load order. */
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
      for (const { name } of order) this.#context.kept.delete(name);
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
    for (const name of unloaded) this.#context.kept.delete(name);
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
    this.#context.kept.delete(name);
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

  /** Starts `fresh`; if that fails, starts `old` again and returns the error. */
  async #replace(old: ModuleDefinition, fresh: ModuleDefinition): Promise<{ error: unknown } | undefined> {
    try {
      await this.#start(fresh);
      return undefined;
    } catch (error) {
      await this.#startAll([old]);
      return { error };
    }
  }

  /** Starts modules. One that fails is logged and skipped, with its dependants. */
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
      instance = new ModuleInstance(definition, this.#host, this.#context);
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

  /** Unloads modules, the last loaded first. */
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

  /** The modules to load, dependencies first, without those that are already loaded. */
  #order(names: readonly string[], fresh: boolean, neededBy?: string): Promise<ModuleDefinition[]> {
    const source = {
      import: (name: string, isNeeded: boolean) => this.#files.import(name, fresh && !isNeeded),
      has: (name: string) => this.#loaded.has(name),
    };
    return inOrder(names, this.#host, source, neededBy);
  }
}
