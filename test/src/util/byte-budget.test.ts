import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteBudget } from '../../../src/util/byte-budget.ts';

test('holders share one budget: what one takes, the others lack, until it is given back', () => {
  const budget = new ByteBudget(100);
  assert.equal(budget.take(60), true);
  assert.equal(budget.take(41), false);
  assert.equal(budget.used, 60, 'a refusal takes nothing');
  assert.equal(budget.take(40), true);
  budget.give(60);
  assert.equal(budget.used, 40);
});

test('what was accepted before is kept beyond the bound, and counts', () => {
  const budget = new ByteBudget(100);
  budget.force(150);
  assert.equal(budget.take(1), false);
  budget.give(100);
  assert.equal(budget.take(50), true);
});
