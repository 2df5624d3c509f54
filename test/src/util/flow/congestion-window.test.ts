import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CongestionWindow } from '../../../../src/util/flow/index.ts';

test('the window doubles with every window of answers, up to 256, and halves with a failure', () => {
  const window = new CongestionWindow({ first: 8, largest: 256 });
  const sizes = [];
  for (let size = window.size; size < 256; size = window.size) {
    sizes.push(size);
    for (let i = 0; i < size; i++) window.answered();
  }
  for (let i = 0; i < 1_000; i++) window.answered();
  assert.deepEqual([...sizes, window.size], [8, 16, 32, 64, 128, 256]);
  window.failed();
  assert.equal(window.size, 128);
  for (let i = 0; i < 20; i++) window.failed();
  assert.equal(window.size, 1);
  window.reset();
  assert.equal(window.size, 8);
});

test('answers before a failure do not count towards the next doubling', () => {
  const window = new CongestionWindow({ first: 8, largest: 256 });
  for (let i = 0; i < 7; i++) window.answered();
  window.failed();
  for (let i = 0; i < 3; i++) window.answered();
  assert.equal(window.size, 4);
  window.answered();
  assert.equal(window.size, 8);
});
