// Archives beside other modules, and over a kill of the server.

import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { reloadModule } from '../../support/contacts.ts';
import { BALCONY, BODY, done, idsBy, JULIET, ROMEO, rowsOf, stage } from './stage.ts';

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
