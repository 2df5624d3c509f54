// Loads the configuration: finds all mistakes together, and gives every value its type.

import { dirname, resolve } from 'node:path';
import { canonicalDomain } from './addresses.ts';
import { CORE_OPTIONS, HOST_ONLY_OPTIONS } from './core-options.ts';
import { DEFAULT_CONFIG } from './default-config.ts';
import { type ConfigDocument, parseDocument } from './document.ts';
import { ConfigError } from './error.ts';
import { readText } from './file.ts';
import { type KnownModules, resolveModules, strings } from './modules.ts';
import { type Infer, isTable, type Options, parseOptions } from './option.ts';
import { isPackageName, NO_PACKAGES, type PackageModules } from './packages.ts';
import { findProblems } from './validate.ts';

export interface ConfigSource {
  /** The file; relative paths in it are relative to its folder. */
  path?: string;
  /** The text of the configuration, instead of that of the file. */
  text?: string;
}

export interface HostConfig {
  /** In the form that addresses use (RFC 7622 §3.2): `münchen.example` for `xn--mnchen-3ya.example`. */
  readonly domain: string;
  /** The kind of service; `undefined` for a host with users. */
  readonly component: string | undefined;
  readonly componentSecret: string | undefined;
  /** The modules to load, in order. */
  readonly modules: readonly string[];
  /** This host's values of some options: its own, else those at the top of the file, else the defaults. */
  get<O extends Options>(options: O): Infer<O>;
}

export interface Config {
  /** The file, absolute; `undefined` for the built-in configuration. */
  readonly path: string | undefined;
  /** The values at the top of the file; paths are absolute. */
  readonly core: Infer<typeof CORE_OPTIONS>;
  readonly hosts: readonly HostConfig[];
  /** The modules that come from npm packages: the URL of the file, by the module's name. */
  readonly packages: ReadonlyMap<string, string>;
  /** Every option that the file names, at the top or under a host. */
  readonly given: ReadonlySet<string>;
  /** The values of other options at the top of the file. */
  get<O extends Options>(options: O): Infer<O>;
}

type Table = Readonly<Record<string, unknown>>;

/**
 * Reads and checks a configuration; without path and text, the built-in one.
 * @throws ConfigError with every mistake in it.
 */
export function loadConfig(
  source: ConfigSource,
  known: KnownModules,
  packages: PackageModules = NO_PACKAGES,
): Config {
  const path = source.path === undefined ? undefined : resolve(source.path);
  const document = readDocument(source);
  const problems = findProblems(document, known, packages);
  if (problems.length > 0) throw new ConfigError(problems, source.path);
  const { hosts, ...top } = document.data;
  const get = <O extends Options>(options: O): Infer<O> => parseOptions(options, pick(options, top));
  return {
    path,
    core: absolute(get(CORE_OPTIONS), path === undefined ? process.cwd() : dirname(path)),
    hosts: Object.entries(hosts as Table).map(([name, own]) => {
      const modules = (kind: string | undefined) =>
        resolveModules(own as Table, top, kind, { known, packages });
      return hostConfig(name, own as Table, top, modules);
    }),
    packages: packages.files,
    given: new Set([top, ...Object.values(hosts as Table)].flatMap((table) => Object.keys(table as Table))),
    get,
  };
}

/** The sources of third-party modules, which must be known before the configuration can be checked. */
export interface ModuleSources {
  /** The folder of the file, or the working directory; packages are searched from there. */
  readonly folder: string;
  /** Absolute folders. */
  readonly pluginPaths: readonly string[];
  /** Names in `modules_enabled` that are npm packages. */
  readonly packages: readonly string[];
}

/**
 * Reads only the sources of modules and ignores mistakes elsewhere, which `loadConfig` reports.
 * @throws ConfigError when the file cannot be read or is not TOML.
 */
export function readModuleSources(source: ConfigSource): ModuleSources {
  const { data } = readDocument(source);
  const folder = source.path === undefined ? process.cwd() : dirname(resolve(source.path));
  const hosts = isTable(data.hosts) ? Object.values(data.hosts).filter(isTable) : [];
  const enabled = [data, ...hosts].flatMap((table) => strings(table.modules_enabled));
  return {
    folder,
    pluginPaths: strings(data.plugin_paths).map((path) => resolve(folder, path)),
    packages: [...new Set(enabled.filter(isPackageName))],
  };
}

function readDocument(source: ConfigSource): ConfigDocument {
  if (source.text !== undefined) return parseDocument(source.text, source.path);
  if (source.path === undefined) return parseDocument(DEFAULT_CONFIG);
  return parseDocument(readText(source.path), source.path);
}

function hostConfig(
  name: string,
  own: Table,
  top: Table,
  modules: (kind: string | undefined) => readonly string[],
): HostConfig {
  const { component, component_secret: componentSecret } = parseOptions(
    HOST_ONLY_OPTIONS,
    pick(HOST_ONLY_OPTIONS, own),
  );
  const merged = { ...top, ...own };
  return {
    domain: canonicalDomain(name) ?? name,
    component,
    componentSecret,
    modules: modules(component),
    get: (options) => parseOptions(options, pick(options, merged)),
  };
}

function absolute(core: Infer<typeof CORE_OPTIONS>, folder: string): Infer<typeof CORE_OPTIONS> {
  return {
    ...core,
    data_path: resolve(folder, core.data_path),
    certificates: resolve(folder, core.certificates),
    plugin_paths: core.plugin_paths.map((path) => resolve(folder, path)),
  };
}

function pick(options: Options, values: Table): Table {
  return Object.fromEntries(
    Object.keys(options).flatMap((key) => (Object.hasOwn(values, key) ? [[key, values[key]]] : [])),
  );
}
