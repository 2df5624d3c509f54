// One run of the table, in a process and a network of its own: command.ts starts it, with `RunOptions` as JSON, where programs are
// names, and with the file for what has come out.

import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { PROGRAMS } from './programs.ts';
import { type RunOptions, run } from './run.ts';

const [given = '', file = ''] = process.argv.slice(2);
const { programs, ...options } = JSON.parse(given) as Omit<RunOptions, 'programs'> & { programs: string[] };

test(given, { timeout: 900_000 }, async (t) => {
  const kinds = PROGRAMS.filter(({ name }) => programs.includes(name));
  const outcomes = await run(t, { ...options, programs: kinds });
  await writeFile(file, JSON.stringify(outcomes));
});
