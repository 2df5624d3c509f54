// `npm run fuzz:xml [-- --seed N --from N --count N]`
//
// Tries our XML parser and serializer against saxes and expat, without end unless told otherwise.

import { inspect, parseArgs } from 'node:util';
import { type FuzzReport, fuzz } from './fuzz.ts';

const PROGRESS_MS = 5_000;

const { values } = parseArgs({
  options: { seed: { type: 'string' }, from: { type: 'string' }, count: { type: 'string' } },
});
const seed = values.seed === undefined ? Math.trunc(Math.random() * 2 ** 31) : Number(values.seed);
const from = Number(values.from ?? 0);
const count = Number(values.count ?? Number.POSITIVE_INFINITY);
const began = performance.now();
let told = began;

process.stdout.write(`seed ${seed}\n`);
const report = await fuzz({ seed, from, count, onProgress });
summary(report);
if (report.failure) {
  const { index, complaint, document } = report.failure;
  process.stdout.write(`
document ${index} of seed ${seed} fails: ${complaint}

  ${inspect(document.toString('latin1'), { maxStringLength: null, breakLength: Number.POSITIVE_INFINITY })}
  (one character per byte; base64 ${document.toString('base64')})

again: npm run fuzz:xml -- --seed ${seed} --from ${index} --count 1
`);
  process.exitCode = 1;
}

function onProgress(report: FuzzReport): void {
  if (performance.now() - told < PROGRESS_MS) return;
  told = performance.now();
  summary(report);
}

function summary({ documents, taken, forwarded, written }: FuzzReport): void {
  const perSecond = documents / ((performance.now() - began) / 1000);
  process.stdout.write(
    `${documents} documents, ${taken} taken, ${forwarded} elements forwarded, ${written} written, ${perSecond.toFixed(0)}/s\n`,
  );
}
