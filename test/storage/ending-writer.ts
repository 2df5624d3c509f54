// Our writing thread, steered by files beside the database: "….end" ends it as soon as it is ready, "….stuck" makes it
// fail to close, "….die" ends it at the next batch, once.

import { existsSync, rmSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import type { FromWriter, ToWriter, WriterData } from '../../src/storage/drivers/sqlite-operations.ts';

const { file } = workerData as WriterData;

if (existsSync(`${file}.end`)) {
  const ready = {
    key: new Uint8Array(16),
    position: 0,
    newest: 0,
    wasStopped: true,
    isUnswept: false,
    hasLeftovers: false,
  };
  parentPort?.postMessage({ ready } satisfies FromWriter);
  process.exit(1);
}
parentPort?.on('message', (message: ToWriter) => {
  if (message === 'close' && existsSync(`${file}.stuck`)) throw new Error('the disk does not answer');
  if (message === 'close' || !existsSync(`${file}.die`)) return;
  rmSync(`${file}.die`);
  process.exit(1);
});
await import('../../src/storage/drivers/sqlite-writer.ts');
