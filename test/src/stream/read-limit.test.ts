import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Pausable, ReadBudget, ReadBudgets } from '../../../src/stream/read-limit.ts';
import { FakeClock } from '../../support/clock.ts';

interface Chunk {
  readonly bytes: number;
  readonly stanzas: number;
  readonly nodes?: number;
  readonly addedBytes?: number;
}

/** Reads a chunk whenever it is allowed to, as long as it has any. */
class Reader implements Pausable {
  taken = 0;
  isPaused = false;
  readonly #budget: ReadBudget;
  readonly #chunk: Chunk;
  #left = 0;

  constructor(budget: ReadBudget, chunk: Chunk = { bytes: 100, stanzas: 0 }) {
    this.#budget = budget;
    this.#chunk = chunk;
    budget.join(this);
  }

  send(chunks: number): void {
    this.#left += chunks;
    this.#read();
  }

  pause(): void {
    this.isPaused = true;
  }

  unpause(): void {
    this.isPaused = false;
    this.#read();
  }

  #read(): void {
    while (!this.isPaused && this.#left > 0) {
      this.#left--;
      this.taken++;
      this.#budget.take(this.#chunk.bytes, this);
      const { nodes = 0, addedBytes = 0 } = this.#chunk;
      for (let i = 0; i < this.#chunk.stanzas; i++) this.#budget.takeStanza({ nodes, addedBytes }, this);
    }
  }
}

test('a budget has its burst, then its rate', async () => {
  const clock = new FakeClock();
  const reader = new Reader(new ReadBudget({ bytesPerSecond: 1_000, burstBytes: 2_000 }, clock));
  reader.send(1_000);
  assert.equal(reader.taken, 21, 'the chunk that makes the debt is read');
  await clock.advance(10_000);
  assert.ok(Math.abs(reader.taken - 121) <= 1, `${reader.taken} chunks in 10 s`);
});

test('after a rest a peer has its burst once, not twice', async () => {
  const clock = new FakeClock();
  const reader = new Reader(new ReadBudget({ bytesPerSecond: 1_000, burstBytes: 2_000 }, clock));
  await clock.advance(60_000);
  reader.send(1_000);
  assert.equal(reader.taken, 21);
});

test('a stanza costs more than its bytes, so that small ones are not cheap', async () => {
  const clock = new FakeClock();
  const rate = { bytesPerSecond: 1_000, burstBytes: 2_000, bytesPerStanza: 90 };
  const reader = new Reader(new ReadBudget(rate, clock), { bytes: 10, stanzas: 1 });
  reader.send(1_000);
  assert.equal(reader.taken, 21);
});

test('each node of a stanza costs more than its bytes', () => {
  const clock = new FakeClock();
  const rate = { bytesPerSecond: 1_000, burstBytes: 2_000 };
  const reader = new Reader(new ReadBudget(rate, clock), { bytes: 36, stanzas: 1, nodes: 4 });
  reader.send(1_000);
  assert.equal(reader.taken, 21);
});

test('counts the bytes by which a stanza grows when it is written', () => {
  const clock = new FakeClock();
  const rate = { bytesPerSecond: 1_000, burstBytes: 2_000 };
  const reader = new Reader(new ReadBudget(rate, clock), { bytes: 10, stanzas: 1, addedBytes: 90 });
  reader.send(1_000);
  assert.equal(reader.taken, 21);
});

test('twenty readers of one budget have together what one has, and each its turn', async () => {
  const clock = new FakeClock();
  const budget = new ReadBudget({ bytesPerSecond: 1_000, burstBytes: 2_000 }, clock);
  const readers = Array.from({ length: 20 }, () => new Reader(budget));
  for (const reader of readers) reader.send(1_000);
  await clock.advance(60_000);
  const total = readers.reduce((sum, { taken }) => sum + taken, 0);
  assert.ok(total <= 20 + 20 + 600 + 20, `${total} chunks were read`);
  for (const { taken } of readers.slice(1)) assert.ok(taken >= 25, `a reader had ${taken} turns`);
});

test('a reader that leaves is read again, and keeps no timer', async () => {
  const clock = new FakeClock();
  const budget = new ReadBudget({ bytesPerSecond: 1_000, burstBytes: 2_000 }, clock);
  const reader = new Reader(budget);
  reader.send(21);
  assert.equal(reader.isPaused, true);
  budget.leave(reader);
  assert.equal(reader.isPaused, false);
  assert.equal(clock.pending, 0);
});

test('forgets full budgets without readers, and keeps those in debt or in use', async () => {
  const clock = new FakeClock();
  const budgets = new ReadBudgets({ bytesPerSecond: 1_000, burstBytes: 2_000 }, clock);
  const inDebt = budgets.of('debtor');
  inDebt.take(100_000, { pause() {}, unpause() {} });
  const inUse = budgets.of('user');
  inUse.join({ pause() {}, unpause() {} });
  let most = 0;
  for (let i = 0; i < 10_000; i++) {
    budgets.of(`account ${i}`);
    most = Math.max(most, budgets.size);
  }
  assert.ok(most <= 1_001, `${most} budgets were kept`);
  assert.equal(budgets.of('debtor'), inDebt);
  assert.equal(budgets.of('user'), inUse);
});
