// Finds module files and imports them: the definitions that ship with the server, and those of `plugin_paths`.

import { existsSync, readdirSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { ModuleDefinition } from '../api/module.ts';
import { ModuleError } from './errors.ts';

/** `.ts` when the sources run directly, `.js` once compiled. */
const EXTENSION = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
const OWN_MODULES = fileURLToPath(new URL('../../modules/', import.meta.url));
const VALID_NAME = /^[a-z][a-z0-9_]*$/;

/** Every module by name: its file, found once. A later folder wins, so that a site may replace a module. */
export class ModuleFiles {
  readonly #folders: readonly string[];
  readonly #versions = new Map<string, number>();

  constructor(pluginPaths: readonly string[] = []) {
    this.#folders = [OWN_MODULES, ...pluginPaths.map((path) => resolve(path))];
  }

  /** The names of all modules that could be loaded. */
  names(): string[] {
    const found = new Set<string>();
    for (const folder of this.#folders) {
      for (const entry of existsSync(folder) ? readdirSync(folder) : []) {
        const name = entry.endsWith(EXTENSION) ? entry.slice(0, -EXTENSION.length) : entry;
        if (VALID_NAME.test(name) && this.#find(name)) found.add(name);
      }
    }
    return [...found].sort();
  }

  /**
   * Imports a module's definition; `fresh` reads the file anew, with the files of its own folder.
   * @throws ModuleError MODULE_NOT_FOUND, MODULE_LOAD_FAILED, MODULE_INVALID
   */
  async import(name: string, fresh = false): Promise<ModuleDefinition> {
    const file = this.#find(name);
    if (!file) {
      const where = this.#folders.join(', ');
      throw new ModuleError('MODULE_NOT_FOUND', name, `There is no module "${name}" in ${where}`);
    }
    if (fresh) this.#versions.set(name, (this.#versions.get(name) ?? 0) + 1);
    const version = this.#versions.get(name) ?? 0;
    const url = pathToFileURL(file);
    if (version > 0) {
      passVersionOn();
      url.searchParams.set('v', String(version));
    }
    const loaded = (await import(url.href).catch((cause: unknown) => {
      throw new ModuleError(
        'MODULE_LOAD_FAILED',
        name,
        `Module "${name}" could not be read: ${textOf(cause)}`,
        cause,
      );
    })) as { default?: unknown };
    return checked(name, loaded.default);
  }

  #find(name: string): string | undefined {
    if (!VALID_NAME.test(name)) return undefined;
    const candidates = this.#folders.flatMap((folder) => [
      join(folder, `${name}${EXTENSION}`),
      join(folder, name, `index${EXTENSION}`),
    ]);
    return candidates.findLast((file) => existsSync(file));
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

let passing = false;

/**
 * An ES module is imported once per URL. A reloaded module has its version in the query, which this hook passes on
 * to the files that it imports from its own folder.
 */
function passVersionOn(): void {
  if (passing) return;
  passing = true;
  registerHooks({
    resolve(specifier, context, next) {
      const resolved = next(specifier, context);
      const parent = context.parentURL === undefined ? undefined : new URL(context.parentURL);
      const version = parent?.searchParams.get('v');
      if (!parent || version == null || !specifier.startsWith('.')) return resolved;
      const url = new URL(resolved.url);
      const folder = parent.pathname.slice(0, parent.pathname.lastIndexOf('/') + 1);
      if (url.protocol === 'file:' && url.pathname.startsWith(folder)) url.searchParams.set('v', version);
      return { ...resolved, url: url.href };
    },
  });
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
