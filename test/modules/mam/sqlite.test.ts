// Queries of an archive on disk: the answers are those of memory, and accounts are answered in turn.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { emptyFolder } from '../../storage/folder.ts';
import { add, ask, ids, JULIET, type Library, library, replyTo, requestOf, time } from './query-stage.ts';
import { ORCHARD, ROMEO } from './stage.ts';

async function onDisk(t: TestContext, messages: number): Promise<Library> {
  return library(t, messages, {
    options: `storage = "sqlite"\ndata_path = ${JSON.stringify(emptyFolder())}`,
  });
}

test('an archive on disk: filters, pages, search, errors', async (t) => {
  const { juliet, archive } = await onDisk(t, 6);
  await add(archive, { n: 7, from: 'nurse@capulet.lit/hall', body: 'Madam!' });
  const last = await ask(juliet, { set: '<max>2</max><before/>' });
  assert.deepEqual([last.ids, last.end], [['m6', 'm7'], 'm6 m7 7']);
  const earlier = await ask(juliet, { set: '<max>5</max><before>m6</before>', more: '<flip-page/>' });
  assert.deepEqual([earlier.ids, earlier.end], [ids(1, 5).toReversed(), 'm1 m5 7 complete']);
  const romeos = await ask(juliet, { fields: { with: ROMEO, start: time(3_000) }, set: '<max>2</max>' });
  assert.equal(romeos.end, 'm3 m4 4');
  assert.equal((await ask(juliet, { fields: { with: ORCHARD } })).end, 'm1 m6 6 complete');
  assert.deepEqual((await ask(juliet, { fields: { ids: ['m5', 'm2'] } })).ids, ['m2', 'm5']);
  assert.deepEqual((await ask(juliet, { fields: { '{urn:xmpp:fulltext:0}fulltext': 'MAD' } })).ids, ['m7']);
  assert.equal((await ask(juliet, { set: '<after>m9</after>' })).end, 'item-not-found cancel');
});

test('Q24: a query sees every message delivered before it, also on disk', async (t) => {
  const { juliet } = await onDisk(t, 0);
  const message = `<message to='${ROMEO}' type='chat'><body>Hi</body></message>`;
  juliet.send(`${message}${message}${requestOf('q', {})}`);
  assert.match((await replyTo(juliet, 'q')).end, / 2 complete$/);
});

test('Q24: accounts in turn: the queries of one do not make another one wait', async (t) => {
  const { juliet, romeo, server, archive } = await onDisk(t, 100);
  const clients = [juliet];
  for (let n = 1; n < 10; n++) clients.push(await server.client(`${JULIET}/r${n}`));
  let answered = 0;
  const readers = clients.map(async (client) => {
    client.send(Array.from({ length: 9 }, (_, n) => requestOf(`q${n}`, {})).join(''));
    for (let n = 0; n < 9; n++) {
      await replyTo(client, `q${n}`);
      answered++;
    }
  });
  await ask(romeo);
  const before = answered;
  await Promise.all(readers);
  // Ten clients ask, one page each before any second one: in the order of arrival it would be ten.
  assert.ok(before <= 5, `${before} of 90 queries were answered first`);
  assert.equal((await archive.page('juliet', { limit: 1 })).rows.length, 1);
});
