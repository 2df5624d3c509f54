// Our writing thread, ended by an operation whose value is a `Death`, as a thread ends that runs out of memory.

import { appendFileSync, existsSync, statSync } from 'node:fs';
import { type MessagePort, parentPort } from 'node:worker_threads';
import type { ToWriter } from '../../src/storage/drivers/sqlite-operations.ts';
import { decode } from '../../src/storage/drivers/sqlite-wire.ts';

/** What a test writes to make the thread end. */
export interface Death {
  /** 'before': nothing was written; 'after': it was committed, and nobody was told. */
  readonly die: 'before' | 'after';
  readonly times: number;
  /** Counts how often, in bytes. */
  readonly file: string;
}

const port: MessagePort | null = parentPort;

function deathIn(message: ToWriter): Death | undefined {
  if (message === 'close') return undefined;
  for (const operation of decode(message.batch)) {
    if (operation.do !== 'set') continue;
    const value: unknown = JSON.parse(operation.value);
    if (typeof value === 'object' && value !== null && 'die' in value) return value as Death;
  }
  return undefined;
}

function isDue({ file, times }: Death): boolean {
  const before = existsSync(file) ? statSync(file).size : 0;
  if (before >= times) return false;
  appendFileSync(file, '.');
  return true;
}

if (port) {
  let dying: Death | undefined;
  port.on('message', (message: ToWriter) => {
    const death = deathIn(message);
    dying = death !== undefined && isDue(death) ? death : undefined;
    if (dying?.die === 'before') process.exit(1);
  });
  const post = port.postMessage.bind(port);
  port.postMessage = (message: unknown) => {
    if (dying?.die === 'after') process.exit(1);
    post(message);
  };
  await import('../../src/storage/drivers/sqlite-writer.ts');
}
