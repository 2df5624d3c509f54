// Finds modules that are npm packages, as Node would resolve them from a file in the folder of the configuration.

import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { PackageModules } from '../config/packages.ts';
import { readDefinition } from './module-files.ts';

/** Reads the module of every package. `problems` holds a hint for the administrator for each unusable package. */
export async function findPackages(
  packages: readonly string[],
  folders: readonly string[],
): Promise<PackageModules> {
  const names = new Map<string, string>();
  const files = new Map<string, string>();
  const problems = new Map<string, string>();
  for (const spec of packages) {
    try {
      const { name, url } = await readPackage(spec, folders);
      const rival = [...names].find(([, taken]) => taken === name)?.[0];
      if (rival !== undefined)
        throw new Error(`it has a module "${name}", like the package "${rival}": remove one of the two`);
      names.set(spec, name);
      files.set(name, url);
    } catch (error) {
      problems.set(spec, error instanceof Error ? error.message : String(error));
    }
  }
  return { names, files, problems };
}

async function readPackage(spec: string, folders: readonly string[]): Promise<{ name: string; url: string }> {
  if (/^[./]/.test(spec)) throw new Error('a path is not a package: put its folder into plugin_paths');
  const url = folders.map((folder) => locate(spec, folder)).find((found) => found !== undefined);
  if (url === undefined) throw new Error(`install it: run "npm install ${packageOf(spec)}" in ${folders[0]}`);
  const { name } = await readDefinition(url, spec);
  return { name, url };
}

/** Resolves a package from a folder. `import.meta.resolve` has no parameter for the folder, so a hook sets it. */
function locate(spec: string, folder: string): string | undefined {
  const parentURL = pathToFileURL(join(folder, 'enjamb.toml')).href;
  const hook = registerHooks({
    resolve: (specifier, context, next) =>
      next(specifier, specifier === spec ? { ...context, parentURL } : context),
  });
  try {
    return import.meta.resolve(spec);
  } catch {
    return undefined;
  } finally {
    hook.deregister();
  }
}

/** `@acme/weather/rain` → `@acme/weather`, `weather/rain` → `weather`. */
function packageOf(spec: string): string {
  return spec.split('/', spec.startsWith('@') ? 2 : 1).join('/');
}
