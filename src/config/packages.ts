// The modules from npm packages, which are read before the configuration is checked.

export interface PackageModules {
  /** The name of the module in each package. */
  readonly names: ReadonlyMap<string, string>;
  /** The URL of each of these modules' files, by the name of the module. */
  readonly files: ReadonlyMap<string, string>;
  /** Why a package, or a module in a folder of `plugin_paths`, cannot be used; by its name in the configuration. */
  readonly problems: ReadonlyMap<string, string>;
}

export const NO_PACKAGES: PackageModules = { names: new Map(), files: new Map(), problems: new Map() };

/** Whether a name in `modules_enabled` means an npm package: `@acme/weather`, `weather/rain`. */
export function isPackageName(name: string): boolean {
  return name.includes('/') || name.startsWith('@');
}
