// The modules that ship with the server.

import type { ModuleDefinition } from '../../src/api/module.ts';
import { ModuleFiles } from '../../src/core/module-files.ts';

/** All modules, sorted by name. */
export function readDefinitions(): Promise<ModuleDefinition[]> {
  const files = new ModuleFiles();
  return Promise.all(files.names().map((name) => files.import(name)));
}
