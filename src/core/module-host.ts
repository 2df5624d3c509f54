// Loads, unloads and reloads the modules of one host, in the order of their dependencies.

import type { CommandRegistry } from '../admin/commands.ts';
import type { ModuleDefinition } from '../api/module.ts';
import { SerialQueue } from '../util/serial-queue.ts';
import type { ServerContext } from './context.ts';
import { ModuleError } from './errors.ts';
import type { LocalHost } from './host.ts';
import type { ModuleFiles } from './module-files.ts';
import { ModuleInstance, type ModuleSurroundings } from './module-instance.ts';

export class ModuleHost {
  readonly #host: LocalHost;
  readonly #files: ModuleFiles;
  readonly #around: ModuleSurroundings;
  /** Loaded modules, in load order. */
  readonly #loaded = new Map<string, ModuleInstance>();
  /** One change at a time: two administrators may ask for the same. */
  readonly #changes = new SerialQueue();

  constructor(host: LocalHost, files: ModuleFiles, context: ServerContext, commands: CommandRegistry) {
    this.#host = host;
    this.#files = files;
    this.#around = {
      router: context.router,
      clock: context.clock,
      commands,
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
    await this.#changes.run('', () => this.#load(names, fresh));
  }

  /** @throws ModuleError MODULE_NOT_LOADED, or MODULE_IN_USE while other modules depend on it. */
  unload(name: string): Promise<void> {
    return this.#changes.run('', () => this.#unload(name));
  }

  /**
   * Replaces a module by the newest text of its file, and loads its dependants again on top of it. If the new text
   * does not load, the old one stays.
   * @throws ModuleError
   */
  reload(name: string): Promise<void> {
    return this.#changes.run('', () => this.#reload(name));
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

  /** Answers with what was loaded, in that order. */
  async #load(names: readonly string[], fresh: boolean, neededBy?: string): Promise<string[]> {
    const order = await this.#order(names, fresh, neededBy);
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

  async #unload(name: string): Promise<void> {
    this.#instance(name);
    const users = this.#dependants(name);
    if (users.length > 0) {
      throw new ModuleError(
        'MODULE_IN_USE',
        name,
        `Module "${name}" is needed by ${users.join(', ')}; unload these first`,
      );
    }
    await this.#stop(name);
    this.#around.kept.delete(name);
  }

  async #reload(name: string): Promise<void> {
    const old = this.#instance(name).definition;
    const fresh = await this.#files.import(name, true);
    this.#checkScope(fresh);
    const added = await this.#load(fresh.depends ?? [], false, name);
    const users = this.#dependants(name).map((user) => this.#instance(user).definition);
    const circular = [fresh, ...users].find((user) => fresh.depends?.includes(user.name));
    if (circular) {
      await this.#stopAll(added);
      throw circularError([name, circular.name, name]);
    }
    await this.#stopAll([name, ...users.map((user) => user.name)]);
    const failure = await this.#replace(old, fresh);
    await this.#startAgain(users);
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
      await this.#startAgain([old]);
      return { error };
    }
  }

  /** What does not load any more stays away, with what needs it; the rest is not to suffer for it. */
  async #startAgain(definitions: readonly ModuleDefinition[]): Promise<void> {
    for (const definition of definitions) {
      const { name, depends = [] } = definition;
      const missing = depends.filter((needed) => !this.#loaded.has(needed));
      try {
        if (missing.length === 0) await this.#start(definition);
        else this.#host.log.error('module not loaded again', { module: name, missing });
      } catch (error) {
        this.#host.log.error('module not loaded again', { module: name, error });
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
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new ModuleError(
        'MODULE_LOAD_FAILED',
        definition.name,
        `Module "${definition.name}" failed to load on ${this.#host.domain}: ${why}`,
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
        `Module "${name}" is not loaded on ${this.#host.domain}`,
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
  async #order(
    names: readonly string[],
    fresh: boolean,
    neededBy: string | undefined,
  ): Promise<ModuleDefinition[]> {
    const order = new Map<string, ModuleDefinition>();
    const visit = async (name: string, path: readonly string[]): Promise<void> => {
      if (order.has(name) || this.#loaded.has(name)) return;
      if (path.includes(name)) throw circularError([...path.slice(path.indexOf(name)), name]);
      const definition = await this.#import(name, path.at(-1), fresh);
      this.#checkScope(definition);
      for (const needed of definition.depends ?? []) await visit(needed, [...path, name]);
      order.set(name, definition);
    };
    for (const name of names) await visit(name, neededBy === undefined ? [] : [neededBy]);
    return [...order.values()];
  }

  async #import(name: string, neededBy: string | undefined, fresh: boolean): Promise<ModuleDefinition> {
    try {
      return await this.#files.import(name, fresh && neededBy === undefined);
    } catch (error) {
      if (neededBy === undefined || !(error instanceof ModuleError) || error.code !== 'MODULE_NOT_FOUND')
        throw error;
      throw new ModuleError(
        'MODULE_DEPENDENCY_MISSING',
        neededBy,
        `Module "${neededBy}" needs the module "${name}", which does not exist`,
      );
    }
  }

  #checkScope(definition: ModuleDefinition): void {
    if (fits(definition, this.#host)) return;
    const { name, scope } = definition;
    const place = scope === 'component' ? 'components' : 'hosts with users';
    throw new ModuleError(
      'MODULE_WRONG_SCOPE',
      name,
      `Module "${name}" is for ${place}; ${this.#host.domain} is none`,
    );
  }
}

function circularError(circle: readonly string[]): ModuleError {
  const path = circle.join(' → ');
  const message = `Modules depend on each other in a circle: ${path}`;
  return new ModuleError('MODULE_DEPENDENCY_CIRCULAR', circle[0]!, message);
}

function fits({ scope = 'local' }: ModuleDefinition, host: LocalHost): boolean {
  return scope === 'host' || scope === host.kind;
}
