// What every driver's archives promise about writing, and about single rows (src/storage/archive.ts).

import assert from 'node:assert/strict';
import { ARCHIVE_FLAGS as FLAGS, MAX_SENT_BEFORE } from '../../src/storage/archive.ts';
import { all, append, bodies, bodyIn, fill, HOST, JULIET, mam, message, NURSE, type Rule } from './rows.ts';

const NOT_FOUND = { name: 'StorageError', condition: 'item-not-found', store: 'archive' };

export function archiveContract(rule: Rule): void {
  placesContract(rule);
  appendContract(rule);
  unlessSentContract(rule);
  namedRowsContract(rule);
  rowsContract(rule);
}

function placesContract(rule: Rule): void {
  rule(
    'nextId takes the next position: no id comes twice, and no time before an earlier one',
    async (driver, clock) => {
      const store = mam(driver);
      const ids = new Set<string>();
      let last = 0;
      for (let n = 0; n < 5_000; n++) {
        clock.moveWallClock(n % 3 === 0 ? 1 : 0);
        const { id, at } = store.nextId('romeo');
        assert.ok(at >= last && at <= clock.now() + 5, `${at}`);
        assert.match(id, /^[\w-]{22}$/);
        ids.add(id);
        last = at;
      }
      assert.equal(ids.size, 5_000);
    },
  );

  rule(
    'T1: positions never go back: while the clock is behind, the time stands still',
    async (driver, clock) => {
      const store = mam(driver);
      const first = await append(store, 'romeo', { xml: message('1') });
      clock.moveWallClock(-3_600_000);
      const second = await append(store, 'romeo', { xml: message('2') });
      assert.ok(second.at >= first.at && second.at - first.at < 2, `${second.at - first.at}`);
      clock.moveWallClock(7_200_000);
      const third = await append(store, 'romeo', { xml: message('3') });
      assert.equal(third.at, clock.now());
      assert.deepEqual(await bodies(store, 'romeo'), ['1', '2', '3']);
    },
  );

  rule('an id tells nothing of its position: those of one millisecond differ all over', async (driver) => {
    const store = mam(driver);
    const [one, two] = [store.nextId('romeo').id, store.nextId('romeo').id];
    const equal = [...one].filter((letter, index) => letter === two[index]).length;
    assert.ok(equal < 8, `${one} ${two}`);
  });
}

function appendContract(rule: Rule): void {
  rule('a row is given back as it was appended', async (driver, clock) => {
    const store = mam(driver);
    const text = message('é 🌹 &<>\'"', { from: 'juliet@capulet.lit/balcony', id: 'a' });
    const { id, at } = await append(store, 'romeo', { with: JULIET, xml: text, flags: FLAGS.sent });
    assert.equal(at, clock.now());
    const row = { id, at, with: JULIET, flags: FLAGS.sent, xml: text };
    const page = await store.page('romeo', { limit: 10, wantsCount: true });
    assert.deepEqual(page, { rows: [row], isComplete: true, count: 1 });
    assert.deepEqual(await store.get('romeo', [id]), [row]);
  });

  rule('archives of other owners, names and hosts are apart', async (driver) => {
    const store = mam(driver);
    await append(store, 'romeo', { xml: message('hers') });
    await append(driver.archive(HOST, 'offline'), 'romeo', { xml: message('other name') });
    await append(driver.archive('capulet.lit', 'archive'), 'romeo', { xml: message('other host') });
    assert.deepEqual(await bodies(store, 'romeo'), ['hers']);
    assert.deepEqual(await bodies(store, 'juliet'), []);
    assert.deepEqual(await bodies(driver.archive('capulet.lit', 'archive'), 'romeo'), ['other host']);
  });

  rule('rows are in the order of their ids, whatever the order of appending', async (driver) => {
    const store = mam(driver);
    const places = Array.from({ length: 6 }, () => store.nextId('romeo'));
    for (const n of [3, 0, 5, 1, 4, 2]) {
      await store.append('romeo', { id: places[n]!.id, with: JULIET, xml: message(`${n}`) });
    }
    assert.deepEqual(await bodies(store, 'romeo'), ['0', '1', '2', '3', '4', '5']);
  });

  rule('a row needs an id of nextId of its owner', async (driver) => {
    const store = mam(driver);
    const foreign = [
      store.nextId('juliet').id,
      driver.archive(HOST, 'offline').nextId('romeo').id,
      driver.archive('capulet.lit', 'archive').nextId('romeo').id,
      'a name',
      '',
    ];
    for (const id of foreign) {
      const appended = store.append('romeo', { id, with: JULIET, xml: message('1') });
      await assert.rejects(appended, { name: 'StorageError', condition: 'failed' }, id);
    }
    assert.deepEqual(await bodies(store, 'romeo'), []);
  });

  rule('a read sees the writes that were issued before it', async (driver) => {
    const store = mam(driver);
    const places = [store.nextId('romeo'), store.nextId('romeo')];
    const writes = places.map(({ id }, n) =>
      store.append('romeo', { id, with: JULIET, xml: message(`${n}`), flags: FLAGS.waiting }),
    );
    const reads = Promise.all([
      bodies(store, 'romeo', { after: places[0]!.id }),
      store.get('romeo', [places[1]!.id]),
      store.waiting('romeo'),
      store.usage('romeo'),
      all(store.owners()),
    ]);
    const [page, got, waiting, usage, owners] = await reads;
    assert.deepEqual(page, ['1']);
    assert.equal(got.length, 1);
    assert.equal(waiting[0]?.messages, 2);
    assert.equal(usage.rows, 2);
    assert.deepEqual(owners, ['romeo']);
    await Promise.all(writes);
  });

  rule('a key with U+0000 is refused', async (driver) => {
    const store = mam(driver);
    const refused = { name: 'TypeError', message: /U\+0000/ };
    const key = 'a\0b';
    await assert.rejects(append(store, key), refused);
    await assert.rejects(store.put(key, { name: 'n', with: '', xml: '<x/>' }), refused);
    await assert.rejects(store.page(key, { limit: 1 }), refused);
    await assert.rejects(store.get(key, []), refused);
    await assert.rejects(store.forget(key), refused);
  });
}

function unlessSentContract(rule: Rule): void {
  const copy = (id: string, origin = id) =>
    `<message id='${id}'><body>hark</body><origin-id xmlns='urn:xmpp:sid:0' id='${origin}'/></message>`;

  rule('unlessSent: a row is not stored if a newer one has its id or origin-id', async (driver, clock) => {
    const store = mam(driver);
    const since = clock.now();
    await append(store, 'romeo', { xml: copy('a', 'b') });
    const again = async (...ids: string[]) => {
      const { id } = await append(store, 'romeo', { unlessSent: { ids, since } });
      return (await store.get('romeo', [id])).length === 1;
    };
    assert.equal(await again('a'), false, 'id');
    assert.equal(await again('b'), false, 'origin-id');
    assert.equal(await again('other', 'a'), false, 'one of them');
    assert.equal(await again('c'), true);
    assert.equal(await again('hark'), true, 'only ids count');
    assert.equal(await again(), true, 'no id: no check');
  });

  rule(
    'unlessSent: only rows with the same `with` and direction, not older than `since`, count',
    async (driver, clock) => {
      const store = mam(driver);
      await append(store, 'romeo', { xml: copy('a'), flags: FLAGS.sent });
      await append(store, 'juliet', { xml: copy('a') });
      const since = clock.now() + 1;
      const isStored = async (row: object, ids: string[], from = 0) => {
        const { id } = await append(store, 'romeo', { ...row, unlessSent: { ids, since: from } });
        return (await store.get('romeo', [id])).length === 1;
      };
      assert.equal(await isStored({}, ['a']), true, 'received, not sent');
      assert.equal(await isStored({ with: NURSE, flags: FLAGS.sent }, ['a']), true, 'to another one');
      assert.equal(await isStored({ flags: FLAGS.sent | FLAGS.waiting }, ['a']), false);
      assert.equal(await isStored({ flags: FLAGS.sent }, ['a'], since), true, 'too old');
    },
  );

  rule('unlessSent: the newest 200 rows of the conversation are compared', async (driver) => {
    const store = mam(driver);
    await append(store, 'romeo', { xml: copy('oldest') });
    await append(store, 'romeo', { xml: copy('second') });
    for (let n = 2; n <= MAX_SENT_BEFORE; n++) await append(store, 'romeo');
    const isStored = async (...ids: string[]) => {
      const { id } = await append(store, 'romeo', { unlessSent: { ids, since: 0 } });
      return (await store.get('romeo', [id])).length === 1;
    };
    assert.equal(await isStored('second'), false);
    assert.equal(await isStored('oldest'), true);
  });

  rule('unlessSent: a row with one of the ids, but another body, is another message', async (driver) => {
    const store = mam(driver);
    const said = (body: string) => `<message id='1'><body>${body}</body></message>`;
    await append(store, 'romeo', { xml: said('a') });
    const isStored = async (body: string) => {
      const unlessSent = { ids: ['1'], since: 0 };
      const { id } = await append(store, 'romeo', { xml: said(body), unlessSent });
      return (await store.get('romeo', [id])).length === 1;
    };
    assert.equal(await isStored('a'), false);
    assert.equal(await isStored('b'), true);
  });

  rule('unlessSent: of long rows, the newest with 1 MiB of text are compared', async (driver) => {
    const store = mam(driver);
    const long = (id: string) => `<message id='${id}'><body>${'x'.repeat(400_000)}</body></message>`;
    for (const id of ['a', 'b', 'c', 'd']) await append(store, 'romeo', { xml: long(id) });
    const isStored = async (...ids: string[]) => {
      const { id } = await append(store, 'romeo', { xml: long('e'), unlessSent: { ids, since: 0 } });
      return (await store.get('romeo', [id])).length === 1;
    };
    assert.equal(await isStored('b'), false);
    assert.equal(await isStored('a'), true);
  });
}

function namedRowsContract(rule: Rule): void {
  rule(
    'put stores a row at the end; its name is its id; an earlier one of that name is removed',
    async (driver, clock) => {
      const store = driver.archive(HOST, 'pep');
      const put = (name: string, body: string) =>
        store.put('romeo', { name, with: 'node', xml: message(body) });
      await put('one', '1');
      await put('two', '2');
      clock.moveWallClock(5_000);
      await put('one', '3');
      await store.put('juliet', { name: 'one', with: 'node', xml: message('hers'), flags: FLAGS.sent });
      const { rows } = await store.page('romeo', { limit: 10 });
      assert.deepEqual(
        rows.map(({ id, flags, xml }) => [id, flags, bodyIn(xml)]),
        [
          ['two', 0, '2'],
          ['one', 0, '3'],
        ],
      );
      assert.equal(rows[1]?.at, clock.now());
      assert.deepEqual(await store.get('juliet', ['one', 'two']), [
        { id: 'one', at: clock.now(), with: 'node', flags: FLAGS.sent, xml: message('hers') },
      ]);
    },
  );

  rule(
    'adopt stores a row of the past at the next free position of its millisecond',
    async (driver, clock) => {
      const store = mam(driver);
      await append(store, 'romeo', { xml: message('now') });
      const at = clock.now() - 86_400_000;
      const adopt = (name: string, when: number, owner = 'romeo') =>
        store.adopt(owner, { name, at: when, with: JULIET, xml: message(name), flags: FLAGS.sent });
      await adopt('b', at);
      await adopt('a', at);
      await adopt('c', at + 1);
      await adopt('hers', at, 'juliet');
      await adopt('earliest', at - 1);
      const { rows } = await store.page('romeo', { limit: 10 });
      assert.deepEqual(
        rows.map(({ xml }) => bodyIn(xml)),
        ['earliest', 'b', 'a', 'c', 'now'],
      );
      assert.deepEqual(rows[1], { id: 'b', at, with: JULIET, flags: FLAGS.sent, xml: message('b') });
      assert.deepEqual(rows[3]?.at, at + 1);
    },
  );

  rule('I4: the same id twice: the later one is kept', async (driver, clock) => {
    const store = mam(driver);
    const at = clock.now() - 1_000;
    for (const [when, body] of [[at, '1'] as const, [at + 500, '2'] as const]) {
      await store.adopt('romeo', { name: 'a', at: when, with: JULIET, xml: message(body) });
    }
    assert.deepEqual(await bodies(store, 'romeo'), ['2']);
    await store.put('romeo', { name: 'a', with: JULIET, xml: message('3') });
    assert.deepEqual(await bodies(store, 'romeo'), ['3']);
  });

  rule('a name bounds pages as an id does; an unknown one is item-not-found', async (driver) => {
    const store = driver.archive(HOST, 'archive');
    for (const name of ['a', 'b', 'c']) await store.put('romeo', { name, with: 'x', xml: message(name) });
    assert.deepEqual(await bodies(store, 'romeo', { after: 'a' }), ['b', 'c']);
    assert.deepEqual(await bodies(store, 'romeo', { before: 'c', limit: 1 }), ['b']);
    assert.deepEqual(await bodies(store, 'romeo', { ids: ['c', 'a'] }), ['a', 'c']);
    await assert.rejects(bodies(store, 'romeo', { after: 'd' }), NOT_FOUND);
    await assert.rejects(bodies(store, 'juliet', { after: 'a' }), NOT_FOUND);
  });
}

function rowsContract(rule: Rule): void {
  rule(
    'get gives rows from the oldest, hidden ones too, and passes over unknown ids',
    async (driver, clock) => {
      const store = mam(driver);
      const ids = await fill(driver, clock, 4);
      const hidden = await append(store, 'romeo', { xml: message('5'), flags: FLAGS.hidden | FLAGS.waiting });
      const foreign = (await append(store, 'juliet')).id;
      const got = await store.get('romeo', [hidden.id, ids[2]!, 'nobody', foreign, ids[0]!, ids[0]!]);
      assert.deepEqual(
        got.map(({ xml }) => bodyIn(xml)),
        ['1', '3', '5'],
      );
      assert.deepEqual(await store.get('nobody', ids), []);
      assert.deepEqual(await store.get('romeo', []), []);
    },
  );

  rule('remove gives the number of removed rows, and passes over unknown ids', async (driver, clock) => {
    const store = mam(driver);
    const ids = await fill(driver, clock, 5);
    const foreign = (await append(store, 'juliet')).id;
    await store.put('romeo', { name: 'named', with: JULIET, xml: message('6') });
    assert.equal(await store.remove('romeo', [ids[1]!, ids[3]!, 'nobody', foreign, 'named']), 3);
    assert.deepEqual(await bodies(store, 'romeo'), ['1', '3', '5']);
    assert.equal(await store.remove('romeo', [ids[1]!]), 0);
    assert.equal(await store.remove('romeo', []), 0);
    assert.deepEqual(await bodies(store, 'juliet'), ['hark']);
  });

  rule('mark sets and clears flags, and passes over unknown ids', async (driver) => {
    const store = mam(driver);
    const one = await append(store, 'romeo', { flags: FLAGS.waiting | FLAGS.sent });
    const two = await append(store, 'romeo', { flags: FLAGS.waiting });
    const three = await append(store, 'romeo');
    const ids = [one.id, three.id, 'nobody'];
    await store.mark('romeo', ids, { add: FLAGS.encrypted, clear: FLAGS.waiting });
    const { rows } = await store.page('romeo', { limit: 10 });
    const marked = FLAGS.encrypted;
    assert.deepEqual(
      rows.map(({ flags }) => flags),
      [FLAGS.sent | marked, FLAGS.waiting, marked],
    );
    await store.mark('juliet', [two.id], { clear: FLAGS.waiting });
    assert.equal((await store.waiting('romeo'))[0]?.messages, 1);
  });

  rule('replace changes text and flags; place, `with` and direction stay', async (driver, clock) => {
    const store = mam(driver);
    const [one, two] = await fill(driver, clock, 3);
    await store.mark('romeo', [two!], { add: FLAGS.sent | FLAGS.waiting });
    const [before] = await store.get('romeo', [two!]);
    await store.replace('romeo', two!, { xml: message('new'), flags: FLAGS.tombstone });
    const [after] = await store.get('romeo', [two!]);
    assert.deepEqual(after, { ...before!, xml: message('new'), flags: FLAGS.tombstone | FLAGS.sent });
    assert.deepEqual(await bodies(store, 'romeo'), ['1', 'new', '3']);
    await store.remove('romeo', [one!]);
    await store.replace('romeo', one!, { xml: message('gone'), flags: 0 });
    await store.replace('juliet', two!, { xml: message('not hers'), flags: 0 });
    assert.deepEqual(await bodies(store, 'romeo'), ['new', '3']);
  });
}
