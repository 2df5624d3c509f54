// Archives beside other modules, and over a kill of the server.

import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { reloadModule } from '../../support/contacts.ts';
import { BALCONY, BODY, done, idsBy, JULIET, ORCHARD, ROMEO, rowsOf, shortRows, stage } from './stage.ts';

test('M9: what the blocklist of the recipient refuses is archived for its sender only', async (t) => {
  const there = await stage(t, { modules: ['blocklist'] });
  there.juliet.send(
    `<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='${ROMEO}'/></block></iq>`,
  );
  await there.juliet.skipUntil(({ attrs }) => attrs.id === 'b');
  there.romeo.send(`<message type='chat' to='${JULIET}'>${BODY}</message>`);
  assert.equal((await there.romeo.next()).attrs.type, 'error');
  await done(there, there.romeo);
  assert.deepEqual([(await rowsOf(there, ROMEO)).length, (await rowsOf(there, JULIET)).length], [1, 0]);
});

test('B12: what a blocked address wrote before stays in the archive', async (t) => {
  const there = await stage(t, { modules: ['blocklist'] });
  there.romeo.send(`<message type='chat' to='${JULIET}'>${BODY}</message>`);
  await done(there, there.romeo);
  there.juliet.send(
    `<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='${ROMEO}'/></block></iq>`,
  );
  await there.juliet.skipUntil(({ attrs }) => attrs.id === 'b');
  there.juliet.send(`<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'/></iq>`);
  const result = (await there.juliet.next()).getChild('result', 'urn:xmpp:mam:2');
  const message = result?.getChild('forwarded', 'urn:xmpp:forward:0')?.elements().at(-1);
  assert.equal(message?.attrs.from, ORCHARD);
});

test("H4: when another server cannot be reached, the sender gets one error, and the sender's row stays", async (t) => {
  const there = await stage(t);
  there.romeo.send(`<message type='chat' id='m' to='tybalt@verona.lit'>${BODY}</message>`);
  const error = await there.romeo.next();
  assert.deepEqual([error.attrs.type, error.attrs.id], ['error', 'm']);
  await done(there, there.romeo);
  await there.romeo.receivesNothing();
  assert.deepEqual(await shortRows(there, ROMEO), ['sent tybalt@verona.lit body']);
});

test('§10, retraction and carbons: a retraction is copied as a message, with the id of its row', async (t) => {
  const there = await stage(t, { modules: ['carbons'] });
  const pub = await there.server.client(`${ROMEO}/pub`);
  pub.send("<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>");
  await pub.skipUntil(({ attrs }) => attrs.id === 'c');
  there.romeo.send(
    `<message type='chat' id='r' to='${JULIET}'><retract xmlns='urn:xmpp:message-retract:1' id='a'/></message>`,
  );
  const sent = (await pub.next()).getChild('sent', 'urn:xmpp:carbons:2');
  const copy = sent?.getChild('forwarded', 'urn:xmpp:forward:0')?.elements()[0];
  await done(there, there.romeo);
  assert.deepEqual(idsBy(copy!, ROMEO), [(await rowsOf(there, ROMEO))[0]?.id]);
  assert.ok(copy?.getChild('retract', 'urn:xmpp:message-retract:1'));
});

test('a reload of the module loses no message, and gives no id twice', async (t) => {
  const there = await stage(t);
  const ids = new Set<string | undefined>();
  for (let n = 0; n < 3; n++) {
    there.romeo.send(`<message type='chat' to='${BALCONY}'>${BODY}</message>`.repeat(5));
    await reloadModule(there.server, 'mam');
    for (let k = 0; k < 5; k++) ids.add(idsBy(await there.juliet.next(), JULIET)[0]);
  }
  await done(there, there.romeo);
  assert.deepEqual(
    (await rowsOf(there, JULIET)).map(({ id }) => id),
    [...ids],
  );
});

test('1.1, M11: after a kill, a message that is sent again is found once, and new ids are new', async (t) => {
  const folder = emptyFolder(t);
  const options = (path: string) => `storage = "sqlite"\ndata_path = ${JSON.stringify(path)}`;
  const before = await stage(t, { options: options(folder) });
  before.romeo.send(`<message type='chat' id='a' to='${BALCONY}'>${BODY}</message>`);
  const [first] = idsBy(await before.juliet.next(), JULIET);
  await done(before, before.romeo);
  const copy = join(emptyFolder(t), 'data');
  cpSync(folder, copy, { recursive: true });

  const after = await stage(t, { options: options(copy) });
  after.romeo.send(`<message type='chat' id='a' to='${BALCONY}'>${BODY}</message>`);
  after.romeo.send(`<message type='chat' id='b' to='${BALCONY}'>${BODY}</message>`);
  await after.juliet.skipUntil(({ attrs }) => attrs.id === 'a');
  const [second] = idsBy(await after.juliet.skipUntil(({ attrs }) => attrs.id === 'b'), JULIET);
  await done(after, after.romeo);
  const ids = async (account: string) => (await rowsOf(after, account)).map(({ id }) => id);
  assert.deepEqual(await ids(JULIET), [first, second]);
  assert.equal((await ids(ROMEO)).length, 2);
});

function emptyFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'enjamb-mam-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
