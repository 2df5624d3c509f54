// Finds and imports the files of modules: those of the server, those in `plugin_paths`, and those of npm packages.

import { existsSync, readdirSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { ModuleDefinition } from '../api/module.ts';
import { API_VERSION } from '../api/version.ts';
import { CORE_OPTIONS, HOST_ONLY_OPTIONS } from '../config/core-options.ts';
import { EXTERNAL } from '../config/modules.ts';
import { ModuleError } from './errors.ts';

/** `.ts` if the sources run directly, `.js` if they are compiled. */
const EXTENSION = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
/** A site's own modules may be TypeScript or JavaScript; the first extension wins. */
const PLUGIN_EXTENSIONS = ['.ts', '.js'];
const OWN_MODULES = fileURLToPath(new URL('../../modules/', import.meta.url));
/** The specifiers that modules import from any folder. */
const DOORS: ReadonlyMap<string, string> = new Map(
  Object.entries({ api: 'api/index', 'api/stream': 'api/stream', xep: 'xep/index' }).map(([door, file]) => [
    `enjamb/${door}`,
    new URL(`../${file}${EXTENSION}`, import.meta.url).href,
  ]),
);
const VALID_NAME = /^[a-z][a-z0-9_]*$/;

interface Folder {
  readonly path: string;
  readonly extensions: readonly string[];
}

/** All modules by name. A package replaces a module of a folder, and a later folder replaces an earlier one. */
export class ModuleFiles {
  #folders: readonly Folder[] = [];
  #packages: ReadonlyMap<string, string> = new Map();
  /** The versions of modules that have been read more than once. */
  readonly #versions = new Map<string, string>();

  constructor(pluginPaths: readonly string[] = [], packages: ReadonlyMap<string, string> = new Map()) {
    this.use(pluginPaths, packages);
  }

  /** Sets the folders and packages to search. `packages`: the URL of the file, by the name of the module. */
  use(pluginPaths: readonly string[], packages: ReadonlyMap<string, string>): void {
    const plugins = pluginPaths.map((path) => ({ path: resolve(path), extensions: PLUGIN_EXTENSIONS }));
    this.#folders = [{ path: OWN_MODULES, extensions: [EXTENSION] }, ...plugins];
    this.#packages = packages;
    if (plugins.length > 0) resolveForModules();
  }

  /** The names of all available modules. */
  names(): string[] {
    const found = new Set<string>(this.#packages.keys());
    for (const { path, extensions } of this.#folders) {
      for (const entry of existsSync(path) ? readdirSync(path) : []) {
        const extension = extensions.find((ending) => entry.endsWith(ending)) ?? '';
        const name = entry.slice(0, entry.length - extension.length);
        if (VALID_NAME.test(name) && this.#find(name)) found.add(name);
      }
    }
    return [...found].sort();
  }

  /**
   * Imports the definition of a module. `fresh` reads the file and those of its folder again; if that fails, the
   * earlier version stays in use.
   * @throws ModuleError MODULE_NOT_FOUND, MODULE_LOAD_FAILED, MODULE_INVALID
   */
  async import(name: string, fresh = false): Promise<ModuleDefinition> {
    const url = this.#find(name);
    if (!url) {
      const where = this.#folders.map(({ path }) => path).join(', ');
      throw new ModuleError('MODULE_NOT_FOUND', name, `there is no module "${name}" in ${where}`);
    }
    const version = fresh ? newVersion(url) : this.#versions.get(name);
    try {
      const definition = await readDefinition(withVersion(url, version), name);
      if (definition.name !== name) throw invalid(name, `names itself "${definition.name}"`);
      if (version !== undefined) this.#versions.set(name, version);
      return definition;
    } catch (cause) {
      // Node caches a failed import, so the next attempt needs a new URL.
      if (!fresh) this.#versions.set(name, newVersion(url));
      throw cause;
    }
  }

  #find(name: string): URL | undefined {
    if (!VALID_NAME.test(name)) return undefined;
    const packaged = this.#packages.get(name);
    if (packaged !== undefined) return new URL(packaged);
    for (const { path, extensions } of this.#folders.toReversed()) {
      const candidates = extensions.flatMap((extension) => [
        join(path, name, `index${extension}`),
        join(path, `${name}${extension}`),
      ]);
      const found = candidates.find((file) => existsSync(file));
      if (found !== undefined) return pathToFileURL(found);
    }
    return undefined;
  }
}

/**
 * Imports a file and checks that it exports a module. `label` names the module in messages.
 * @throws ModuleError MODULE_LOAD_FAILED, MODULE_INVALID
 */
export async function readDefinition(url: string, label: string): Promise<ModuleDefinition> {
  resolveForModules();
  try {
    const { default: exported } = (await import(url)) as { default?: unknown };
    return checked(label, exported);
  } catch (cause) {
    if (cause instanceof ModuleError) throw cause;
    const why = `the module "${label}" could not be read: ${textOf(cause)}`;
    throw new ModuleError('MODULE_LOAD_FAILED', label, why, cause);
  }
}

/** Checks the members that the server relies on, because third-party modules may be untyped. */
function checked(label: string, definition: unknown): ModuleDefinition {
  const { name, load, options = {}, depends = [] } = (definition ?? {}) as Partial<ModuleDefinition>;
  if (typeof name !== 'string' || typeof load !== 'function')
    throw invalid(label, `must export default defineModule({ name: '${label}', … })`);
  if (!VALID_NAME.test(name)) throw invalid(label, `names itself "${name}", which is not snake_case`);
  if (!Array.isArray(depends)) throw invalid(label, 'must list the names of other modules in `depends`');
  checkVersion(label, definition as ModuleDefinition);
  checkPlace(label, definition as ModuleDefinition);
  for (const [key, option] of Object.entries(options)) {
    if (typeof option?.parse !== 'function')
      throw invalid(label, `must make its option "${key}" by a builder`);
    if (!VALID_NAME.test(key)) throw invalid(label, `has an option "${key}", which is not snake_case`);
    if (RESERVED.has(key)) throw invalid(label, `has an option "${key}", which is the server's own`);
  }
  return definition as ModuleDefinition;
}

/** @throws ModuleError MODULE_API_VERSION */
function checkVersion(label: string, { apiVersion = API_VERSION }: ModuleDefinition): void {
  if (apiVersion === API_VERSION) return;
  throw new ModuleError(
    'MODULE_API_VERSION',
    label,
    `the module "${label}" is written for version ${apiVersion} of the API of modules; this server has version ${API_VERSION} (docs/api-changes.md says what changed)`,
  );
}

function checkPlace(
  label: string,
  { enabledOn = [], enabledWith = [], serves, scope }: ModuleDefinition,
): void {
  if (!Array.isArray(enabledOn)) throw invalid(label, 'must list kinds of hosts in `enabledOn`');
  if (!Array.isArray(enabledWith)) throw invalid(label, 'must list names of modules in `enabledWith`');
  if (serves === undefined) return;
  if (serves === EXTERNAL || !VALID_NAME.test(serves))
    throw invalid(label, `serves "${serves}", which is the server's own or not snake_case`);
  if (scope !== 'component' && scope !== 'host')
    throw invalid(label, `serves "${serves}", and so needs scope: 'component'`);
}

const RESERVED = new Set(['hosts', ...Object.keys(CORE_OPTIONS), ...Object.keys(HOST_ONLY_OPTIONS)]);

function invalid(label: string, problem: string): ModuleError {
  return new ModuleError('MODULE_INVALID', label, `the module "${label}" ${problem}`);
}

function withVersion(url: URL, version: string | undefined): string {
  const versioned = new URL(url);
  if (version !== undefined) versioned.searchParams.set('v', version);
  return versioned.href;
}

/** The folder of each version, as the prefix of its files' URLs. */
const roots = new Map<string, string>();
let resolving = false;

/** A new version for each reading of a module, because Node imports an ES module once per URL. */
function newVersion(file: URL): string {
  resolveForModules();
  const version = String(roots.size + 1);
  roots.set(version, new URL('.', file).href);
  return version;
}

/**
 * Two things that Node cannot know: `enjamb/api` and the other doors are this server's own, wherever a module lies; and a
 * reloaded module, whose version is in the query of its URL, passes that version on to the files that it imports from its folder.
 */
function resolveForModules(): void {
  if (resolving) return;
  resolving = true;
  registerHooks({
    resolve(specifier, context, next) {
      const door = DOORS.get(specifier);
      if (door !== undefined) return next(door, context);
      const resolved = next(specifier, context);
      if (!specifier.startsWith('.') || !context.parentURL?.includes('?')) return resolved;
      const version = new URL(context.parentURL).searchParams.get('v');
      const root = version === null ? undefined : roots.get(version);
      if (version === null || root === undefined || !resolved.url.startsWith(root)) return resolved;
      const url = new URL(resolved.url);
      url.searchParams.set('v', version);
      return { ...resolved, url: url.href };
    },
  });
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
