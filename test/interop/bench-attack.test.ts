// Runs alone, because it measures. Each attack of `npm run bench attack` runs briefly; its figures are not checked.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ATTACKS } from '../../bench/attack/attacks/index.ts';
import { Stage } from '../../bench/attack/stage.ts';
import { missesOf, row } from '../../bench/attack/table.ts';
import { tryAttack } from '../../bench/attack/trial.ts';

const SECONDS = 1;
const AT_A_TIME = 5;

describe('npm run bench attack', { concurrency: AT_A_TIME }, async () => {
  const stage = await Stage.make();
  let left = ATTACKS.length;

  for (const attack of ATTACKS) {
    it(`${attack.name} runs and prints figures`, async (t) => {
      try {
        const result = await tryAttack(stage, attack, { seconds: SECONDS, nice: 0 });
        t.diagnostic(row(result));
        const { pings, logins } = result.figures;
        assert.ok(pings > 0 && logins > 0, `${pings} pings, ${logins} logins`);
        assert.ok(result.cpu > 0 && result.rss > 0);
        assert.ok(missesOf(result).every((miss) => !miss.includes('the witness failed')));
      } finally {
        if (--left === 0) await stage.close();
      }
    });
  }
});
