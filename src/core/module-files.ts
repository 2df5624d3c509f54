// Finds module files and imports them: the definitions that ship with the server, and those of `plugin_paths`.

import { existsSync, readdirSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { ModuleDefinition } from '../api/module.ts';
import { ModuleError } from './errors.ts';

/** `.ts` when the sources run directly, `.js` once compiled. */
const EXTENSION = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
/** What a site writes runs as it is, typed or not; the first wins. */
const PLUGIN_EXTENSIONS = ['.ts', '.js'];
const OWN_MODULES = fileURLToPath(new URL('../../modules/', import.meta.url));
const API = new URL(`../api/index${EXTENSION}`, import.meta.url).href;
const VALID_NAME = /^[a-z][a-z0-9_]*$/;

interface Folder {
  readonly path: string;
  readonly extensions: readonly string[];
}

/** Every module by name: its file, found once. A later folder wins, so that a site may replace a module. */
export class ModuleFiles {
  readonly #folders: readonly Folder[];
  /** Of modules that have been read more than once. */
  readonly #versions = new Map<string, string>();

  constructor(pluginPaths: readonly string[] = []) {
    const plugins = pluginPaths.map((path) => ({ path: resolve(path), extensions: PLUGIN_EXTENSIONS }));
    this.#folders = [{ path: OWN_MODULES, extensions: [EXTENSION] }, ...plugins];
    if (plugins.length > 0) resolveForModules();
  }

  /** The names of all modules that could be loaded. */
  names(): string[] {
    const found = new Set<string>();
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
   * Imports a module's definition; `fresh` reads the file anew, with the files of its own folder. What cannot be read
   * leaves the text that could be.
   * @throws ModuleError MODULE_NOT_FOUND, MODULE_LOAD_FAILED, MODULE_INVALID
   */
  async import(name: string, fresh = false): Promise<ModuleDefinition> {
    const file = this.#find(name);
    if (!file) {
      const where = this.#folders.map(({ path }) => path).join(', ');
      throw new ModuleError('MODULE_NOT_FOUND', name, `There is no module "${name}" in ${where}`);
    }
    const url = pathToFileURL(file);
    const version = fresh ? newVersion(url) : this.#versions.get(name);
    if (version !== undefined) url.searchParams.set('v', version);
    try {
      const loaded = (await import(url.href)) as { default?: unknown };
      const definition = checked(name, loaded.default);
      if (version !== undefined) this.#versions.set(name, version);
      return definition;
    } catch (cause) {
      // A text that failed is remembered as failed: whoever asks again wants it looked at again.
      if (!fresh) this.#versions.set(name, newVersion(pathToFileURL(file)));
      if (cause instanceof ModuleError) throw cause;
      const why = `Module "${name}" could not be read: ${textOf(cause)}`;
      throw new ModuleError('MODULE_LOAD_FAILED', name, why, cause);
    }
  }

  #find(name: string): string | undefined {
    if (!VALID_NAME.test(name)) return undefined;
    for (const { path, extensions } of this.#folders.toReversed()) {
      const candidates = extensions.flatMap((extension) => [
        join(path, name, `index${extension}`),
        join(path, `${name}${extension}`),
      ]);
      const found = candidates.find((file) => existsSync(file));
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

function checked(name: string, definition: unknown): ModuleDefinition {
  const candidate = definition as Partial<ModuleDefinition> | undefined;
  if (candidate?.name !== name || typeof candidate.load !== 'function') {
    throw new ModuleError(
      'MODULE_INVALID',
      name,
      `Module "${name}" must export default defineModule({ name: '${name}', … })`,
    );
  }
  return candidate as ModuleDefinition;
}

/** Where the files of a version lie, as the beginning of their URLs. */
const roots = new Map<string, string>();
let resolving = false;

/** A version is one reading of one module in this process: an ES module is imported once per URL. */
function newVersion(file: URL): string {
  resolveForModules();
  const version = String(roots.size + 1);
  roots.set(version, new URL('.', file).href);
  return version;
}

/**
 * Two things that Node cannot know: `enjamb/api` is this server's own, wherever a module lies; and a reloaded module,
 * whose version is in the query of its URL, passes that version on to the files that it imports from its folder.
 */
function resolveForModules(): void {
  if (resolving) return;
  resolving = true;
  registerHooks({
    resolve(specifier, context, next) {
      if (specifier === 'enjamb/api') return next(API, context);
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
