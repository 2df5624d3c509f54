// The version of this package.

import { existsSync, readFileSync } from 'node:fs';

export const version = readVersion();

/** `src/cli` and `dist/src/cli` lie at different depths below package.json. */
function readVersion(): string {
  for (const up of ['../../package.json', '../../../package.json']) {
    const url = new URL(up, import.meta.url);
    if (existsSync(url))
      return String((JSON.parse(readFileSync(url, 'utf8')) as { version?: unknown }).version);
  }
  return 'unknown';
}
