// `npm run bench attack -- [NAME…] [--seconds N] [--realtime] [--json FILE]`
//
// Runs one attacker, a client that pings the server every 20 ms, and a client that logs in every second, with a fresh server
// for each attack. Prints the delays of the honest clients. The exit code is 1 if a figure exceeds its goal.

import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { givePrecedence, useTwoProcessors } from '../process.ts';
import type { Attack } from './attacker.ts';
import { ATTACKS } from './attacks/index.ts';
import { Stage } from './stage.ts';
import { heading, missesOf, row } from './table.ts';
import { type Result, tryAttack } from './trial.ts';

const SECONDS = 5;

interface Failure {
  readonly attack: string;
  readonly failure: string;
}

export async function attack(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      seconds: { type: 'string' },
      realtime: { type: 'boolean', default: false },
      json: { type: 'string' },
    },
  });
  const attacks = chosen(positionals);
  useTwoProcessors();
  // This process is the DNS server.
  if (values.realtime) givePrecedence(process.pid);
  const stage = await Stage.make();
  const results: Result[] = [];
  const failures: Failure[] = [];
  try {
    for (const [index, attack] of attacks.entries()) {
      const seconds = Number(values.seconds ?? attack.seconds ?? SECONDS);
      process.stderr.write(`${index + 1} of ${attacks.length}: ${attack.name}, ${seconds} s\n`);
      try {
        const result = await tryAttack(stage, attack, { seconds, isRealtime: values.realtime });
        results.push(result);
        process.stderr.write(`  ${row(result)}\n`);
      } catch (error) {
        const failure = error instanceof Error ? error.message : String(error);
        failures.push({ attack: attack.name, failure });
        process.stderr.write(`  FAILED: ${failure}\n`);
      }
    }
  } finally {
    await stage.close();
  }
  print(results, failures);
  if (values.json !== undefined)
    await writeFile(values.json, `${JSON.stringify([...results, ...failures], undefined, 2)}\n`);
}

function chosen(names: readonly string[]): readonly Attack[] {
  const unknown = names.filter((name) => !ATTACKS.some((attack) => attack.name === name));
  if (unknown.length > 0) {
    const known = ATTACKS.map(({ name }) => name).join(' ');
    process.stderr.write(`unknown: ${unknown.join(' ')}\nattacks: ${known}\n`);
    process.exit(2);
  }
  return names.length === 0 ? ATTACKS : ATTACKS.filter(({ name }) => names.includes(name));
}

function print(results: readonly Result[], failures: readonly Failure[]): void {
  const lines = [heading(), ...results.map(row)];
  for (const { attack, failure } of failures) lines.push(`${attack}: FAILED: ${failure}`);
  const missed = results.filter((result) => missesOf(result).length > 0).length;
  lines.push('', `${missed} of ${results.length} attacks missed a goal, ${failures.length} did not run`);
  process.stdout.write(`\n${lines.join('\n')}\n`);
  if (missed + failures.length > 0) process.exitCode = 1;
}
