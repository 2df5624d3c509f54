// `npm run bench joins -- [--rooms 1000] [--users 50] [--speed 4] [--json FILE]`
//
// 50,000 joins at one domain are lost simultaneously. Measures the longest block of the event loop, the number of unanswered
// questions, the rate of notices, and the cost of a join. Prints each figure with its limit.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** The flags of `bin/enjamb.js` (docs/adr/0010), and access to the garbage collector for measuring memory. */
const FLAGS = ['--conditions=source', '--max-semi-space-size=6', '--expose-gc'];

/** Runs the measurements in their own process. */
export async function joins(args: readonly string[]): Promise<void> {
  const file = fileURLToPath(new URL('./measure.ts', import.meta.url));
  const child = spawn(process.execPath, [...FLAGS, file, ...args], { stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) process.exitCode = 1;
}
