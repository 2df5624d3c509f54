// A folder as an administrator has it: a configuration, modules of other makers, packages; and runs of `enjamb` in it.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { TestContext } from 'node:test';
import { run } from '../../../src/cli/program.ts';

/** No ports and nothing on disk but what a test asks for. */
export const QUIET = `
storage = "memory"
log_level = "error"
certificates = "certs"
c2s_ports = []
c2s_direct_tls_ports = []
s2s_ports = []
s2s_direct_tls_ports = []
http_ports = []
https_ports = []
component_ports = []
`;

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Writes files by their paths into a new folder, which is removed when the test ends. */
export function siteFolder(t: TestContext, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'enjamb-site-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) write(folder, path, text);
  return folder;
}

export function write(folder: string, path: string, text: string): void {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/** One run of the program in this process, on the configuration of a folder. */
export function enjamb(folder: string, ...args: readonly string[]): Promise<Ended> {
  return enjambReading({ text: '' }, folder, ...args);
}

/** The same, with what is piped into it, or typed on a terminal. */
export async function enjambReading(
  { text, isTTY = false }: { text: string; isTTY?: boolean },
  folder: string,
  ...args: readonly string[]
): Promise<Ended> {
  const [stdin, stdout, stderr] = [
    Object.assign(new PassThrough(), { isTTY }),
    new PassThrough(),
    new PassThrough(),
  ];
  stdin.end(text);
  const code = await run([...args, '-c', join(folder, 'enjamb.toml')], { stdin, stdout, stderr });
  const textOf = (stream: PassThrough) => (stream.read() as Buffer | null)?.toString() ?? '';
  return { code, out: textOf(stdout), err: textOf(stderr) };
}
