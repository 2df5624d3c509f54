// Writes to the database in its first argument until killed, and prints each key once it has been acknowledged; beside
// that, batches.

import { writeSync } from 'node:fs';
import { openStorage } from '../../src/storage/index.ts';

const driver = await openStorage({ driver: 'sqlite', dataPath: process.argv[2] ?? '' });
const map = driver.map('montague.lit', 'pep');
const archive = driver.archive('montague.lit', 'archive');
const STREAMS = 40;

async function writeForever(stream: number): Promise<void> {
  for (let n = 0; ; n++) {
    const key = `${stream}/${n}`;
    const { id } = archive.nextId('romeo');
    await Promise.all([
      map.set('romeo', key, n),
      archive.append('romeo', { id, with: 'juliet@capulet.lit', xml: `${key} ${'x'.repeat(300)}` }),
      archive.put('romeo', { name: `item ${key}`, with: 'node', xml: key }),
    ]);
    print(`${key}\n`);
  }
}

/** More writes than one commit of the queue takes: `NUMBER/i` for i below 1,000. */
async function batchForever(): Promise<void> {
  const batches = driver.map('montague.lit', 'batches');
  for (let n = 0; ; n++) {
    await driver.batch(() => {
      for (let i = 0; i < 1_000; i++) void batches.set('romeo', `${n}/${i}`, i);
    });
  }
}

/** Synchronous: what was acknowledged has left the process. A pipe may be full while its reader is busy. */
function print(line: string): void {
  for (;;) {
    try {
      return void writeSync(1, line);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}

await Promise.all([batchForever(), ...Array.from({ length: STREAMS }, (_, stream) => writeForever(stream))]);
