// XEP-0313: programs fetch what was written while they were away, with a fresh profile and with their own.

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { ScriptedClient } from '../support/client.ts';
import { whyNoDesktop } from './rejoin/support/desktop.ts';
import { DinoUser } from './rejoin/support/dino-user.ts';
import { GajimUser } from './rejoin/support/gajim-user.ts';
import { ENJAMB } from './support/addresses.ts';
import { Line } from './support/line.ts';
import { until, untilTime } from './support/waiting.ts';
import { PASSWORD } from './support/world.ts';
import { JULIET, login, ROMEO, type Scene, scene, writes } from './support-archive/scene.ts';

const LIMIT = { timeout: 200_000 };
/** The port of programs in which it cannot be configured. */
const C2S_PORT = 5222;
const FETCHED_MS = 45_000;
const GONE_MS = 20_000;

const texts = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => `(message ${from + i})`);

for (const Program of [GajimUser, DinoUser]) {
  test(
    `${Program === GajimUser ? 'Gajim' : 'Dino'} shows each message once and in order`,
    LIMIT,
    async (t) => {
      // A session that its program has left would be sent what the test writes.
      const there = await scene(t, ['smacks_hibernation_time = 1']);
      const user = await Program.start(t, await profile(t, there));

      await write(there, texts(1, 10));
      await user.login();
      await shows(user, texts(1, 10), 'a fresh profile');
      await leaves(there, user);

      await write(there, texts(11, 15));
      await there.enjamb.kill9();
      await there.enjamb.start();
      await user.restart();
      await shows(user, texts(1, 15), 'what is new since then, of a server that was killed');
      await leaves(there, user);

      await there.enjamb.command(['archive', 'delete', JULIET, '--yes']);
      await write({ ...there, romeo: await login(t, `${ROMEO}/orchard`) }, texts(16, 18));
      await takes(await login(t, `${JULIET}/other`), 3);
      await user.restart();
      await shows(user, texts(1, 18), 'what is left in an archive that has lost the message it knew');
      await leaves(there, user);

      await retractAndBlock(t, there);
      await user.restart();
      await shows(
        user,
        [...texts(1, 18), ...texts(20, 20)],
        'neither what was retracted nor what was blocked',
      );
      await leaves(there, user);
      await there.enjamb.stop();
    },
  );
}

/** For a program that connects to port 5222. */
async function profile(t: TestContext, { folder: parent, caPath }: Scene) {
  assert.equal(await whyNoDesktop(), undefined, 'graphical programs can run here');
  await Line.start(t, { address: ENJAMB.address, port: ENJAMB.c2s }, C2S_PORT);
  const folder = join(parent, 'program');
  await mkdir(folder, { mode: 0o700 });
  return { folder, caPath, jid: JULIET, password: PASSWORD, nick: 'Juliet' };
}

/** Another client takes what waits, so that only the archive has it. */
async function takes(client: ScriptedClient, messages: number): Promise<void> {
  client.send('<presence/>');
  for (let n = 0; n < messages; n++) await client.skipUntil(({ name }) => name === 'message');
  client.drop();
}

/** Message 19 is retracted (XEP-0424), and 21 is refused (XEP-0191). Another client takes what waits. */
async function retractAndBlock(t: TestContext, there: Scene): Promise<void> {
  const romeo = await login(t, `${ROMEO}/orchard`);
  await write({ ...there, romeo }, texts(19, 20));
  const [retracted = ''] = texts(19, 19);
  const retract = `<retract xmlns='urn:xmpp:message-retract:1' id='${retracted}'/>`;
  romeo.send(`<message type='chat' to='${JULIET}' id='retraction'>${retract}</message>`);
  await writes(romeo, ROMEO, 'end');
  const juliet = await login(t, `${JULIET}/other`);
  juliet.send(`<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='${ROMEO}'/></block></iq>`);
  await juliet.skipUntil(({ attrs }) => attrs.id === 'b' && attrs.type === 'result');
  await takes(juliet, 2);
  romeo.send(`<message type='chat' to='${JULIET}' id='blocked'><body>(message 21)</body></message>`);
  await romeo.skipUntil(({ attrs }) => attrs.id === 'blocked' && attrs.type === 'error');
}

async function leaves({ enjamb }: Scene, user: GajimUser | DinoUser): Promise<void> {
  await user.stop();
  const gone = async () =>
    (await enjamb.list('user', 'sessions')).every(({ jid }) => !`${jid}`.startsWith(JULIET)) || undefined;
  await until('the end of the session', gone, GONE_MS);
}

/** Its first message is of another second than the others: programs order messages of one second as they like. */
async function write({ romeo }: Scene, [first = '', ...others]: readonly string[]): Promise<void> {
  await writes(romeo, JULIET, first);
  await untilTime(Date.now() + 1_100);
  await writes(romeo, JULIET, ...others);
}

async function shows(user: GajimUser | DinoUser, expected: readonly string[], what: string): Promise<void> {
  const shown = async () => {
    const lines = (await user.talk()).split('\n').filter((line) => line.startsWith('(message'));
    return lines.length >= expected.length && (await user.hasFetched()) ? lines : undefined;
  };
  assert.deepEqual(await until(what, shown, FETCHED_MS), expected, what);
}
