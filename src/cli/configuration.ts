// Finds and reads the configuration, with the options of every module that could be loaded.

import { existsSync } from 'node:fs';
import { type Config, type ConfigSource, loadConfig, readModuleSources } from '../config/config.ts';
import type { Options } from '../config/options.ts';
import { ModuleFiles } from '../core/module-files.ts';

/** Used when it exists and no other file is named. */
const DEFAULT_FILE = 'enjamb.toml';

/**
 * Reads the named file, else `enjamb.toml` of the working directory, else the built-in configuration.
 * @throws ConfigError with every mistake.
 */
export async function readConfig(file: string | undefined): Promise<Config> {
  const source = sourceOf(file);
  const { pluginPaths } = readModuleSources(source);
  return loadConfig(source, await knownOptions(new ModuleFiles(pluginPaths)));
}

function sourceOf(file: string | undefined): ConfigSource {
  if (file !== undefined) return { path: file };
  return existsSync(DEFAULT_FILE) ? { path: DEFAULT_FILE } : {};
}

/** A module that cannot be read is known by name only: it is an error when it is loaded, not when it lies around. */
export async function knownOptions(files: ModuleFiles): Promise<ReadonlyMap<string, Options>> {
  const entries = files.names().map(async (name): Promise<[string, Options]> => {
    const definition = await files.import(name).catch(() => undefined);
    return [name, definition?.options ?? {}];
  });
  return new Map(await Promise.all(entries));
}
