import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedBudget } from '../../../src/util/shared-budget.ts';

const ANN = { name: 'ann', share: 1 / 4 };
const BOB = { name: 'bob', share: 1 / 4 };
const ROOMS = { name: 'rooms', share: 1 };

test('a holder may take its share, and all together the total; what is given back can be taken again', () => {
  const budget = new SharedBudget(100);
  assert.equal(budget.obstacle(ANN, 26), 'share');
  assert.equal(budget.obstacle(ANN, 25), undefined);
  budget.force(ANN, 25);
  assert.equal(budget.obstacle(ANN, 1), 'share');
  assert.equal(budget.obstacle(BOB, 25), undefined);
  budget.force(ROOMS, 60);
  assert.equal(budget.obstacle(BOB, 15), undefined);
  assert.equal(budget.obstacle(BOB, 16), 'total');
  budget.give(ANN, 25);
  assert.equal(budget.obstacle(ANN, 25), undefined);
  assert.equal(budget.used, 60);
});

test('what was accepted before is taken beyond the bounds, and counts', () => {
  const budget = new SharedBudget(100);
  budget.force(ANN, 200);
  assert.equal(budget.obstacle(BOB, 1), 'total');
  budget.give(ANN, 200);
  assert.deepEqual([budget.used, budget.obstacle(BOB, 25)], [0, undefined]);
});

test('a holder in a group takes of the share of that, too, and gives it back', () => {
  const budget = new SharedBudget(100);
  const group = { name: 'all', share: 1 / 4 };
  const [one, other] = [
    { name: 'one', share: 1 / 5, group },
    { name: 'other', share: 1 / 5, group },
  ];
  budget.force(one, 20);
  assert.equal(budget.obstacle(one, 1), 'share');
  assert.equal(budget.obstacle(other, 5), undefined);
  assert.equal(budget.obstacle(other, 6), 'share');
  budget.give(one, 20);
  assert.equal(budget.obstacle(other, 20), undefined);
  assert.equal(budget.used, 0);
});

test('a holder with a fair share gets as much as its group has left', () => {
  const budget = new SharedBudget(100);
  const group = { name: 'all', share: 3 / 5 };
  const [one, other, third] = ['one', 'other', 'third'].map(
    (name) => ({ name, share: 'fair', group }) as const,
  );
  const takeAll = (holder = one!) => {
    let taken = 0;
    for (; budget.obstacle(holder, 1) === undefined; taken++) budget.force(holder, 1);
    return taken;
  };
  assert.deepEqual([takeAll(one), takeAll(other), takeAll(third)], [30, 15, 8]);
  budget.give(one!, 30);
  assert.equal(takeAll(other), 11);
});
