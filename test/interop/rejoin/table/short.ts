// A short version of the table, for every run of the tests.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failures } from './cells.ts';
import { FAULTS, type FaultName } from './faults.ts';
import { PROGRAMS } from './programs.ts';
import { run } from './run.ts';

const LIMIT = { timeout: 250_000 };
const ABSENCE = 5;

/** Checks that programs with both kinds of server do as if nothing had happened. */
export function shortTable(fault: FaultName): void {
  const programs = PROGRAMS.filter(({ group }) => group === 'scripted');
  for (const remote of ['Prosody', 'ejabberd'] as const) {
    test(`${remote}: ${FAULTS[fault].title} No program loses anything.`, LIMIT, async (t) => {
      const outcomes = await run(t, { remote, fault, mode: 'silent', programs, absence: ABSENCE });
      assert.equal(outcomes.length, programs.length);
      for (const { name, cell, error } of outcomes)
        assert.deepEqual(cell === undefined ? [error] : failures(cell), [], name);
    });
  }
}
