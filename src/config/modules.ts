// Selects the modules of a host: the defaults of the modules' definitions, then the settings of the file.

import type { Options } from './option.ts';
import type { PackageModules } from './packages.ts';

/** The members of a `ModuleDefinition` that the configuration needs, for enabled and other modules. */
export interface KnownModule {
  readonly options?: Options | undefined;
  readonly enabledOn?: readonly string[] | undefined;
  readonly enabledWith?: readonly string[] | undefined;
  readonly serves?: string | undefined;
  readonly essential?: boolean | undefined;
}

/** All available modules, by name. */
export type KnownModules = ReadonlyMap<string, KnownModule>;

/** The kind of component that another program provides (XEP-0114). */
export const EXTERNAL = 'external';

/** The valid values of `component`. */
export function componentKinds(known: KnownModules): readonly string[] {
  const served = [...known.values()].flatMap(({ serves }) => (serves === undefined ? [] : [serves]));
  return [...new Set([...served, EXTERNAL])];
}

/** The default modules of a host; `kind` is that of a component. The module that serves the component comes first. */
export function defaultModules(kind: string | undefined, known: KnownModules): readonly string[] {
  return [...new Set([...servingModules(kind, known), ...modulesFor(kind, known).map(([name]) => name)])];
}

/** The modules that name this kind of host in `enabledOn`. */
function modulesFor(kind: string | undefined, known: KnownModules): [name: string, module: KnownModule][] {
  const places = kind === undefined ? ['local'] : kind === EXTERNAL ? [EXTERNAL] : ['component', kind];
  return [...known].filter(([, { enabledOn = [] }]) => places.some((place) => enabledOn.includes(place)));
}

type Table = Readonly<Record<string, unknown>>;

/**
 * A list under the host replaces the default one. A list at the top does so for hosts with users: components keep
 * what makes them work. Essential modules are added to both, and modules that are enabled with others (`enabledWith`) follow
 * them. `modules_disabled`, at the top or under the host, removes modules from the result.
 */
export function resolveModules(
  own: Table,
  top: Table,
  kind: string | undefined,
  { known, packages }: { known: KnownModules; packages: PackageModules },
): readonly string[] {
  const listed = own.modules_enabled ?? (kind === undefined ? top.modules_enabled : undefined);
  const chosen = listed === undefined ? defaultModules(kind, known) : strings(listed);
  const nameOf = (word: string) => packages.names.get(word) ?? word;
  const disabled = new Set([...strings(top.modules_disabled), ...strings(own.modules_disabled)].map(nameOf));
  const essential = modulesFor(kind, known).filter(([, { essential: isEssential }]) => isEssential === true);
  const names = [...essential.map(([name]) => name), ...servingModules(kind, known), ...chosen].map(nameOf);
  const enabled = new Set(names.filter((name) => !disabled.has(name)));
  for (const [name, { enabledWith = [] }] of known)
    if (!disabled.has(name) && enabledWith.some((other) => enabled.has(other))) enabled.add(name);
  return [...enabled];
}

/** The strings in a value that should be a list of strings. */
export function strings(raw: unknown): readonly string[] {
  return Array.isArray(raw) ? raw.filter((item) => typeof item === 'string') : [];
}

function servingModules(kind: string | undefined, known: KnownModules): readonly string[] {
  if (kind === undefined) return [];
  return [...known].filter(([, { serves }]) => serves === kind).map(([name]) => name);
}
