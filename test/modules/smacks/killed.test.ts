// XEP-0160 with XEP-0313: what waits after the server was killed.

import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { emptyFolder } from '../../storage/folder.ts';
import { FakeClock } from '../../support/clock.ts';
import { becomeAvailable } from '../../support/contacts.ts';
import { BALCONY, JULIET, ROMEO, type Scene, says } from './scene.ts';
import { comes, confirms, late, scene, wrote } from './waiting-scene.ts';

const DAY = 24 * 3_600_000;
const onSqlite = (path: string) => `storage = "sqlite"\ndata_path = ${JSON.stringify(path)}`;

/** Another server with what would be on the disk if this one were killed now. */
async function afterKill(t: TestContext, folder: string, clock?: FakeClock): Promise<Scene> {
  const copy = join(emptyFolder(), 'data');
  cpSync(folder, copy, { recursive: true });
  return scene(t, onSqlite(copy), clock);
}

test('O9: after a kill, what slept in the queue of a session waits again, and what was confirmed long ago does not', async (t) => {
  const folder = emptyFolder();
  const there = await scene(t, onSqlite(folder));
  const { client: juliet } = await there.available(BALCONY);
  const romeo = await there.test.client(ROMEO);
  says(romeo, JULIET, 'confirmed');
  await there.idle();
  await juliet.next();
  await confirms(there, juliet);
  await there.clock.advance(10_000);
  await there.idle();
  says(romeo, JULIET, 'in the queue');
  await there.idle();
  await there.clock.advance(20_000);
  await there.idle();

  const restarted = await afterKill(t, folder);
  const again = await comes(restarted);
  await again.receives(late('in the queue'));
  await again.receivesNothing();
});

for (const [days, waits] of [
  [6, true],
  [8, false],
] as const) {
  test(`O9: "younger than 7 days": what was received ${days} days before the start ${waits ? 'waits' : 'does not wait'} again`, async (t) => {
    const folder = emptyFolder();
    const there = await scene(t, onSqlite(folder));
    await there.available(BALCONY);
    says(await there.test.client(ROMEO), JULIET, 'Hi');
    await there.idle();
    const clock = new FakeClock();
    clock.moveWallClock(days * DAY);
    const again = await comes(await afterKill(t, folder, clock));
    if (waits) await again.receives(late('Hi'));
    await again.receivesNothing();
  });
}

test('O9: seconds after a kill, what is confirmed is noted all the same: a second kill delivers none of it again', async (t) => {
  const first = emptyFolder();
  await wrote(await scene(t, onSqlite(first)), 'before the kill');
  const second = join(emptyFolder(), 'data');
  cpSync(first, second, { recursive: true });
  const there = await scene(t, onSqlite(second));
  const juliet = await comes(there);
  await juliet.receives(late('before the kill'));
  says(await there.test.client(ROMEO), JULIET, 'after it');
  await there.idle();
  await juliet.next();
  await confirms(there, juliet);
  await there.clock.advance(5_000);
  await there.idle();

  const again = await comes(await afterKill(t, second));
  await again.receivesNothing();
});

test('O4: seconds after a kill, what a client has asked the archive for is not delivered as well', async (t) => {
  const folder = emptyFolder();
  await wrote(await scene(t, onSqlite(folder)), 'before the kill');
  const there = await afterKill(t, folder);
  await wrote(there, 'after it');
  await there.clock.advance(1_000);
  const { client: juliet } = await there.managed(BALCONY);
  juliet.send("<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'/></iq>");
  await juliet.skipUntil(({ name }) => name === 'iq');
  await becomeAvailable(juliet);
  await there.idle();
  await juliet.receivesNothing();
});

test('after a proper stop nothing waits again', async (t) => {
  const folder = emptyFolder();
  const there = await scene(t, onSqlite(folder));
  const juliet = await there.test.client(BALCONY);
  await becomeAvailable(juliet);
  const romeo = await there.test.client(ROMEO);
  says(romeo, JULIET, 'read');
  await there.idle();
  await juliet.next();
  await there.test.server.stop();

  const restarted = await scene(t, onSqlite(folder));
  const again = await comes(restarted);
  await again.receivesNothing();
});
