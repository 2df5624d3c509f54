// A folder of its own for each test that needs a database.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { openStorage } from '../../src/storage/index.ts';
import type { Open } from './rows.ts';

const made: string[] = [];

after(() => {
  for (const path of made) rmSync(path, { recursive: true, force: true });
});

/** An empty folder, removed when the tests of the file are over. */
export function emptyFolder(): string {
  const path = mkdtempSync(join(tmpdir(), 'enjamb-storage-'));
  made.push(path);
  return path;
}

/** Opens a new database. */
export const openSqlite: Open = (clock) => openStorage({ driver: 'sqlite', dataPath: emptyFolder(), clock });
