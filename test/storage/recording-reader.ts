// Our reading thread. It appends each question to "….asked" beside the database; a question about the owner 'poison' ends it,
// as often as "….deaths" says.

import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import type { Question, ReaderData } from '../../src/storage/drivers/sqlite-questions.ts';

const { file } = workerData as ReaderData;

function isDue(): boolean {
  const deaths = existsSync(`${file}.deaths`) ? Number(readFileSync(`${file}.deaths`, 'utf8')) : 0;
  if (deaths > 0) writeFileSync(`${file}.deaths`, `${deaths - 1}`);
  return deaths > 0;
}

parentPort?.on('message', (message: Question | 'close') => {
  if (message === 'close' || !('owner' in message)) return;
  appendFileSync(`${file}.asked`, `${message.owner}\n`);
  if (message.owner === 'poison' && isDue()) process.exit(1);
});
await import('../../src/storage/drivers/sqlite-reader-thread.ts');
