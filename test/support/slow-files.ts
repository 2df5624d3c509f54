// A reporter for node:test, to be used beside another one: lists the slowest files at the end of the run, and marks files
// that take too long. Such a file should be split, or should wait less.

import { relative, resolve } from 'node:path';
import type { TestEvent } from 'node:test/reporters';

const SHOWN = 10;
const LIMIT_MS = 30_000;
/** Interop tests wait for other programs. */
const INTEROP_LIMIT_MS = 5 * 60_000;

interface TimedFile {
  /** The path from the working directory. */
  readonly path: string;
  readonly ms: number;
}

export default async function* slowFiles(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const files: TimedFile[] = [];
  for await (const event of events) {
    const file = timedFile(event);
    if (file !== undefined) files.push(file);
  }
  yield report(files);
}

/** The runner reports each file as a test whose name is the path of the file. */
function timedFile(event: TestEvent): TimedFile | undefined {
  if (event.type !== 'test:complete') return undefined;
  const { name, file, nesting, details } = event.data;
  if (file === undefined || nesting !== 0 || resolve(name) !== resolve(file)) return undefined;
  return { path: relative(process.cwd(), file), ms: details.duration_ms };
}

/** The slowest files, the slowest first; files over their limit are listed even beyond the first ten. */
export function report(files: readonly TimedFile[]): string {
  const sorted = files.toSorted((a, b) => b.ms - a.ms);
  const shown = sorted.filter((file, index) => index < SHOWN || isSlow(file));
  return shown.length < 2 ? '' : `slowest files:\n${shown.map(line).join('')}`;
}

function line(file: TimedFile): string {
  const mark = isSlow(file) ? `  SLOW: more than ${limitOf(file) / 1_000} s` : '';
  return `${(file.ms / 1_000).toFixed(1).padStart(8)} s  ${file.path}${mark}\n`;
}

function isSlow(file: TimedFile): boolean {
  return file.ms > limitOf(file);
}

function limitOf({ path }: TimedFile): number {
  return path.startsWith('test/interop/') ? INTEROP_LIMIT_MS : LIMIT_MS;
}
