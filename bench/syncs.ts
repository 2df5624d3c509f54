// Counts how often a process and its descendants ask the operating system to write a file to the disk, by perf.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { family } from './process.ts';

const CALLS = ['fsync', 'fdatasync', 'sync_file_range', 'msync'];

/** @returns a function that ends the counting; its result is undefined if perf is not installed or not allowed */
export function countSyncs(pid: number): () => Promise<number | undefined> {
  const events = CALLS.map((call) => `syscalls:sys_enter_${call}`).join(',');
  const perf = spawn('perf', ['stat', '-x', ',', '-e', events, '-p', family(pid).join(',')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let text = '';
  perf.stderr.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const ended = once(perf, 'close').catch(() => {}); // Not installed.
  return async () => {
    perf.kill('SIGINT');
    await ended;
    const counts = [...text.matchAll(/^(\d+),/gm)].map(([, count]) => Number(count));
    return counts.length === CALLS.length ? counts.reduce((sum, count) => sum + count, 0) : undefined;
  };
}
