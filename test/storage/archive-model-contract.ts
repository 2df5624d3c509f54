// Pages of every driver's archives, compared with those of a plain list.

import assert from 'node:assert/strict';
import type { ArchiveQuery } from '../../src/storage/archive.ts';
import { randomFrom } from '../support/random.ts';
import { ArchiveModel } from './archive-model.ts';
import { append, indexed, mam, type Rule } from './rows.ts';

const ARCHIVES = 200;
const CASES_PER_ARCHIVE = 100;

export function archiveModelContract(rule: Rule): void {
  const title = 'XEP-0059: any filter with any form of a page gives what a plain list gives';
  rule(`${title} (${ARCHIVES * CASES_PER_ARCHIVE} cases)`, async (driver, clock) => {
    const store = mam(driver);
    const foreign = (await append(store, 'nobody')).id;
    for (let seed = 1; seed <= ARCHIVES; seed++) {
      const random = randomFrom(seed);
      const model = new ArchiveModel(store, `owner${seed}`, random, clock);
      await model.fill(Math.floor(random() * 200));
      if (seed % 4 === 0) await indexed(driver, clock);
      await model.fill(Math.floor(random() * 50)); // Not in the index of words.
      await compare(model, seed, foreign);
    }
  });
}

async function compare(model: ArchiveModel, seed: number, foreign: string): Promise<void> {
  for (let n = 0; n < CASES_PER_ARCHIVE; n++) {
    const query = model.randomQuery(foreign);
    assert.deepEqual(
      await answer(model, query),
      model.expected(query),
      `archive ${seed}, case ${n}: ${JSON.stringify(query)}`,
    );
  }
}

async function answer(model: ArchiveModel, query: ArchiveQuery): Promise<unknown> {
  try {
    const { rows, ...rest } = await model.store.page(model.owner, query);
    return { ids: rows.map(({ id }) => id), ...rest };
  } catch (error) {
    return (error as { condition?: string }).condition;
  }
}
