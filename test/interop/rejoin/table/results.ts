// The results of all runs so far, one file for each program.

import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cell } from './cells.ts';

const FOLDER = join(import.meta.dirname, 'results');

export interface Results {
  readonly program: string;
  readonly version: string;
  /** By run, as in "silent ejabberd cut". */
  readonly cells: Readonly<Record<string, Cell>>;
}

/** In the order of their names. */
export function allResults(): Results[] {
  const files = globSync('*.json', { cwd: FOLDER }).toSorted();
  return files.map((file) => JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as Results);
}

export interface NewCell {
  readonly program: string;
  readonly version: string;
  readonly run: string;
  /** `undefined`: the program did not get as far as the fault. */
  readonly cell: Cell | undefined;
}

export function store({ program, version, run, cell }: NewCell): void {
  const old = allResults().find((it) => it.program === program)?.cells ?? {};
  const cells = Object.entries({ ...old, [run]: cell }).filter(([, cell]) => cell !== undefined);
  const results = { program, version, cells: Object.fromEntries(cells.toSorted()) };
  mkdirSync(FOLDER, { recursive: true });
  const file = join(FOLDER, `${program.toLowerCase().replaceAll(/[^a-z]/g, '')}.json`);
  writeFileSync(file, `${JSON.stringify(results, undefined, 2)}\n`);
}
