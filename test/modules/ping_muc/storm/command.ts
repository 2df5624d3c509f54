// `npm run storm -- [--steps 1000000] [--seed N]`: random faults. Prints the first seed. A failure names the seed of
// its own storm, which `--seed N --steps 1` repeats. STORM_LOG=200 shows more of its log.

import { parseArgs } from 'node:util';
import { STEPS, storm } from './weather.ts';

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1e9)) },
  },
});
const first = Number(values.seed);
const storms = Math.ceil(Number(values.steps) / STEPS);
process.stdout.write(`${storms * STEPS} steps, from seed ${first}\n`);
let notices = 0;
for (let i = 0; i < storms; i++) {
  notices += await storm(first + i);
  if (i % 500 === 499) process.stdout.write(`${(i + 1) * STEPS} steps, ${notices} clients told\n`);
}
process.stdout.write(`no false notice, no missed loss; ${notices} clients were told that they were out\n`);
