// What every driver's archives promise about rows that leave or change: retraction, waiting, limits, removal.

import assert from 'node:assert/strict';
import {
  type ArchivePosition,
  type ArchiveStore,
  ARCHIVE_FLAGS as FLAGS,
  MAX_RETRACTABLE,
} from '../../src/storage/archive.ts';
import { all, append, bodies, fill, HOST, JULIET, mam, message, NURSE, type Rule } from './rows.ts';

const DAY_MS = 86_400_000;

export function archiveRetentionContract(rule: Rule): void {
  retractionContract(rule);
  waitingContract(rule);
  usageContract(rule);
  limitsContract(rule);
  removalContract(rule);
}

function retractionContract(rule: Rule): void {
  const by = { id: 'retraction-1', at: Date.UTC(2026, 1, 3, 4, 5, 6, 789) };
  const received = { with: JULIET, isSent: false, by };
  const texts = async (store: ArchiveStore) => {
    const { rows } = await store.page('romeo', { limit: 100 });
    return rows.map(({ flags, xml }) => [flags, xml]);
  };

  rule(
    'XEP-0424 §5: a retracted message becomes a tombstone in its place, and waits no longer',
    async (driver) => {
      const store = mam(driver);
      const attrs = { from: `${JULIET}/balcony`, to: 'romeo@montague.lit', type: 'chat', id: 'a' };
      await append(store, 'romeo', { xml: message('before') });
      const place = await append(store, 'romeo', { xml: message('secret', attrs), flags: FLAGS.waiting });
      await append(store, 'romeo', { xml: message('after') });
      await store.retract('romeo', { ...received, messageId: 'a' });
      const [row] = await store.get('romeo', [place.id]);
      assert.deepEqual(row, {
        ...place,
        with: JULIET,
        flags: FLAGS.tombstone,
        xml:
          `<message xmlns='jabber:client' from='${JULIET}/balcony' to='romeo@montague.lit' type='chat' id='a'>` +
          `<retracted xmlns='urn:xmpp:message-retract:1' id='retraction-1' stamp='2026-02-03T04:05:06.789Z'/></message>`,
      });
      assert.equal((await store.page('romeo', { limit: 10 })).rows.length, 3);
      assert.deepEqual(await store.waiting('romeo'), []);
    },
  );

  rule('R1: direction proves the author: another one cannot retract', async (driver) => {
    const store = mam(driver);
    await append(store, 'romeo', { xml: message('mine', { id: 'a' }), flags: FLAGS.sent });
    await append(store, 'romeo', { with: NURSE, xml: message('hers', { id: 'a' }) });
    const before = await texts(store);
    await store.retract('romeo', { ...received, messageId: 'a' });
    await store.retract('juliet', { ...received, messageId: 'a' });
    assert.deepEqual(await texts(store), before);
    await store.retract('romeo', { with: JULIET, isSent: true, messageId: 'a', by });
    assert.deepEqual(
      (await texts(store)).map(([flags]) => flags),
      [FLAGS.sent | FLAGS.tombstone, 0],
    );
  });

  rule('R1: the newest message whose id or origin-id is named is retracted', async (driver) => {
    const store = mam(driver);
    const origin = `<message id='x'><body>3</body><origin-id xmlns='urn:xmpp:sid:0' id='a'/></message>`;
    for (const xml of [message('1', { id: 'a' }), message('2', { id: 'a' }), origin])
      await append(store, 'romeo', { xml });
    const tombstones = async () => (await texts(store)).map(([flags]) => flags);
    await store.retract('romeo', { ...received, messageId: 'a' });
    assert.deepEqual(await tombstones(), [0, 0, FLAGS.tombstone]);
    await store.retract('romeo', { ...received, messageId: 'a' });
    assert.deepEqual(await tombstones(), [0, FLAGS.tombstone, FLAGS.tombstone]);
  });

  rule(
    'R2: a hidden row is removed; a retraction stays, and so does all when nothing is found',
    async (driver) => {
      const store = mam(driver);
      const retraction = `<message id='b'><retract xmlns='urn:xmpp:message-retract:1' id='a'/></message>`;
      const hidden = await append(store, 'romeo', {
        xml: message('secret', { id: 'a' }),
        flags: FLAGS.hidden | FLAGS.waiting,
      });
      await append(store, 'romeo', { xml: retraction });
      await append(store, 'romeo', { xml: message('2', { id: 'c' }) });
      await store.retract('romeo', { ...received, messageId: 'a' });
      assert.deepEqual(await store.get('romeo', [hidden.id]), []);
      const before = await texts(store);
      for (const messageId of ['b', 'nobody', '']) await store.retract('romeo', { ...received, messageId });
      assert.deepEqual(await texts(store), before);
    },
  );

  rule(
    "R3: a room's private message is retracted by the same occupant only; occupant-id stays",
    async (driver) => {
      const store = mam(driver);
      const room = 'verona@rooms.lit';
      const xml =
        `<message from='${room}/nurse' id='a'><body>secret</body><occupant-id xmlns='urn:xmpp:occupant-id:0' id='o1'/>` +
        `<x xmlns='http://jabber.org/protocol/muc#user'/></message>`;
      await append(store, 'romeo', { with: room, xml });
      const retraction = { with: room, isSent: false, messageId: 'a', by };
      await store.retract('romeo', { ...retraction, occupant: `${room}/peter` });
      assert.deepEqual(await texts(store), [[0, xml]]);
      await store.retract('romeo', { ...retraction, occupant: `${room}/nurse` });
      const [[flags, tombstone]] = (await texts(store)) as [[number, string]];
      assert.equal(flags, FLAGS.tombstone);
      assert.match(tombstone, /<occupant-id xmlns='urn:xmpp:occupant-id:0' id='o1'\/><\/message>$/);
      assert.doesNotMatch(tombstone, /secret|muc#user/);
    },
  );

  rule('R2: the newest 10,000 messages of a conversation can be retracted', async (driver) => {
    const store = mam(driver);
    await append(store, 'romeo', { xml: message('too old', { id: 'a' }) });
    await append(store, 'romeo', { xml: message('old enough', { id: 'b' }) });
    for (let n = 1; n < MAX_RETRACTABLE; n += 1_000) {
      await driver.batch(() => {
        for (let i = n; i < Math.min(n + 1_000, MAX_RETRACTABLE); i++) void append(store, 'romeo');
      });
    }
    await store.retract('romeo', { ...received, messageId: 'a' });
    await store.retract('romeo', { ...received, messageId: 'b' });
    const { rows } = await store.page('romeo', { limit: 2 });
    assert.deepEqual(
      rows.map(({ flags }) => flags),
      [0, FLAGS.tombstone],
    );
  });
}

function waitingContract(rule: Rule): void {
  rule('waiting rows are counted by `with`, hidden or not, in UTF-8', async (driver) => {
    const store = mam(driver);
    const hers = message('é');
    await append(store, 'romeo', { xml: hers, flags: FLAGS.waiting });
    await append(store, 'romeo', { xml: hers, flags: FLAGS.waiting | FLAGS.hidden });
    await append(store, 'romeo', { with: NURSE, xml: message('hark'), flags: FLAGS.waiting });
    await append(store, 'romeo', { with: 'tybalt@capulet.lit' });
    const waiting = (await store.waiting('romeo')).toSorted((a, b) => (a.with < b.with ? -1 : 1));
    assert.deepEqual(waiting, [
      { with: JULIET, messages: 2, bytes: 2 * Buffer.byteLength(hers) },
      { with: NURSE, messages: 1, bytes: message('hark').length },
    ]);
    assert.deepEqual(await store.waiting('juliet'), []);
  });

  rule('hidden rows are in no page but those of waiting rows', async (driver) => {
    const store = mam(driver);
    const hidden = FLAGS.waiting | FLAGS.hidden;
    await append(store, 'romeo', { xml: message('1'), flags: hidden });
    await append(store, 'romeo', { xml: message('2') });
    await append(store, 'romeo', { xml: message('3'), flags: FLAGS.waiting });
    const fourth = await append(store, 'romeo', { xml: message('4'), flags: hidden });
    assert.deepEqual(await bodies(store, 'romeo'), ['2', '3']);
    assert.deepEqual(await bodies(store, 'romeo', { rows: 'waiting' }), ['1', '3', '4']);
    const page = await store.page('romeo', { rows: 'waiting', limit: 1, wantsCount: true });
    assert.deepEqual([page.rows.length, page.isComplete, page.count], [1, false, 3]);
    await store.mark('romeo', [fourth.id], { clear: FLAGS.hidden });
    assert.deepEqual(await bodies(store, 'romeo'), ['2', '3', '4']);
  });

  rule('waiting rows are paged by ids that are gone, or older than all visible rows', async (driver) => {
    const store = mam(driver);
    const places: ArchivePosition[] = [];
    for (const body of ['1', '2', '3', '4'])
      places.push(await append(store, 'romeo', { xml: message(body), flags: FLAGS.waiting | FLAGS.hidden }));
    await append(store, 'romeo', { xml: message('visible') });
    const after = (n: number) => bodies(store, 'romeo', { rows: 'waiting', limit: 2, after: places[n]!.id });
    assert.deepEqual(await after(0), ['2', '3']);
    await store.remove('romeo', [places[0]!.id, places[1]!.id]);
    assert.deepEqual(await after(0), ['3', '4']);
  });
}

function usageContract(rule: Rule): void {
  rule('usage counts visible rows, the bytes of all texts, and what waits', async (driver, clock) => {
    const store = mam(driver);
    const none = { rows: 0, bytes: 0, waiting: 0, oldest: undefined, newest: undefined, keepMs: undefined };
    assert.deepEqual(await store.usage('romeo'), none);
    const text = message('é');
    const hidden = FLAGS.waiting | FLAGS.hidden;
    await append(store, 'romeo', { xml: text, flags: hidden });
    const oldest = await append(store, 'romeo', { xml: text });
    clock.moveWallClock(1_000);
    await append(store, 'romeo', { xml: text, flags: FLAGS.waiting });
    const newest = await append(store, 'romeo', { xml: text });
    await append(store, 'romeo', { xml: text, flags: hidden });
    await store.keep('romeo', DAY_MS);
    const bytes = 5 * Buffer.byteLength(text);
    assert.deepEqual(await store.usage('romeo'), {
      rows: 3,
      bytes,
      waiting: 3,
      oldest,
      newest,
      keepMs: DAY_MS,
    });
  });

  rule('usage follows every change', async (driver, clock) => {
    const store = mam(driver);
    const ids = await fill(driver, clock, 4);
    const bytesOf = (...texts: string[]) => texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    const size = message('1').length;
    const bytes = async () => (await store.usage('romeo')).bytes;
    assert.equal(await bytes(), 4 * size);
    await store.remove('romeo', [ids[0]!, ids[0]!]);
    assert.equal(await bytes(), 3 * size);
    await store.replace('romeo', ids[1]!, { xml: message('longer'), flags: 0 });
    assert.equal(await bytes(), 2 * size + bytesOf(message('longer')));
    await store.put('romeo', { name: 'n', with: 'x', xml: message('é') });
    await store.put('romeo', { name: 'n', with: 'x', xml: message('ü!') });
    assert.equal(await bytes(), 2 * size + bytesOf(message('longer'), message('ü!')));
    await store.adopt('romeo', { name: 'n', at: 5, with: 'x', xml: message('') });
    assert.equal(await bytes(), 2 * size + bytesOf(message('longer'), message('')));
    await store.prune('romeo', {});
    assert.equal(await bytes(), 0);
  });
}

function limitsContract(rule: Rule): void {
  rule(
    'prune removes rows older than a time, of one `with` or all, and returns their number',
    async (driver, clock) => {
      const store = mam(driver);
      const start = clock.now();
      await fill(driver, clock, 10);
      await append(store, 'juliet');
      assert.equal(await store.prune('romeo', { before: start + 2_000 }), 2);
      assert.equal(await store.prune('romeo', { before: start + 5_000, with: JULIET }), 2);
      assert.deepEqual(await bodies(store, 'romeo'), ['4', '6', '7', '8', '9', '10']);
      assert.equal(await store.prune('romeo', { with: NURSE }), 4);
      assert.equal(await store.prune('romeo', { with: 'nobody@capulet.lit' }), 0);
      assert.deepEqual(await bodies(store, 'romeo'), ['7', '9']);
      assert.equal(await store.prune('romeo', {}), 2);
      assert.equal(await store.prune('nobody', {}), 0);
      assert.deepEqual(await all(store.owners()), ['juliet']);
    },
  );

  rule(
    'E1: expire removes rows that are older than the host or their owner keeps them',
    async (driver, clock) => {
      const store = mam(driver);
      await fill(driver, clock, 2);
      const places = [await append(store, 'juliet', { xml: message('1') })];
      clock.moveWallClock(DAY_MS);
      const between = clock.now();
      await append(store, 'romeo', { xml: message('3') });
      places.push(await append(store, 'juliet', { xml: message('2') }));
      clock.moveWallClock(DAY_MS);
      await store.keep('juliet', DAY_MS / 2);
      assert.equal(await store.expire({ now: clock.now() }), 2, "juliet's");
      assert.deepEqual(await bodies(store, 'romeo'), ['1', '2', '3']);
      await store.keep('romeo', 30 * DAY_MS);
      assert.equal(
        await store.expire({ now: clock.now(), before: between }),
        2,
        'never longer than the host',
      );
      assert.deepEqual(await bodies(store, 'romeo'), ['3']);
      await store.keep('juliet', undefined);
      assert.equal((await store.usage('juliet')).keepMs, undefined);
    },
  );

  rule(
    'E1: expire removes the oldest rows of an archive that exceeds its size, down to 95 % of it',
    async (driver) => {
      const store = mam(driver);
      const size = message('00').length;
      for (let n = 10; n < 50; n++) await append(store, 'romeo', { xml: message(`${n}`) });
      await append(store, 'juliet');
      assert.equal(await store.expire({ now: 0, maxBytes: 40 * size }), 0);
      assert.equal(await store.expire({ now: 0, maxBytes: 39 * size }), 3, '37.05 rows may stay');
      const rest = await bodies(store, 'romeo');
      assert.deepEqual([rest.length, rest[0]], [37, '13']);
      assert.deepEqual(await bodies(store, 'juliet'), ['hark']);
    },
  );

  rule('O7: neither age nor size removes what waits', async (driver, clock) => {
    const store = mam(driver);
    const waiting = await append(store, 'romeo', { xml: message('1'), flags: FLAGS.waiting });
    await append(store, 'romeo', { xml: message('2'), flags: FLAGS.waiting | FLAGS.hidden });
    await append(store, 'romeo', { xml: message('3') });
    clock.moveWallClock(DAY_MS);
    assert.equal(await store.expire({ now: clock.now(), before: clock.now(), maxBytes: 1 }), 1);
    assert.deepEqual(await bodies(store, 'romeo', { rows: 'waiting' }), ['1', '2']);
    await store.mark('romeo', [waiting.id], { clear: FLAGS.waiting });
    assert.equal(await store.expire({ now: clock.now(), before: clock.now() }), 1);
  });

  rule('a server that was stopped properly has nothing to recover', async (driver) => {
    const store = mam(driver);
    await append(store, 'romeo');
    await store.delivered('romeo', 1);
    assert.equal(await store.recover(0), 0);
    assert.deepEqual(await store.waiting('romeo'), []);
  });
}

function removalContract(rule: Rule): void {
  rule('forget removes an owner: pages, usage and settings are empty immediately', async (driver, clock) => {
    const store = mam(driver);
    const ids = await fill(driver, clock, 300);
    await store.mark('romeo', [ids[5]!], { add: FLAGS.waiting });
    await store.keep('romeo', DAY_MS);
    await append(store, 'juliet');
    await append(driver.archive(HOST, 'offline'), 'romeo');
    const forgotten = store.forget('romeo');
    const fresh = await append(store, 'romeo', { xml: message('of a new account') });
    assert.deepEqual(await bodies(store, 'romeo'), ['of a new account']);
    assert.deepEqual(await store.get('romeo', ids), []);
    assert.deepEqual(await store.waiting('romeo'), []);
    const { rows, keepMs, oldest } = await store.usage('romeo');
    assert.deepEqual([rows, keepMs, oldest?.id], [1, undefined, fresh.id]);
    await forgotten;
    assert.deepEqual((await all(store.owners())).toSorted(), ['juliet', 'romeo']);
    assert.deepEqual(await bodies(driver.archive(HOST, 'offline'), 'romeo'), ['hark']);
    await store.forget('nobody');
  });

  rule('E2: the removal of an account removes its archives; a shared one stays', async (driver, clock) => {
    const store = mam(driver);
    const shared = driver.archive(HOST, 'audit', { shared: true });
    await fill(driver, clock, 3);
    await append(store, 'juliet');
    await append(driver.archive(HOST, 'offline'), 'romeo');
    await append(shared, 'romeo');
    await append(driver.archive('capulet.lit', 'archive'), 'romeo');
    await driver.purge(HOST, 'romeo');
    assert.deepEqual(await bodies(store, 'romeo'), []);
    assert.deepEqual(await bodies(driver.archive(HOST, 'offline'), 'romeo'), []);
    assert.deepEqual(await bodies(shared, 'romeo'), ['hark']);
    assert.deepEqual(await bodies(driver.archive('capulet.lit', 'archive'), 'romeo'), ['hark']);
    assert.deepEqual(await all(store.owners()), ['juliet']);
  });

  rule('owners() gives each owner with a row once', async (driver) => {
    const store = mam(driver);
    const names = Array.from({ length: 250 }, (_, n) => `user${n}`);
    await driver.batch(() => {
      for (const name of ['', ...names]) void append(store, name);
    });
    await store.keep('without rows', DAY_MS);
    const { rows } = await store.page('user7', { limit: 1 });
    await store.remove('user7', [rows[0]!.id]);
    const expected = ['', ...names].filter((name) => name !== 'user7');
    assert.deepEqual((await all(store.owners())).toSorted(), expected.toSorted());
  });

  rule('rows, changes and removals of a batch are written together or not at all', async (driver, clock) => {
    const store = mam(driver);
    const ids = await fill(driver, clock, 3);
    const write = () => {
      void append(store, 'romeo', { xml: message('4') });
      void store.put('romeo', { name: 'n', with: JULIET, xml: message('5') });
      void store.replace('romeo', ids[0]!, { xml: message('new'), flags: 0 });
      void store.mark('romeo', [ids[2]!], { add: FLAGS.waiting });
      void store.retract('romeo', {
        with: NURSE,
        isSent: false,
        messageId: 'none',
        by: { id: 'r', at: 0 },
      });
      void store.remove('romeo', [ids[1]!]);
      void driver.keyval(HOST, 'vcard').set('romeo', 1);
    };
    const failing = driver.batch(() => {
      write();
      throw new Error('no');
    });
    await assert.rejects(failing, /no/);
    assert.deepEqual(await bodies(store, 'romeo'), ['1', '2', '3']);
    assert.deepEqual(await store.waiting('romeo'), []);
    await driver.batch(write);
    assert.deepEqual(await bodies(store, 'romeo'), ['new', '3', '4', '5']);
    assert.equal((await store.waiting('romeo')).length, 1);
    let removal: Promise<number> | undefined;
    await driver.batch(() => {
      removal = store.remove('romeo', [ids[2]!]);
    });
    assert.equal(await removal, 0, 'in a batch the number is not known');
    assert.deepEqual(await bodies(store, 'romeo'), ['new', '4', '5']);
  });
}
