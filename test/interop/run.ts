// `npm run test:interop`: runs all files, or the given ones.

import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { runSideBySide, whyNotIsolated } from '../support/side-by-side.ts';

/** More than one, because the tests mostly wait for other programs. */
const FILES_PER_CORE = 2;
const LIMIT_MS = 600_000;
/** The longest files. They start first, so that none runs alone at the end. */
const LONGEST = [
  'archive-crash',
  'matrix/ejabberd',
  'matrix/prosody',
  'restarts',
  'federation',
  'direct-tls',
  'xml-oracles',
];

const { values, positionals } = parseArgs({ allowPositionals: true, options: { width: { type: 'string' } } });
const first = LONGEST.map((name) => `test/interop/${name}.test.ts`);
const all = () => [...new Set([...first, ...globSync('test/interop/**/*.test.ts').toSorted()])];
const files = positionals.length > 0 ? positionals : all();
const why = whyNotIsolated();
if (why !== undefined)
  process.stderr.write(
    `No file can have a network of its own (as root, on Linux?), so one runs after another. unshare says: ${why}\n`,
  );
const width = why === undefined ? Number(values.width ?? availableParallelism() * FILES_PER_CORE) : 0;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
const isGood = await runSideBySide(files, {
  width,
  limitMs: LIMIT_MS,
  print: (text) => process.stdout.write(text),
});
process.exitCode = isGood ? 0 : 1;
