// A hundred thousand steps of the random machine. `npm run storm:rejoin` makes a million, and any others.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runSeed, STEPS } from './machine.ts';

const RUNS = 500;

test(`${RUNS * STEPS} random steps: clients see unbroken rooms`, async () => {
  let joins = 0;
  for (let seed = 1; seed <= RUNS; seed++) joins += (await runSeed(seed, { mode: 'silent' })).joins;
  assert.ok(joins > RUNS, `${joins} joins of the server: the faults must be some`);
});
