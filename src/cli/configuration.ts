// Finds and reads the configuration and the definitions of all available modules.

import { existsSync } from 'node:fs';
import { type Config, type ConfigSource, loadConfig, readModuleSources } from '../config/config.ts';
import type { KnownModule, KnownModules } from '../config/modules.ts';
import { ModuleFiles } from '../core/module-files.ts';
import { findPackages } from '../core/module-packages.ts';

/** The file used when it exists and the command line names no other. */
const DEFAULT_FILE = 'enjamb.toml';

/**
 * Reads the named file, else `enjamb.toml` of the working directory, else the built-in configuration.
 * @throws ConfigError with every mistake.
 */
export async function readConfig(file: string | undefined): Promise<Config> {
  const source = sourceOf(file);
  const { folder, pluginPaths, packages } = readModuleSources(source);
  const found = await findPackages(packages, [folder, process.cwd()]);
  const problems = new Map(found.problems);
  const known = await knownModules(new ModuleFiles(pluginPaths, found.files), problems);
  return loadConfig(source, known, { ...found, problems });
}

function sourceOf(file: string | undefined): ConfigSource {
  if (file !== undefined) return { path: file };
  return existsSync(DEFAULT_FILE) ? { path: DEFAULT_FILE } : {};
}

/**
 * The definitions of all available modules. A module that cannot be read is known by name only, with the reason in
 * `problems`: this is an error only if the module is enabled. A module that replaces one of the server is enabled on
 * the same hosts, unless its definition says otherwise.
 */
export async function knownModules(
  files: ModuleFiles,
  problems: Map<string, string> = new Map(),
): Promise<KnownModules> {
  const shipped = new ModuleFiles();
  const replaceable = new Set(shipped.names());
  const entries = files.names().map(async (name): Promise<[string, KnownModule]> => {
    const place = replaceable.has(name) ? placeOf(await shipped.import(name)) : {};
    try {
      return [name, { ...place, ...(await files.import(name)) }];
    } catch (error) {
      problems.set(name, error instanceof Error ? error.message : String(error));
      return [name, place];
    }
  });
  return new Map(await Promise.all(entries));
}

function placeOf({ enabledOn, enabledWith, serves, essential }: KnownModule): KnownModule {
  return { enabledOn, enabledWith, serves, essential };
}
