// Repeats the suites of all modules on storage that unloads owners at rest. Code that reads the rows of an owner that is
// not loaded throws (docs/adr/0032). This file sets ENJAMB_TEST_STORAGE, so it needs its own process.

import { globSync } from 'node:fs';

process.env.ENJAMB_TEST_STORAGE = 'late';

/** Their clients are bound without a negotiation, they read no tables, or they take long. */
const LEFT_OUT = [
  'late-storage.test.ts',
  'dialback.test.ts',
  'pairs.test.ts',
  'presence-flood.test.ts',
  'muc/!(gone|invite|join|leave|remote).test.ts',
  'ping_muc/**',
  's2s_keepalive/**',
  'smacks/s2s-*.test.ts',
  'smacks/*-random.test.ts',
  'track_muc_joins/**',
];

const cwd = import.meta.dirname;
for (const suite of globSync('**/*.test.ts', { cwd, exclude: LEFT_OUT })) await import(`./${suite}`);
