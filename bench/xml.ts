// `npm run bench xml [-- --rounds 3] [--json FILE]`
//
// The cost of XML and addresses: our parser against ltx's and saxes, our serializer against ltx's, with the same stanzas.
// Each library has its own process. They run alternately, and the quietest pass counts, since other load only adds.

import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { benchAddresses } from './xml/addresses.ts';
import { PARSERS, SERIALIZERS } from './xml/contenders.ts';
import type { Sample } from './xml/measure.ts';

const WORKER = new URL('./xml/measure.ts', import.meta.url).pathname;
const CHUNK_BYTES = [1400, 16_384];

interface Row extends Sample {
  readonly task: string;
  readonly contender: string;
}

/** Runs the benchmark with the arguments after `xml`, prints a table, and writes JSON if requested. */
export async function benchXml(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { rounds: { type: 'string', default: '3' }, json: { type: 'string' } },
  });
  const rows = new Map<string, Row>();
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [task, contender, ...rest] of tasks()) {
      const sample = measure(rest);
      process.stderr.write(`  ${task}, ${contender}: ${sample.megabytes.toFixed(0)} MB/s\n`);
      const known = rows.get(`${task} ${contender}`);
      if (known === undefined || known.megabytes < sample.megabytes) {
        rows.set(`${task} ${contender}`, { task, contender, ...sample });
      }
    }
  }
  print([...rows.values()]);
  benchAddresses();
  if (values.json !== undefined)
    await writeFile(values.json, `${JSON.stringify([...rows.values()], undefined, 2)}\n`);
}

/** The measurements: a title, the library, and the arguments of its process. */
function tasks(): [task: string, contender: string, ...args: string[]][] {
  const parsing = CHUNK_BYTES.flatMap((size) =>
    Object.keys(PARSERS).map((name) => [`parse, chunks of ${size} bytes`, name, 'parse', name, `${size}`]),
  );
  const writing = ['text', 'bytes'].flatMap((to) =>
    Object.keys(SERIALIZERS).map((name) => [`serialise to ${to}`, name, 'serialise', name, to]),
  );
  return [...parsing, ...writing] as [string, string, ...string[]][];
}

function measure(args: string[]): Sample {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--conditions=source', WORKER, ...args], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${args.join(' ')}: ${stderr}`);
  return JSON.parse(stdout) as Sample;
}

function print(rows: readonly Row[]): void {
  process.stdout.write(
    '\nPer second of CPU time (user + system), quietest pass; × is the speed of enjamb relative to the library\n',
  );
  for (const task of new Set(rows.map((row) => row.task))) {
    const of = rows.filter((row) => row.task === task);
    const own = of.find(({ contender }) => contender === 'enjamb')!;
    process.stdout.write(`\n${task}\n`);
    for (const { contender, megabytes, stanzas } of of) {
      const ratio = contender === 'enjamb' ? '' : `   ${(own.stanzas / stanzas).toFixed(2)}×`;
      const speed = `${megabytes.toFixed(0).padStart(5)} MB ${(stanzas / 1000).toFixed(0).padStart(6)} k stanzas`;
      process.stdout.write(`  ${contender.padEnd(18)}${speed}${ratio}\n`);
    }
  }
}
