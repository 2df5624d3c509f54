// Runs the measurements of a benchmark in their own process.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** The flags of `bin/enjamb.js` (docs/adr/0010), and access to the garbage collector for measuring memory. */
const FLAGS = ['--conditions=source', '--max-semi-space-size=6', '--expose-gc'];

/** A failure becomes the exit code of this process. */
export async function runApart(file: URL, args: readonly string[]): Promise<void> {
  const command = [...FLAGS, fileURLToPath(file), ...args];
  const child = spawn(process.execPath, command, { stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) process.exitCode = 1;
}

/** The heap in use after full collections, in bytes. Later turns of the event loop may still free what is not used any more. */
export async function heapUsed(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    await setTimeout(50);
    global.gc?.();
  }
  return process.memoryUsage().heapUsed;
}
