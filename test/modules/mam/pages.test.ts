// XEP-0313 §4.3, XEP-0059: pages of the archive, and their order.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { add, ask, ids, library, MAM, replyTo, requestOf, time } from './query-stage.ts';
import { ROMEO } from './stage.ts';

test('Q15: max n: at most n, and at most max_archive_query_results', async (t) => {
  const { juliet } = await library(t, 12, { options: 'max_archive_query_results = 10' });
  assert.equal((await ask(juliet, { set: '<max>3</max>' })).end, 'm1 m3 12');
  assert.equal((await ask(juliet, { set: '<max>11</max>' })).end, 'm1 m10 12');
  assert.equal((await ask(juliet)).end, 'm1 m10 12');
});

test('Q15: max 0: count alone', async (t) => {
  const { juliet } = await library(t, 3);
  const reply = await ask(juliet, { set: '<max>0</max>', fields: { start: time(2_000) } });
  assert.deepEqual([reply.ids, reply.end], [[], '- - 2']);
  assert.equal(
    (await ask(juliet, { set: '<max>0</max>', fields: { start: time(9_000) } })).end,
    '- - 0 complete',
  );
});

for (const max of ['-1', '', 'ten', '1e3']) {
  test(`Q15: max "${max}": bad-request`, async (t) => {
    const { juliet } = await library(t, 1);
    assert.equal((await ask(juliet, { set: `<max>${max}</max>` })).end, 'bad-request modify');
  });
}

test('Q16: before empty: last page; with id: the page ending before it', async (t) => {
  const { juliet } = await library(t, 5);
  const last = await ask(juliet, { set: '<max>2</max><before/>' });
  assert.deepEqual([last.ids, last.end], [['m4', 'm5'], 'm4 m5 5']);
  const middle = await ask(juliet, { set: '<max>2</max><before>m4</before>' });
  assert.deepEqual([middle.ids, middle.end], [['m2', 'm3'], 'm2 m3 5']);
  const first = await ask(juliet, { set: '<max>2</max><before>m2</before>' });
  assert.deepEqual([first.ids, first.end], [['m1'], 'm1 m1 5 complete']);
});

test('Q17: after empty: from the start; with id: the page that follows it', async (t) => {
  const { juliet } = await library(t, 5);
  assert.equal((await ask(juliet, { set: '<max>2</max><after/>' })).end, 'm1 m2 5');
  assert.equal((await ask(juliet, { set: '<max>2</max><after>m2</after>' })).end, 'm3 m4 5');
  assert.equal((await ask(juliet, { set: '<max>2</max><after>m4</after>' })).end, 'm5 m5 5 complete');
  assert.equal((await ask(juliet, { set: '<max>2</max><after>m5</after>' })).end, '- - 5 complete');
});

test('Q18: before and after: backwards, bounded by after', async (t) => {
  const { juliet } = await library(t, 6);
  assert.equal(
    (await ask(juliet, { set: '<max>2</max><before>m6</before><after>m2</after>' })).end,
    'm4 m5 6',
  );
  assert.equal(
    (await ask(juliet, { set: '<max>3</max><before>m6</before><after>m2</after>' })).end,
    'm3 m5 6 complete',
  );
  assert.equal((await ask(juliet, { set: '<before/><after>m4</after>' })).end, 'm5 m6 6 complete');
});

test('Q19: index n: from there, with first index=n; beyond the end: empty page', async (t) => {
  const { juliet } = await library(t, 5);
  const reply = await ask(juliet, { set: '<max>2</max><index>3</index>' });
  assert.equal(reply.end, 'm4 m5 5 complete');
  assert.match(`${reply.iq}`, /<first index='3'>m4</);
  assert.equal((await ask(juliet, { set: '<index>5</index>' })).end, '- - 5 complete');
});

for (const set of [
  '<index>1</index><after>m1</after>',
  '<index>1</index><before/>',
  '<index>1000001</index>',
]) {
  test(`Q19: ${set}: bad-request`, async (t) => {
    const { juliet } = await library(t, 2);
    assert.equal((await ask(juliet, { set })).end, 'bad-request modify');
  });
}

test('Q20: a page also ends at 1 MiB of XML (at least one message)', async (t) => {
  const { juliet, archive } = await library(t, 0);
  const sizes = [1_500_000, 300_000, 300_000, 300_000, 300_000, 300_000];
  for (const [index, size] of sizes.entries()) await add(archive, { n: index + 1, body: 'x'.repeat(size) });
  assert.equal((await ask(juliet)).end, 'm1 m1 6');
  const page = await ask(juliet, { set: '<after>m1</after>' });
  assert.equal(page.end, 'm2 m4 6');
  const bytes = page.results.reduce((sum, result) => sum + Buffer.byteLength(`${result}`), 0);
  assert.ok(bytes <= 1024 * 1024, `${bytes} bytes`);
  assert.equal((await ask(juliet, { set: '<before/>' })).end, 'm4 m6 6');
});

test('Q20: the 1 MiB include a queryid of 200 kB in each result', async (t) => {
  const { juliet } = await library(t, 5);
  const reply = await ask(juliet, { queryId: 'q'.repeat(200_000) });
  assert.equal(reply.end, 'm1 m2 5');
  assert.equal(reply.results[1]?.getChild('result', MAM)?.attrs.queryid?.length, 200_000);
});

test('Q21: count: all that match the filters, whatever the page', async (t) => {
  const { juliet, archive } = await library(t, 5);
  await add(archive, { n: 6, from: 'nurse@capulet.lit/hall' });
  const reply = await ask(juliet, { fields: { with: ROMEO }, set: '<max>1</max><after>m3</after>' });
  assert.equal(reply.end, 'm4 m4 5');
});

test('Q21: without mam_include_total there is no count', async (t) => {
  const { juliet } = await library(t, 2, { options: 'mam_include_total = false' });
  assert.equal((await ask(juliet)).end, 'm1 m2 - complete');
  assert.equal((await ask(juliet, { set: '<max>0</max>' })).end, '- - -');
});

test('Q22: flip-page reverses the page; first and last are chronologically first and last', async (t) => {
  const { juliet } = await library(t, 5);
  const forwards = await ask(juliet, { set: '<max>3</max>', more: '<flip-page/>' });
  assert.deepEqual([forwards.ids, forwards.end], [['m3', 'm2', 'm1'], 'm1 m3 5']);
  const backwards = await ask(juliet, { set: '<max>3</max><before/>', more: '<flip-page/>' });
  assert.deepEqual([backwards.ids, backwards.end], [['m5', 'm4', 'm3'], 'm3 m5 5']);
});

test('Q22: an empty page lacks first and last, never set', async (t) => {
  const { juliet } = await library(t, 0);
  const { iq } = await ask(juliet);
  assert.equal(
    `${iq.elements()[0]}`,
    `<fin xmlns='${MAM}' complete='true'><set xmlns='http://jabber.org/protocol/rsm'><count>0</count></set></fin>`,
  );
});

test('Q22: the iq result follows in the tick of the last message: nothing comes between them', async (t) => {
  const { juliet, romeo } = await library(t, 50);
  juliet.send(requestOf('q', {}));
  for (let n = 0; n < 20; n++)
    romeo.send(`<message to='${juliet.jid}' type='headline'><body>${n}</body></message>`);
  const order: string[] = [];
  while (order.length < 71) {
    const element = await juliet.next();
    order.push(element.getChild('result', MAM) ? 'result' : element.name);
  }
  assert.deepEqual(order.slice(order.indexOf('result'), order.indexOf('iq')), Array(50).fill('result'));
});

test('§10 Clients: Converse pages backwards with one contact', async (t) => {
  const { juliet, archive } = await library(t, 5);
  await add(archive, { n: 6, from: 'nurse@capulet.lit/hall' });
  const fields = { with: ROMEO };
  const last = await ask(juliet, { fields, set: '<before></before><max>3</max>', queryId: 'u1' });
  assert.deepEqual([last.ids, last.end], [ids(3, 5), 'm3 m5 5']);
  const rest = await ask(juliet, { fields, set: '<before>m3</before><max>3</max>', queryId: 'u2' });
  assert.deepEqual([rest.ids, rest.end], [ids(1, 2), 'm1 m2 5 complete']);
});

test('§10 Clients: Conversations reads count to know whether more is left', async (t) => {
  const { juliet } = await library(t, 5);
  const fields = { start: time(1_000), end: time(4_000) };
  const first = await ask(juliet, { fields, set: '<max>3</max>' });
  assert.equal(first.end, 'm1 m3 4');
  const rest = await ask(juliet, { fields, set: '<max>3</max><after>m3</after>' });
  assert.equal(rest.end, 'm4 m4 4 complete');
});

for (const direction of ['after', 'before'] as const) {
  test(`XEP-0059 §2.2, §2.3: paging by ${direction} yields each message once while messages come and go`, async (t) => {
    const { juliet, archive } = await library(t, 40);
    const seen: string[] = [];
    let set = direction === 'before' ? '<max>7</max><before/>' : '<max>7</max>';
    for (let page = 0; page < 20; page++) {
      const reply = await ask(juliet, { set });
      seen.push(...reply.ids.map((id) => id!));
      if (reply.end.endsWith('complete')) break;
      const [first, last] = reply.end.split(' ');
      set = `<max>7</max><${direction}>${direction === 'after' ? last : first}</${direction}>`;
      await add(archive, { n: 41 + page });
      await archive.remove('juliet', [`m${page === 0 ? 39 : 12}`]);
    }
    const unmoved = ids(1, 40).filter((id) => id !== 'm39' && id !== 'm12');
    assert.deepEqual(seen.filter((id) => unmoved.includes(id)).toSorted(), unmoved.toSorted());
    assert.equal(new Set(seen).size, seen.length, 'no message comes twice');
  });
}

test('Q24: a query sees every message delivered before it', async (t) => {
  const { juliet, romeo } = await library(t, 0);
  for (let round = 1; round <= 20; round++) {
    juliet.send(
      `<message to='${ROMEO}' type='chat'><body>${round}</body></message>${requestOf(`q${round}`, {})}`,
    );
    const { end } = await replyTo(juliet, `q${round}`);
    assert.match(end, new RegExp(` ${round} complete$`), 'her own, sent in the same chunk');
  }
  romeo.send(`<message to='${juliet.jid}' type='chat'><body>Hi</body></message>`);
  await juliet.next();
  assert.match((await ask(juliet)).end, / 21 complete$/, 'one that she has received');
});
