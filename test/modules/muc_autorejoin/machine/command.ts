// `npm run storm:rejoin -- [--steps 1000000] [--seed N] [--mode silent] [--ignore archive]`. A failure names the seed of its run, and
// `--seed THAT --steps 1` repeats it.

import { parseArgs } from 'node:util';
import type { Ignored } from './judge.ts';
import { type Mode, runSeed, STEPS } from './machine.ts';

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1e9)) },
    mode: { type: 'string', default: 'silent' },
    ignore: { type: 'string', multiple: true, default: [] },
  },
});
const options = { mode: values.mode as Mode, ignores: values.ignore as Ignored[] };
const first = Number(values.seed);
const runs = Math.ceil(Number(values.steps) / STEPS);
process.stdout.write(`${runs * STEPS} steps, from seed ${first}\n`);
let [joins, notices] = [0, 0];
for (let i = 0; i < runs; i++) {
  const outcome = await runSeed(first + i, options);
  joins += outcome.joins;
  notices += outcome.notices;
  if (i % 500 === 499) process.stdout.write(`${(i + 1) * STEPS} steps, ${joins} joins, ${notices} notices\n`);
}
process.stdout.write(`nothing wrong; ${joins} joins of the server, ${notices} notices\n`);
