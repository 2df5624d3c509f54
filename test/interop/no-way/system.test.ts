// The system refuses disk space or descriptors. Users talk before, during and after. No accepted message is lost, and
// the server recovers by itself.

import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { atEnd, temporaryFolder } from '../../support/clean-up.ts';
import { ENJAMB, HOME } from '../support/addresses.ts';
import { run } from '../support/program.ts';
import { homeLogin } from '../support/world.ts';
import { BENVOLIO, ROMEO, says } from './scene.ts';
import { Letters, MERCUTIO, site } from './site.ts';
import { fill, smallDisk } from './small-disk.ts';

const LIMIT = { timeout: 60_000 };

test('ENOSPC: stanzas that cannot be stored are returned, accepted ones are kept', LIMIT, async (t) => {
  const data = await smallDisk(t, 'size=4m');
  const { enjamb, romeo, benvolio, mercutio } = await site(t, { data });
  const letters = new Letters(romeo);
  await letters.send(20);
  const ballast = join(data, 'ballast');
  await fill(ballast);
  await letters.send(100);
  await says(romeo, [benvolio, BENVOLIO], 'who is here hears me');
  await rm(ballast);
  await letters.send(20);
  assert.ok(letters.returned.length > 0, 'something did not fit');
  assert.deepEqual(letters.conditions, ['resource-constraint', 'text']);
  assert.deepEqual(
    letters.returned.filter((number) => number < 20 || number >= 120),
    [],
    'with room on the disk, nothing comes back',
  );
  await enjamb.kill9();
  await enjamb.start();
  await letters.assertDelivered(mercutio);
  await enjamb.stop();
});

test('EROFS: the server does not start, and prints why', LIMIT, async (t) => {
  const data = await smallDisk(t, 'size=1m,ro');
  const top = await temporaryFolder(t);
  const file = join(top, 'enjamb.toml');
  await writeFile(
    file,
    `data_path = ${JSON.stringify(data)}\nc2s_ports = []\ns2s_ports = []\n[hosts."${HOME}"]\n`,
  );
  const { code, stderr } = await run(process.execPath, ['bin/enjamb.js', 'start', '-c', file]);
  assert.equal(code, 1);
  const where = join(data, 'admin.sock');
  const why = 'the file system is mounted read-only';
  assert.equal(stderr, `enjamb: cannot create the admin socket ${where}: ${why}\n`);
});

test(
  'EMFILE: connected clients continue, and new ones connect when descriptors are free',
  LIMIT,
  async (t) => {
    const { enjamb, romeo, benvolio, mercutio } = await site(t, { descriptors: 70 });
    const strangers = await crowd(t, 120);
    await says(romeo, [benvolio, BENVOLIO], 'so many people');
    await says(benvolio, [romeo, ROMEO], 'I can hear you');
    for (const stranger of strangers) stranger.destroy();
    await pause(500);
    await mercutio.login(homeLogin('mercutio'));
    await says(romeo, [mercutio, MERCUTIO], 'welcome');
    await enjamb.stop();
  },
);

/** Opens connections that send nothing. The server may close some immediately. */
async function crowd(t: TestContext, count: number): Promise<Socket[]> {
  const sockets = Array.from({ length: count }, () => {
    const socket = connect({ host: ENJAMB.address, port: ENJAMB.c2s });
    socket.on('error', () => {});
    atEnd(t, () => socket.destroy());
    return socket;
  });
  await pause(1_000);
  return sockets;
}
