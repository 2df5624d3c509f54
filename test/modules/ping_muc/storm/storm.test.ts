// A hundred thousand random steps. `npm run storm` runs any number of them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STEPS, storm } from './weather.ts';

const RUNS = 500;

test(`${RUNS * STEPS} random steps: no false notice, and no missed loss`, async () => {
  let notices = 0;
  for (let seed = 1; seed <= RUNS; seed++) notices += await storm(seed);
  assert.ok(notices > RUNS, `${notices} notices: the storm must be one`);
});
