// `npm run docs`: generates pages of docs/ from the code. test/docs/generated.test.ts fails when they are stale.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readDefinitions } from './docs/definitions.ts';
import { errorsPage } from './docs/errors.ts';
import { modulesPage } from './docs/modules.ts';
import { xepsPage } from './docs/xeps.ts';

const ROOT = join(import.meta.dirname, '..');

/** Every generated page by its path from the root of the project. */
export async function generatePages(): Promise<ReadonlyMap<string, string>> {
  const definitions = await readDefinitions();
  return new Map([
    ['docs/modules.md', modulesPage(definitions)],
    ['docs/xeps.md', xepsPage(definitions)],
    ['docs/errors.md', errorsPage(ROOT)],
  ]);
}

if (import.meta.main) {
  for (const [path, text] of await generatePages()) await writeFile(join(ROOT, path), text);
}
