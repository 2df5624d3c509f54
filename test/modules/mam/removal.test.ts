// What is left of an account that was deleted, in the files of the database.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { SqliteStorage } from '../../../src/storage/drivers/sqlite.ts';
import { archived, inDatabase } from '../../storage/archived.ts';
import { emptyFolder } from '../../storage/folder.ts';
import type { ScriptedClient } from '../../support/client.ts';
import { FakeClock } from '../../support/clock.ts';
import { arrives, BALCONY, done, JULIET, ROMEO, rowsOf, type Stage, stage } from './stage.ts';

/** She has it in all that the server keeps for her. */
const SECRET = 'honorificabilitudinitatibus';
/** She sent it to Romeo. */
const SENT = 'floccinaucinihilipilification';

function start(t: TestContext, folder: string, clock: FakeClock): Promise<Stage> {
  return stage(t, {
    clock,
    modules: ['private', 'blocklist'],
    openStorage: () => SqliteStorage.open(folder, { clock }),
  });
}

/** Juliet uses all that the server keeps for her. */
async function live(there: Stage): Promise<void> {
  const jid = `${SECRET}@remote.lit`;
  const stores = [
    `<query xmlns='jabber:iq:roster'><item jid='${jid}' name='${SECRET}'><group>${SECRET}</group></item></query>`,
    `<query xmlns='jabber:iq:private'><x xmlns='urn:example:x'>${SECRET}</x></query>`,
    `<prefs xmlns='urn:xmpp:mam:2' default='always'><always><jid>${jid}</jid></always><never/></prefs>`,
    `<block xmlns='urn:xmpp:blocking'><item jid='x${jid}'/></block>`,
  ];
  for (const [n, store] of stores.entries()) there.juliet.send(`<iq type='set' id='s${n}'>${store}</iq>`);
  for (let n = 0; n < 40; n++) there.juliet.send(message(JULIET, n, `${SECRET} ${SECRET}${n}`));
  there.juliet.send(message(ROMEO, 0, SENT));
  await done(there, there.juliet);
  await arrives(
    there,
    `<message type='chat' from='${jid}/x' to='${BALCONY}'><body>${SECRET}</body></message>`,
  );
  const waits = `<body>${SECRET}</body><no-permanent-store xmlns='urn:xmpp:hints'/>`;
  await arrives(there, `<message type='chat' from='${jid}/x' to='${JULIET}'>${waits}</message>`);
}

const message = (to: string, id: number, body: string) =>
  `<message type='chat' to='${to}' id='${id}'><body>${body}</body></message>`;

/** Names of the files of the database in which the word is. */
function filesWith(word: string, folder: string): string[] {
  return readdirSync(folder).filter((name) => readFileSync(join(folder, name)).includes(word));
}

/** Words of her messages are in the index. */
async function indexed(folder: string, clock: FakeClock): Promise<void> {
  await clock.advance(10_000);
  const newest = "SELECT 1 FROM meta WHERE name = 'text_upto' AND value > 0";
  await until(() => inDatabase(folder, (db) => db.prepare(newest).get()) !== undefined);
}

async function until(isSo: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt++) {
    if (isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.fail(`not within 10 s: ${isSo}`);
}

async function seesNothing(client: ScriptedClient): Promise<void> {
  client.send(`<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'/></iq>`);
  assert.match(`${await client.next()}`, /<count>0<\/count>/);
  client.send('<presence/>');
  await client.skipUntil(({ name }) => name === 'presence');
  await client.receivesNothing();
}

test('E2: of a deleted account nothing is in the files, but what others were sent; a new account of its name sees nothing from the first tick', async (t) => {
  const folder = emptyFolder();
  const clock = new FakeClock();
  const there = await start(t, folder, clock);
  await live(there);
  await indexed(folder, clock);
  assert.notDeepEqual(filesWith(SECRET, folder), []);
  await there.server.server.commands.run('user delete', { jid: JULIET }, { by: 'test' });
  await seesNothing(await there.server.client(BALCONY));
  await until(() => filesWith(SECRET, folder).length === 0);
  assert.notDeepEqual(filesWith(SENT, folder), []);
  assert.match(
    archived(folder, 'romeo')
      .map(({ xml }) => xml)
      .join(),
    new RegExp(SENT),
  );
  assert.deepEqual(await rowsOf(there, JULIET), []);
});

test('E2: the same over a restart right after the removal', async (t) => {
  const folder = emptyFolder();
  const clock = new FakeClock();
  const before = await start(t, folder, clock);
  await live(before);
  await before.server.server.commands.run('user delete', { jid: JULIET }, { by: 'test' });
  await before.server.server.stop();
  const after = await start(t, folder, clock);
  await seesNothing(after.juliet);
  await until(() => filesWith(SECRET, folder).length === 0);
  assert.equal((await rowsOf(after, ROMEO)).length, 1);
});
