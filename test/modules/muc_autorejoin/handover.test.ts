// The module is reloaded or unloaded, or its mode is changed, while the server joins for clients.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { drop } from '../../support/fake-rooms/faults.ts';
import { configWith, HOST } from '../../support/module-harness.ts';
import { out, place, STATES } from './out.ts';
import { HALL, ROMEO, type Stage, stage } from './stage.ts';

/** Notices do not wait for the delay. */
const FAST = 'ping_muc_fast = true';

const ENDS: readonly [string, (made: Stage) => Promise<unknown>][] = [
  [
    'the module is unloaded',
    (made) => made.h.command('module unload', { name: 'muc_autorejoin', host: HOST }),
  ],
  ['the mode is "off" now', (made) => changeMode(made, 'off')],
  ['the mode is "assisted" now', (made) => changeMode(made, 'assisted')],
];

async function changeMode({ h }: Stage, mode: string): Promise<void> {
  const config = `muc_autorejoin = "${mode}"\nping_muc_silence = 0\n${FAST}`;
  await h.server.reload(await configWith(config));
}

const writes = ({ romeo }: Stage, text: string) =>
  romeo.says(`<message type='groupchat' id='${text}' to='${HALL}'><body>${text}</body></message>`);

for (const state of STATES) {
  describe(`the module ends or begins again while a client is ${state}`, () => {
    test('reload: what was held is dropped, and comes again; no notice', async (t) => {
      const { made, ends } = await out(t, state, FAST);
      made.say('Alice', 'meanwhile');
      await made.h.command('module reload', { name: 'muc_autorejoin', host: HOST });
      ends();
      made.passes(100);
      assert.deepEqual(made.seen(), ['message Alice delayed meanwhile']);
      assert.equal(place(made)?.state, 'in');
      made.assertAlive();
    });

    for (const [title, end] of ENDS) {
      test(`${title}: a notice after ten seconds, and the client is out of the room`, async (t) => {
        const { made, ends } = await out(t, state, FAST);
        await end(made);
        made.passes(5);
        ends();
        made.passes(4);
        assert.equal(made.romeo.notices.length, 0);
        made.passes(2);
        assert.equal(made.seen().at(-1), 'presence Romeo unavailable 110 333 330');
        made.passes(10);
        assert.equal(made.room.occupants.of(ROMEO), undefined);
        assert.deepEqual(made.seen(), []);
      });
    }

    test('unloaded, and the client joins within ten seconds: no notice', async (t) => {
      const { made, ends } = await out(t, state, FAST);
      await ENDS[0]![1](made);
      ends();
      made.romeo.joins(`${HALL}/Romeo`);
      made.passes(60);
      assert.equal(made.romeo.notices.length, 0);
      made.assertAlive();
    });
  });
}

describe('the module ends while a client is in', () => {
  for (const [title, end] of ENDS) {
    test(`${title}: later losses are told`, async (t) => {
      const made = await stage(t, { config: FAST });
      await end(made);
      made.loses();
      made.cut();
      made.passes(200);
      assert.equal(made.romeo.notices.length, 1);
      assert.equal(made.joins.length, title.includes('assisted') ? 1 : 0);
    });

    test(`${title}: a message that waits comes back as an error`, async (t) => {
      const made = await stage(t, { config: FAST });
      made.service.behaviour.joinDelayMs = 1e9;
      drop(made.room, ROMEO, { codes: ['333'] });
      made.passes(1);
      writes(made, 'hello');
      await end(made);
      made.passes(11);
      assert.ok(made.seen().includes('message room remote-server-timeout'));
    });

    test(`${title}: people who are absent leave`, async (t) => {
      const made = await stage(t, { config: FAST });
      made.loses({ people: ['Alice'] });
      made.cut();
      made.passes(5);
      await end(made);
      made.passes(11);
      assert.deepEqual(made.seen(), ['presence Bob unavailable']);
    });
  }

  test('silent again after another mode: losses are told until the client has joined again', async (t) => {
    const made = await stage(t, { config: FAST });
    await changeMode(made, 'assisted');
    made.leaves('Bob'); // Nobody has noted this.
    await changeMode(made, 'silent');
    drop(made.room, ROMEO, { isTold: false });
    made.cut();
    made.passes(200);
    assert.equal(made.romeo.notices.length, 1);
    made.romeo.joins(`${HALL}/Romeo`);
    made.passes(10);
    made.romeo.heard();
    drop(made.room, ROMEO, { isTold: false });
    made.cut();
    made.passes(10);
    assert.deepEqual(made.seen(), []);
    made.assertAlive();
  });
});
