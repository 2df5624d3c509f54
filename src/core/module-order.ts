// The order in which modules load and their handlers run, from `depends`, `after` and `before`; and the errors of
// a list of modules that cannot be loaded.

import type { ModuleDefinition } from '../api/module.ts';
import { ModuleError } from './errors.ts';

/** The host on which modules will run. */
export interface ModulePlace {
  readonly domain: string;
  readonly kind: 'local' | 'component';
}

export interface ModuleSource {
  /** @throws ModuleError */
  import(name: string, isNeeded: boolean): Promise<ModuleDefinition>;
  /** Whether the module is already loaded, and is left out. */
  has(name: string): boolean;
}

/**
 * The modules to load, dependencies first. `neededBy` is the module that depends on all of `names`.
 * @throws ModuleError MODULE_DEPENDENCY_MISSING, MODULE_DEPENDENCY_CIRCULAR, MODULE_WRONG_SCOPE, or from `import`.
 */
export async function inOrder(
  names: readonly string[],
  place: ModulePlace,
  source: ModuleSource,
  neededBy?: string,
): Promise<ModuleDefinition[]> {
  const order = new Map<string, ModuleDefinition>();
  const visit = async (name: string, path: readonly string[]): Promise<void> => {
    if (order.has(name) || source.has(name)) return;
    if (path.includes(name)) throw circularError([...path.slice(path.indexOf(name)), name]);
    const definition = await find(source, name, path.at(-1));
    checkScope(definition, place, path.at(-1));
    for (const needed of definition.depends ?? []) await visit(needed, [...path, name]);
    order.set(name, definition);
  };
  for (const name of names) await visit(name, neededBy === undefined ? [] : [neededBy]);
  return arranged([...order.values()]);
}

/**
 * Sorts modules: each after those in its `depends` and `after`, and before those in its `before`. Names that are not in
 * the list are ignored. Otherwise the order stays.
 * @throws ModuleError MODULE_DEPENDENCY_CIRCULAR
 */
export function arranged(definitions: readonly ModuleDefinition[]): ModuleDefinition[] {
  const earlier = predecessors(definitions);
  const byName = new Map(definitions.map((definition) => [definition.name, definition]));
  const order = new Map<string, ModuleDefinition>();
  const visit = (definition: ModuleDefinition, path: readonly string[]): void => {
    const { name } = definition;
    if (order.has(name)) return;
    if (path.includes(name)) throw orderError([...path.slice(path.indexOf(name)), name]);
    for (const other of earlier.get(name) ?? []) {
      const first = byName.get(other);
      if (first) visit(first, [...path, name]);
    }
    order.set(name, definition);
  };
  for (const definition of definitions) visit(definition, []);
  return [...order.values()];
}

/** The modules that must come before each module, by its name. */
function predecessors(definitions: readonly ModuleDefinition[]): Map<string, Set<string>> {
  const earlier = new Map<string, Set<string>>();
  for (const { name, depends = [], after = [] } of definitions)
    earlier.set(name, new Set([...depends, ...after]));
  for (const { name, before = [] } of definitions) for (const later of before) earlier.get(later)?.add(name);
  return earlier;
}

async function find(
  source: ModuleSource,
  name: string,
  neededBy: string | undefined,
): Promise<ModuleDefinition> {
  try {
    return await source.import(name, neededBy !== undefined);
  } catch (error) {
    if (neededBy === undefined || !(error instanceof ModuleError) || error.code !== 'MODULE_NOT_FOUND')
      throw error;
    throw new ModuleError(
      'MODULE_DEPENDENCY_MISSING',
      neededBy,
      `the module "${neededBy}" needs the module "${name}", which is not installed`,
    );
  }
}

/** @throws ModuleError MODULE_WRONG_SCOPE */
export function checkScope(definition: ModuleDefinition, place: ModulePlace, neededBy?: string): void {
  if (fits(definition, place)) return;
  const { name, scope } = definition;
  const kind = scope === 'component' ? 'components' : 'hosts with users';
  const why = neededBy === undefined ? '' : `, and "${neededBy}" needs it`;
  const message = `the module "${name}" is for ${kind}, and ${place.domain} is not one of them${why}`;
  throw new ModuleError('MODULE_WRONG_SCOPE', name, message);
}

/** Whether a module supports this kind of host. */
export function fits({ scope = 'local' }: ModuleDefinition, { kind }: ModulePlace): boolean {
  return scope === 'host' || scope === kind;
}

export function circularError(circle: readonly string[]): ModuleError {
  const path = circle.join(' → ');
  const message = `Modules depend on each other in a circle: ${path}`;
  return new ModuleError('MODULE_DEPENDENCY_CIRCULAR', circle[0]!, message);
}

function orderError(circle: readonly string[]): ModuleError {
  const message = `Modules come after each other in a circle (\`depends\`, \`after\`, \`before\`): ${circle.join(' → ')}`;
  return new ModuleError('MODULE_DEPENDENCY_CIRCULAR', circle[0]!, message);
}
