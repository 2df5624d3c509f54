// What every driver's archives promise about searches (src/storage/archive.ts).

import assert from 'node:assert/strict';
import { ARCHIVE_FLAGS as FLAGS } from '../../src/storage/archive.ts';
import type { StorageDriver } from '../../src/storage/stores.ts';
import type { FakeClock } from '../support/clock.ts';
import { append, bodies, bodyIn, indexed, JULIET, mam, message, NURSE, type Rule } from './rows.ts';

export function archiveSearchContract(rule: Rule): void {
  searches(
    (title, check) => rule(`${title} (new rows)`, check),
    async () => {},
  );
  searches((title, check) => rule(`${title} (indexed rows)`, check), indexed);
}

/** `settle`: what happens to rows before they are searched. */
function searches(rule: Rule, settle: typeof indexed): void {
  const found = async (driver: StorageDriver, ...words: string[]) =>
    (await bodies(mam(driver), 'romeo', { words })).map((body) => body.split(' ')[0]).join('');
  const say = async (driver: StorageDriver, clock: FakeClock, ...texts: string[]) => {
    const said = texts.map((text) => append(mam(driver), 'romeo', { xml: message(text) }));
    await Promise.all(said);
    await settle(driver, clock);
    return Promise.all(said);
  };

  rule(
    'F1: all words must occur; one of three letters or more also as the beginning of one',
    async (driver, clock) => {
      await say(
        driver,
        clock,
        '1 But soft, what light',
        '2 through yonder window breaks?',
        '3 Lighter, but by no means so',
        '4 no',
      );
      assert.equal(await found(driver, 'light'), '13');
      assert.equal(await found(driver, 'but', 'light'), '13');
      assert.equal(await found(driver, 'soft', 'light'), '1');
      assert.equal(await found(driver, 'lig', 'mean'), '3');
      assert.equal(await found(driver, 'so'), '3', 'two letters: whole words only');
      assert.equal(await found(driver, 'indow'), '');
      assert.equal(await found(driver, 'no'), '34');
      assert.equal(await found(driver, 'lightest'), '');
      assert.equal(await found(driver), '1234', 'no words: all rows');
    },
  );

  rule('F1: case and accents do not count, in any script', async (driver, clock) => {
    await say(driver, clock, '1 Élan ÉTÉ', '2 elan ete', '3 ΟΔΟΣ', '4 Прийти', '5 ﬁne ｗｉｄｅ', '6 Łódź');
    assert.equal(await found(driver, 'ELAN'), '12');
    assert.equal(await found(driver, 'e\u0301te\u0301'), '12');
    assert.equal(await found(driver, 'οδός'), '3');
    assert.equal(await found(driver, 'οδο'), '3');
    assert.equal(await found(driver, 'ПРИЙТИ'), '4');
    assert.equal(await found(driver, 'fine', 'wide'), '5');
    assert.equal(await found(driver, 'łodz'), '6');
  });

  rule('F1: what separates words does not count, and a word is no operator', async (driver, clock) => {
    await say(
      driver,
      clock,
      '1 star-crossed lovers',
      '2 to_be OR not',
      '3 "quoted" *star*',
      '4 a near miss',
      "5 &<>'",
    );
    assert.equal(await found(driver, 'crossed'), '1');
    assert.equal(await found(driver, 'star-crossed'), '1');
    assert.equal(await found(driver, 'OR'), '2');
    assert.equal(await found(driver, 'NEAR'), '4');
    assert.equal(await found(driver, 'star'), '13');
    assert.equal(await found(driver, '"star'), '13');
    assert.equal(await found(driver, 'body : star'), '');
    assert.equal(await found(driver, '***'), '12345', 'no word at all');
  });

  rule('F3: scripts without spaces are searched for parts of words', async (driver, clock) => {
    await say(driver, clock, '1 窓の光は東', '2 สวัสดีชาวโลก', '3 안녕하세요', '4 東 light');
    assert.equal(await found(driver, '光は'), '1');
    assert.equal(await found(driver, '東'), '14');
    assert.equal(await found(driver, 'ชาว'), '2');
    assert.equal(await found(driver, '안녕'), '3');
    assert.equal(await found(driver, '東', 'light'), '4');
  });

  rule(
    'F4: encrypted rows, tombstones and other texts than the body are not searched',
    async (driver, clock) => {
      const store = mam(driver);
      await append(store, 'romeo', { xml: message('1 light', { id: 'subject' }) });
      await append(store, 'romeo', { xml: message('2 light'), flags: FLAGS.encrypted });
      await append(store, 'romeo', { xml: message('3 light'), flags: FLAGS.tombstone });
      await append(store, 'romeo', {
        xml: `<message><subject>light</subject><x><body>light</body></x><body xml:lang='en'>4 &lt;light></body></message>`,
      });
      await settle(driver, clock);
      assert.deepEqual(await bodies(store, 'romeo', { words: ['light'] }), ['1 light', 'light']);
      assert.equal(await found(driver, 'subject'), '');
    },
  );

  rule(
    'F5: a search finds rows of its owner only, and none that were removed or changed',
    async (driver, clock) => {
      const store = mam(driver);
      const places = await say(driver, clock, '1 light', '2 light', '3 light', '4 light');
      await append(store, 'juliet', { xml: message('hers: light') });
      await store.remove('romeo', [places[1]!.id]);
      await store.replace('romeo', places[2]!.id, { xml: message('3 dark'), flags: 0 });
      const by = { id: 'r', at: 0 };
      await append(store, 'romeo', { xml: message('5 light', { id: 'a' }) });
      await settle(driver, clock);
      await store.retract('romeo', { with: JULIET, isSent: false, messageId: 'a', by });
      assert.equal(await found(driver, 'light'), '14');
      assert.equal(await found(driver, 'dark'), '3');
      await store.forget('romeo');
      await say(driver, clock, '6 dark');
      assert.equal(await found(driver, 'light'), '');
      assert.deepEqual(await bodies(store, 'juliet', { words: ['light'] }), ['hers: light']);
    },
  );

  rule('F1: words combine with all filters and pages', async (driver, clock) => {
    const store = mam(driver);
    const ids: string[] = [];
    for (let n = 1; n <= 8; n++) {
      const xml = message(`${n} ${n % 2 ? 'light' : 'dark'}`);
      ids.push((await append(store, 'romeo', { with: n < 5 ? JULIET : NURSE, xml })).id);
      clock.moveWallClock(1_000);
    }
    await settle(driver, clock);
    const words = ['light'];
    const page = await store.page('romeo', { words, limit: 2, wantsCount: true, after: ids[0]! });
    assert.deepEqual(
      page.rows.map(({ xml }) => bodyIn(xml)),
      ['3 light', '5 light'],
    );
    assert.deepEqual([page.isComplete, page.count], [false, 4]);
    assert.deepEqual(await bodies(store, 'romeo', { words, with: NURSE }), ['5 light', '7 light']);
    assert.deepEqual(await bodies(store, 'romeo', { words, limit: 1, isBackwards: true }), ['7 light']);
    assert.deepEqual(await bodies(store, 'romeo', { words, limit: 1, index: 2 }), ['5 light']);
    assert.deepEqual(await bodies(store, 'romeo', { words, ids: [ids[1]!, ids[2]!] }), ['3 light']);
  });
}
