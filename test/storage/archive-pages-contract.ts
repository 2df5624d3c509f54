// What every driver's archives promise about pages and counts (src/storage/archive.ts).

import assert from 'node:assert/strict';
import {
  type ArchiveQuery,
  type ArchiveStore,
  ARCHIVE_FLAGS as FLAGS,
  MAX_COUNT,
} from '../../src/storage/archive.ts';
import { randomFrom } from '../support/random.ts';
import { ArchiveModel, flipped } from './archive-model.ts';
import { append, bodies, bodyIn, fill, JULIET, mam, message, NURSE, type Rule } from './rows.ts';

const NOT_FOUND = { name: 'StorageError', condition: 'item-not-found', store: 'archive' };

export function archivePagesContract(rule: Rule): void {
  filterContract(rule);
  pagingContract(rule);
  idContract(rule);
  walkContract(rule);
}

function filterContract(rule: Rule): void {
  rule('Q5: pages are of one `with`, or of one full address that is `from` or `to`', async (driver) => {
    const store = mam(driver);
    const [balcony, garden] = [`${JULIET}/balcony`, `${JULIET}/garden`];
    await append(store, 'romeo', { xml: message('1', { from: balcony }) });
    await append(store, 'romeo', { xml: message('2', { to: garden }), flags: FLAGS.sent });
    await append(store, 'romeo', { xml: message('3', { to: balcony }), flags: FLAGS.sent });
    await append(store, 'romeo', { with: NURSE, xml: message(`4 '${balcony}'`) });
    assert.deepEqual(await bodies(store, 'romeo', { with: JULIET }), ['1', '2', '3']);
    assert.deepEqual(await bodies(store, 'romeo', { with: JULIET.slice(0, -1) }), []);
    assert.deepEqual(await bodies(store, 'romeo', { with: JULIET, party: balcony }), ['1', '3']);
    assert.deepEqual(await bodies(store, 'romeo', { party: balcony, limit: 1 }), ['1']);
    assert.deepEqual(await bodies(store, 'romeo', { party: garden }), ['2']);
    const page = await store.page('romeo', { party: balcony, limit: 1, wantsCount: true });
    assert.deepEqual([page.isComplete, page.count], [false, 2]);
  });

  rule(
    'Q6: start and end are inclusive, to the millisecond; start after end: empty',
    async (driver, clock) => {
      const first = clock.now();
      await fill(driver, clock, 5);
      const store = mam(driver);
      const from = (start: number, end = Infinity) =>
        bodies(store, 'romeo', { start: first + start, end: first + end });
      assert.deepEqual(await from(1_000), ['2', '3', '4', '5']);
      assert.deepEqual(await from(1_001), ['3', '4', '5']);
      assert.deepEqual(await from(1_000, 3_000), ['2', '3', '4']);
      assert.deepEqual(await from(1_000, 2_999), ['2', '3']);
      assert.deepEqual(await from(2_000, 1_000), []);
      assert.deepEqual(await bodies(store, 'romeo', { start: 0, end: 8.64e15 }), ['1', '2', '3', '4', '5']);
      assert.deepEqual(await bodies(store, 'romeo', { start: -62_167_219_200_000, end: -1 }), []);
    },
  );

  rule('Q7: after-id and before-id are exclusive, and turn no direction', async (driver, clock) => {
    const ids = await fill(driver, clock, 6);
    const store = mam(driver);
    const between = { afterId: ids[0]!, beforeId: ids[5]! };
    const page = await store.page('romeo', { ...between, limit: 2, wantsCount: true });
    assert.deepEqual(
      page.rows.map(({ xml }) => bodyIn(xml)),
      ['2', '3'],
    );
    assert.equal(page.count, 4);
    assert.deepEqual(await bodies(store, 'romeo', { ...between, limit: 2, isBackwards: true }), ['4', '5']);
  });

  rule(
    'Q8: ids gives these rows from the oldest; one that is not there, or hidden, is item-not-found',
    async (driver, clock) => {
      const ids = await fill(driver, clock, 5);
      const store = mam(driver);
      assert.deepEqual(await bodies(store, 'romeo', { ids: [ids[3]!, ids[1]!, ids[3]!] }), ['2', '4']);
      assert.deepEqual(await bodies(store, 'romeo', { ids: [ids[3]!, ids[0]!], with: NURSE }), ['4']);
      assert.deepEqual(await bodies(store, 'romeo', { ids: [] }), []);
      const hidden = await append(store, 'romeo', { flags: FLAGS.hidden | FLAGS.waiting });
      const foreign = await append(store, 'juliet');
      for (const id of [hidden.id, foreign.id, 'nobody', store.nextId('romeo').id])
        await assert.rejects(bodies(store, 'romeo', { ids: [ids[0]!, id] }), NOT_FOUND);
      assert.deepEqual(await bodies(store, 'romeo', { ids: [hidden.id], rows: 'waiting' }), ['hark']);
    },
  );
}

function pagingContract(rule: Rule): void {
  const page = async (store: ArchiveStore, query: ArchiveQuery) => {
    const { rows, isComplete, count } = await store.page('romeo', query);
    return [rows.map(({ xml }) => bodyIn(xml)).join(''), isComplete, ...(count === undefined ? [] : [count])];
  };

  rule('XEP-0059 §2.2: a page forward; complete if nothing follows', async (driver, clock) => {
    const ids = await fill(driver, clock, 7);
    const store = mam(driver);
    assert.deepEqual(await page(store, { limit: 3 }), ['123', false]);
    assert.deepEqual(await page(store, { limit: 3, after: ids[2]! }), ['456', false]);
    assert.deepEqual(await page(store, { limit: 3, after: ids[3]! }), ['567', true]);
    assert.deepEqual(await page(store, { limit: 3, after: ids[6]! }), ['', true]);
    assert.deepEqual(await page(store, { limit: 7, wantsCount: true }), ['1234567', true, 7]);
  });

  rule(
    'XEP-0059 §2.3, §2.5: a page backwards ends before an id, or with the newest row',
    async (driver, clock) => {
      const ids = await fill(driver, clock, 7);
      const store = mam(driver);
      assert.deepEqual(await page(store, { limit: 3, isBackwards: true }), ['567', false]);
      assert.deepEqual(await page(store, { limit: 3, before: ids[4]! }), ['234', false]);
      assert.deepEqual(await page(store, { limit: 4, before: ids[4]!, isBackwards: true }), ['1234', true]);
      assert.deepEqual(await page(store, { limit: 3, before: ids[0]! }), ['', true]);
    },
  );

  rule(
    'with both bounds the page ends before the later one, and is complete if the earlier one stops it',
    async (driver, clock) => {
      const ids = await fill(driver, clock, 7);
      const store = mam(driver);
      assert.deepEqual(await page(store, { limit: 3, after: ids[1]!, before: ids[6]! }), ['456', false]);
      assert.deepEqual(await page(store, { limit: 4, after: ids[1]!, before: ids[6]! }), ['3456', true]);
      assert.deepEqual(await page(store, { limit: 9, after: ids[1]!, isBackwards: true }), ['34567', true]);
      assert.deepEqual(await page(store, { limit: 9, after: ids[5]!, before: ids[2]! }), ['', true]);
    },
  );

  rule(
    'XEP-0059 §2.6: index passes over matching rows from the oldest; beyond the end: empty',
    async (driver, clock) => {
      await fill(driver, clock, 7);
      const store = mam(driver);
      assert.deepEqual(await page(store, { limit: 2, index: 0 }), ['12', false]);
      assert.deepEqual(await page(store, { limit: 2, index: 5 }), ['67', true]);
      assert.deepEqual(await page(store, { limit: 2, index: 1, with: NURSE, wantsCount: true }), [
        '46',
        true,
        3,
      ]);
      assert.deepEqual(await page(store, { limit: 2, index: 7, wantsCount: true }), ['', true, 7]);
      assert.deepEqual(await page(store, { limit: 2, index: 1_000_000 }), ['', true]);
    },
  );

  rule('XEP-0059 §2.7: a limit of 0 asks for the count alone', async (driver, clock) => {
    await fill(driver, clock, 3);
    const store = mam(driver);
    assert.deepEqual(await page(store, { limit: 0, wantsCount: true }), ['', false, 3]);
    assert.deepEqual(await page(store, { limit: 0, wantsCount: true, with: NURSE }), ['', false, 1]);
    assert.deepEqual(await page(store, { limit: 0, wantsCount: true, with: 'x' }), ['', true, 0]);
  });

  rule(
    'a page ends before it exceeds its bytes, counted in UTF-8, but has at least one row',
    async (driver) => {
      const store = mam(driver);
      for (const body of ['éé1', 'éé2', 'éé3', '4']) await append(store, 'romeo', { xml: message(body) });
      const size = Buffer.byteLength(message('éé1'));
      const maxBytes = 2 * size;
      assert.deepEqual(await page(store, { limit: 9, maxBytes }), ['éé1éé2', false]);
      assert.deepEqual(await page(store, { limit: 9, maxBytes: maxBytes - 1 }), ['éé1', false]);
      assert.deepEqual(await page(store, { limit: 9, maxBytes: 1 }), ['éé1', false]);
      assert.deepEqual(await page(store, { limit: 9, maxBytes, isBackwards: true }), ['éé34', false]);
      assert.deepEqual(await page(store, { limit: 9, maxBytes: 4 * size }), ['éé1éé2éé34', true]);
    },
  );

  rule(
    'the count is of all rows that match the filter, whatever the page; not told if it was not wanted',
    async (driver, clock) => {
      const ids = await fill(driver, clock, 7);
      const store = mam(driver);
      const query = { limit: 1, with: JULIET, wantsCount: true };
      assert.deepEqual(await page(store, { ...query, after: ids[3]! }), ['5', false, 4]);
      assert.deepEqual(await page(store, { ...query, before: ids[6]!, afterId: ids[0]! }), ['5', false, 3]);
      assert.deepEqual(await page(store, { ...query, wantsCount: false }), ['1', false]);
    },
  );

  rule('a count over 100,000 is not told', async (driver) => {
    const store = mam(driver);
    for (let n = 0; n < MAX_COUNT; n += 1_000) {
      await driver.batch(() => {
        for (let i = 0; i < 1_000; i++) void append(store, 'romeo', { xml: '<message/>' });
      });
    }
    assert.equal((await store.page('romeo', { limit: 1, wantsCount: true })).count, MAX_COUNT);
    await append(store, 'romeo');
    assert.equal((await store.page('romeo', { limit: 1, wantsCount: true })).count, undefined);
    assert.equal((await store.page('romeo', { limit: 1, wantsCount: true, with: NURSE })).count, 0);
  });

  rule('an owner without rows has empty, complete pages', async (driver) => {
    const empty = { rows: [], isComplete: true, count: 0 };
    assert.deepEqual(await mam(driver).page('nobody', { limit: 10, wantsCount: true }), empty);
    assert.deepEqual(
      await mam(driver).page('nobody', { limit: 10, isBackwards: true, wantsCount: true }),
      empty,
    );
  });
}

function idContract(rule: Rule): void {
  const forms = (id: string): Partial<ArchiveQuery>[] => [
    { after: id },
    { before: id },
    { afterId: id },
    { beforeId: id },
  ];

  rule(
    'Q9: an id of another owner, of another archive, or unknown is item-not-found',
    async (driver, clock) => {
      await fill(driver, clock, 3);
      const store = mam(driver);
      const others = [
        (await append(store, 'juliet')).id,
        (await append(driver.archive('capulet.lit', 'archive'), 'romeo')).id,
        (await append(driver.archive('montague.lit', 'offline'), 'romeo')).id,
        'unknown',
        '',
        'A'.repeat(22),
        '\u{10ffff}'.repeat(11),
      ];
      for (const query of others.flatMap(forms))
        await assert.rejects(bodies(store, 'romeo', query), NOT_FOUND, JSON.stringify(query));
    },
  );

  rule(
    'Q9: an id with any one of its bits flipped, or in another spelling, is item-not-found',
    async (driver, clock) => {
      const [id] = await fill(driver, clock, 3);
      const store = mam(driver);
      for (let bit = 0; bit < 128; bit++) {
        const wrong = flipped(id!, () => bit / 128);
        await assert.rejects(bodies(store, 'romeo', { after: wrong }), NOT_FOUND, `bit ${bit}`);
        assert.deepEqual(await store.get('romeo', [wrong]), []);
      }
      for (const wrong of [`${id}=`, `${id} `, `${id}==`, id!.slice(0, -1), `${id!.slice(0, -1)}_`]) {
        if (wrong !== id) await assert.rejects(bodies(store, 'romeo', { after: wrong }), NOT_FOUND, wrong);
      }
    },
  );

  rule(
    'Q9: a place before the oldest row is item-not-found: rows after it may have expired',
    async (driver, clock) => {
      const ids = await fill(driver, clock, 5);
      const store = mam(driver);
      await store.remove('romeo', [ids[0]!, ids[1]!]);
      for (const query of forms(ids[1]!)) await assert.rejects(bodies(store, 'romeo', query), NOT_FOUND);
      assert.deepEqual(await bodies(store, 'romeo', { after: ids[2]! }), ['4', '5']);
    },
  );

  rule(
    'Q10: the id of a row that is gone keeps its place, also in an empty archive',
    async (driver, clock) => {
      const ids = await fill(driver, clock, 5);
      const store = mam(driver);
      const never = store.nextId('romeo').id;
      await store.remove('romeo', [ids[2]!, ids[4]!]);
      assert.deepEqual(await bodies(store, 'romeo', { after: ids[2]! }), ['4']);
      assert.deepEqual(await bodies(store, 'romeo', { before: ids[2]! }), ['1', '2']);
      assert.deepEqual(await bodies(store, 'romeo', { before: ids[4]!, limit: 1 }), ['4']);
      assert.deepEqual(await bodies(store, 'romeo', { after: never }), []);
      assert.deepEqual(await bodies(store, 'romeo', { before: never }), ['1', '2', '4']);
      await store.prune('romeo', {});
      for (const query of forms(ids[3]!)) assert.deepEqual(await bodies(store, 'romeo', query), []);
    },
  );

  rule('Q10: the place of a row of another `with` bounds a page as well', async (driver, clock) => {
    const ids = await fill(driver, clock, 6);
    const store = mam(driver);
    assert.deepEqual(await bodies(store, 'romeo', { with: JULIET, after: ids[1]! }), ['3', '5']);
    assert.deepEqual(await bodies(store, 'romeo', { with: NURSE, before: ids[4]! }), ['2', '4']);
  });
}

function walkContract(rule: Rule): void {
  for (const isBackwards of [false, true]) {
    const direction = isBackwards ? 'backwards' : 'forward';
    rule(`paging ${direction} gives each row once, while rows come and go`, async (driver, clock) => {
      for (let seed = 1; seed <= 10; seed++) {
        const random = randomFrom(seed);
        const model = new ArchiveModel(mam(driver), `walker${seed}`, random, clock);
        await model.fill(100);
        await walk(model, random, isBackwards);
      }
    });
  }
}

/** Follows the pages as a client does. Rows that were there all the time must come once, the others at most once. */
async function walk(model: ArchiveModel, random: () => number, isBackwards: boolean): Promise<void> {
  const visible = () => model.rows.filter(({ flags }) => !(flags & FLAGS.hidden)).map(({ id }) => id);
  let lasting = new Set(visible());
  const seen: string[] = [];
  let query: ArchiveQuery = { limit: 7, isBackwards };
  for (let pages = 0; pages < 100; pages++) {
    const { rows, isComplete } = await model.store.page(model.owner, query);
    seen.push(...rows.map(({ id }) => id));
    if (isComplete) break;
    // A name is no place when its row is gone, so rows that bound the next page stay.
    const end = isBackwards ? rows[0]!.id : rows.at(-1)!.id;
    query = isBackwards ? { limit: 7, before: end } : { limit: 7, after: end };
    const bound = model.rows.find(({ id }) => id === end)!;
    const oldest = model.rows.find(({ flags }) => !(flags & FLAGS.hidden))!;
    await model.append();
    await model.remove();
    if (!model.rows.includes(bound) && (bound.id.startsWith('name-') || bound === oldest)) return; // Q9.
    const now = new Set(visible());
    lasting = new Set([...lasting].filter((id) => now.has(id)));
    if (random() < 0.2) await model.store.page(model.owner, { limit: 1 });
  }
  assert.equal(new Set(seen).size, seen.length, 'no row comes twice');
  const missing = [...lasting].filter((id) => !seen.includes(id));
  assert.deepEqual(missing, []);
}
