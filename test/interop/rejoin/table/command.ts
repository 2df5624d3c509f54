// `npm run table:rejoin -- [--programs scripted,Gajim] [--remotes ejabberd] [--faults cut] [--modes silent] [--width 3]` runs real
// programs through real faults, and writes the tables of docs/clients.md. Without options: all of them, which takes an hour.
// `--logs FOLDER` says where logs, screens and pictures are kept. `--modes none` only writes the page.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ISOLATED, whyNotIsolated } from '../../../support/side-by-side.ts';
import type { Kind } from '../../matrix/service.ts';
import { failures, type Mode } from './cells.ts';
import { FAULTS, type FaultName } from './faults.ts';
import { writePage } from './page.ts';
import { PROGRAMS } from './programs.ts';
import { store } from './results.ts';
import type { Outcome } from './run.ts';

interface Run {
  readonly mode: Mode;
  readonly remote: Kind;
  readonly fault: FaultName;
}

const { values } = parseArgs({
  options: {
    programs: { type: 'string', default: 'scripted,interactive' },
    remotes: { type: 'string', default: 'Prosody,ejabberd' },
    faults: { type: 'string', default: Object.keys(FAULTS).join(';') },
    modes: { type: 'string', default: 'silent,assisted' },
    width: { type: 'string', default: '3' },
    logs: { type: 'string' },
  },
});
const wanted = values.programs.split(',');
const kinds = PROGRAMS.filter(({ name, group }) => wanted.includes(name) || wanted.includes(group));
const logs = values.logs ?? mkdtempSync(join(tmpdir(), 'enjamb-table-'));
const SCRIPT = join(import.meta.dirname, 'one-run.ts');

const runs: Run[] = (values.modes === 'none' ? [] : values.modes.split(',')).flatMap((mode) =>
  values.remotes
    .split(',')
    .flatMap((remote) => values.faults.split(';').map((fault) => ({ mode, remote, fault }) as Run)),
);
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

const why = whyNotIsolated();
if (why !== undefined) throw new Error(`a run needs a network of its own (as root, on Linux): ${why}`);
mkdirSync(logs, { recursive: true });
await Promise.all(Array.from({ length: Number(values.width) }, work));
writePage();

async function work(): Promise<void> {
  for (let run = runs.shift(); run !== undefined; run = runs.shift()) await take(run);
}

async function take(run: Run): Promise<void> {
  const { mode, remote, fault } = run;
  const name = `${mode} ${remote} ${fault}`;
  const file = join(logs, `${name}.json`);
  const output = await carryOut(run, file);
  writeFileSync(join(logs, `${name}.log`), output);
  for (const { name: program, cell, error } of outcomesIn(file)) {
    const kind = PROGRAMS.find((it) => it.name === program)!;
    store({ program, version: await kind.version(), run: name, cell });
    const verdict = cell === undefined ? `no result: ${error}` : failures(cell).join(', ') || 'good';
    process.stdout.write(`${name}: ${program}: ${verdict}\n`);
    if (cell === undefined) process.exitCode = 1;
  }
}

/** Resolves with the output. */
async function carryOut(run: Run, file: string): Promise<string> {
  const keptIn = file.replace(/\.json$/, '');
  const given = JSON.stringify({ ...run, programs: kinds.map(({ name }) => name), keptIn });
  const [command = '', ...args] = [...ISOLATED, process.execPath, '--conditions=source', SCRIPT, given, file];
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  await new Promise((resolve) => child.on('close', resolve));
  running.delete(child);
  return output;
}

function outcomesIn(file: string): Outcome[] {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Outcome[];
  } catch (error) {
    process.stdout.write(`no results of ${file.replace(/json$/, 'log')}: ${error}\n`);
    process.exitCode = 1;
    return [];
  }
}
