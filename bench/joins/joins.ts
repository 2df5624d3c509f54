// `npm run bench joins -- [--rooms 1000] [--users 50] [--speed 4] [--json FILE]`
//
// Fifty thousand clients' places in rooms of one domain, all lost at once: how long the event loop stands still, how
// many questions are under way, how fast clients are told, what a place costs. Beside each figure what it has to be.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** As `bin/enjamb.js` starts it (docs/adr/0010); the collector is called by hand where memory is measured. */
const FLAGS = ['--conditions=source', '--max-semi-space-size=6', '--expose-gc'];

/** Runs it in a process of its own. */
export async function joins(args: readonly string[]): Promise<void> {
  const file = fileURLToPath(new URL('./measure.ts', import.meta.url));
  const child = spawn(process.execPath, [...FLAGS, file, ...args], { stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) process.exitCode = 1;
}
