// A blocked room on another server, and a server that joins rooms again for its clients.

import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { HOST } from '../../support/module-harness.ts';
import { HALL, ROMEO, type Stage, stage } from '../muc_autorejoin/stage.ts';

const NS = `xmlns='urn:xmpp:blocking'`;

async function scene(t: TestContext, config = ''): Promise<Stage> {
  const made = await stage(t, { config });
  await made.h.host.createUser('romeo', 'secret');
  await made.h.command('module load', { name: 'blocklist', host: HOST });
  made.romeo.heard();
  made.joined();
  return made;
}

async function block({ romeo }: Stage, jid: string): Promise<void> {
  romeo.says(`<iq type='set' id='b'><block ${NS}><item jid='${jid}'/></block></iq>`);
  await new Promise(setImmediate); // It is stored.
}

for (const [mode, config] of [
  ['silent', ''],
  ['assisted', 'muc_autorejoin = "assisted"'],
] as const) {
  describe(`B16, ${mode} joins: a blocked room`, () => {
    test('is left, and not joined again after a loss', async (t) => {
      const made = await scene(t, config);
      await block(made, HALL);
      made.passes(1);
      const leaves = made.service.peer.received.filter(({ attrs }) => attrs.type === 'unavailable');
      assert.deepEqual(
        leaves.map(({ attrs }) => [attrs.from, attrs.to]),
        [[ROMEO, `${HALL}/Romeo`]],
      );
      assert.deepEqual((await made.h.command('joins')).rows, []);
      assert.deepEqual(made.seen(), ['iq room', 'presence Romeo unavailable 110']);
      made.loses();
      made.cut();
      made.passes(1_000);
      assert.deepEqual(made.joined(), []);
      assert.deepEqual(made.seen(), []);
    });

    test('is not joined if it is blocked during the outage', async (t) => {
      const made = await scene(t, config);
      made.loses();
      made.service.peer.reachable = false;
      made.service.peer.cut();
      made.passes(20);
      await block(made, 'capulet.lit');
      made.service.peer.reachable = true;
      made.passes(1_000);
      assert.deepEqual(made.joined(), []);
    });

    test('is not joined if the client came in while this module was not loaded', async (t) => {
      const made = await scene(t, config);
      await block(made, HALL);
      await made.h.command('module unload', { name: 'blocklist', host: HOST });
      made.romeo.joins(`${HALL}/Romeo`);
      made.passes(10);
      await made.h.command('module load', { name: 'blocklist', host: HOST });
      made.joined();
      made.seen();
      made.loses();
      made.cut();
      made.passes(1_000);
      assert.deepEqual(made.joined(), []);
      assert.deepEqual(made.seen(), ['presence Romeo unavailable 110 333 330']);
    });
  });
}

test('B16, assisted joins: a room that is blocked after the notice is not joined', async (t) => {
  const made = await scene(t, 'muc_autorejoin = "assisted"');
  made.loses();
  made.cut();
  for (let second = 0; second < 200 && made.romeo.notices.length === 0; second++) made.passes(1);
  assert.equal(made.romeo.notices.length, 1);
  await block(made, HALL);
  made.passes(1_000);
  assert.deepEqual(made.joined(), []);
});

test('B16: a leave that is lost is sent again, although the room is blocked', async (t) => {
  const made = await scene(t);
  made.service.peer.reachable = false;
  made.service.peer.cut();
  await block(made, HALL);
  made.passes(60);
  made.service.peer.received.length = 0;
  made.service.peer.reachable = true;
  made.passes(600);
  const leaves = made.service.peer.received.filter(({ attrs }) => attrs.type === 'unavailable');
  assert.equal(leaves.length, 1);
  assert.deepEqual(made.joined(), []);
});

test('B14: an answer to a join that was under way at the block does not make a join', async (t) => {
  const made = await scene(t);
  const room = 'garden@rooms.capulet.lit';
  made.romeo.says(`<presence to='${room}/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  await block(made, room);
  made.passes(10);
  const { rows = [] } = await made.h.command('joins');
  assert.deepEqual(
    rows.map((row) => row.room),
    [HALL],
  );
});
