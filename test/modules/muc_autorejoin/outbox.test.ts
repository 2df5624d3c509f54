// What a client writes while its room is lost.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { StanzaError } from '../../../src/xml/errors.ts';
import { drop } from '../../support/fake-rooms/faults.ts';
import { HOST } from '../../support/module-harness.ts';
import { HALL, ROMEO, type Stage, stage } from './stage.ts';

function writes(made: Stage, text: string, id = `id ${text}`): void {
  made.romeo.says(`<message type='groupchat' id='${id}' to='${HALL}'><body>${text}</body></message>`);
}

/** What the room has heard of romeo. */
function watch(made: Stage): string[] {
  const heard: string[] = [];
  made.service.onSpoken = (_room, spoken) => {
    if (spoken.nick === 'Romeo') heard.push(spoken.body ?? '');
  };
  return heard;
}

const own = (made: Stage) => made.seen().filter((line) => line.startsWith('message'));

describe('own messages', () => {
  test('written before anybody knows of the loss: sent again, in order, and no error', async (t) => {
    const made = await stage(t);
    const heard = watch(made);
    drop(made.room, ROMEO, { isTold: false });
    for (const text of ['1', '2', '3', '4', '5']) writes(made, text);
    made.passes(10);
    assert.deepEqual(heard, ['1', '2', '3', '4', '5']);
    assert.deepEqual(
      own(made),
      ['1', '2', '3', '4', '5'].map((text) => `message Romeo ${text}`),
    );
  });

  test('written while the server joins: sent once it is in', async (t) => {
    const made = await stage(t);
    const heard = watch(made);
    made.service.behaviour.joinDelayMs = 3_000;
    drop(made.room, ROMEO, { codes: ['333'] });
    made.passes(1);
    for (const text of ['1', '2', '3']) writes(made, text);
    made.passes(1);
    assert.deepEqual(heard, []);
    made.passes(5);
    assert.deepEqual(heard, ['1', '2', '3']);
    assert.deepEqual(
      own(made),
      ['1', '2', '3'].map((text) => `message Romeo ${text}`),
    );
  });

  test('the same message again, with the same id, is not sent twice', async (t) => {
    const made = await stage(t);
    const heard = watch(made);
    drop(made.room, ROMEO, { isTold: false });
    writes(made, 'once', 'x');
    writes(made, 'once', 'x');
    made.passes(10);
    assert.deepEqual(heard, ['once']);
    assert.deepEqual(own(made), ['message Romeo once']);
  });

  test('refused a second time: the error passes', async (t) => {
    const made = await stage(t);
    drop(made.room, ROMEO, { isTold: false });
    writes(made, 'hello');
    const take = made.service.peer.onStanza;
    let refusals = 0;
    made.service.peer.onStanza = (stanza) => {
      if (stanza.name !== 'message' || refusals === 2) return take(stanza);
      refusals++;
      made.service.peer.says(
        `<message type='error' id='${stanza.attrs.id}' from='${HALL}' to='${ROMEO}'><error type='modify'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`,
      );
    };
    made.passes(10);
    assert.equal(refusals, 2);
    assert.deepEqual(own(made), ['message room not-acceptable']);
  });

  test('refused although the client is in: the error passes', async (t) => {
    const made = await stage(t);
    const take = made.service.peer.onStanza;
    made.service.peer.onStanza = (stanza) => {
      if (stanza.name !== 'message') return take(stanza);
      made.service.peer.says(
        `<message type='error' id='${stanza.attrs.id}' from='${HALL}' to='${ROMEO}'><error type='modify'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`,
      );
    };
    writes(made, 'hello');
    made.passes(31);
    assert.deepEqual(own(made), ['message room not-acceptable']);
    assert.deepEqual(made.joined(), []);
  });

  test('the room had it, and the reflection was lost: found in what was missed', async (t) => {
    const made = await stage(t, { behaviour: { archive: 'works' } });
    made.say('Alice', 'before');
    made.passes(20);
    made.romeo.heard();
    const heard = watch(made);
    writes(made, 'hello');
    made.passes(0.03);
    made.service.peer.cut();
    made.loses();
    made.passes(10);
    assert.deepEqual(heard, ['hello']);
    assert.deepEqual(own(made), ['message Romeo delayed hello']);
  });

  test('nobody can know whether the room had it: an error', async (t) => {
    const made = await stage(t, { behaviour: { historyLimit: 0 } });
    made.say('Alice', 'before');
    made.passes(1);
    made.romeo.heard();
    writes(made, 'hello');
    made.passes(0.03);
    made.service.peer.cut();
    made.loses();
    made.passes(10);
    assert.deepEqual(own(made), ['message room remote-server-timeout']);
  });

  test('the archive is complete, but perhaps that of a room made anew: an error, and nothing is said twice', async (t) => {
    const behaviour = { archive: 'works', locksNewRooms: false } as const;
    const made = await stage(t, { behaviour, room: { persistent: false } });
    made.passes(20); // The archive was empty before.
    const heard = watch(made);
    writes(made, 'hello');
    made.passes(0.03);
    made.service.peer.cut();
    made.loses();
    made.passes(10);
    assert.deepEqual(heard, ['hello']);
    assert.deepEqual(own(made), ['message room remote-server-timeout']);
  });

  test('nobody can know whether the room had what was sent again: an error', async (t) => {
    const made = await stage(t);
    const heard = watch(made);
    drop(made.room, ROMEO, { isTold: false });
    writes(made, 'hello');
    const take = made.service.peer.onStanza;
    made.service.peer.onStanza = (stanza) => {
      take(stanza);
      if (heard.length === 0) return;
      made.service.peer.onStanza = take;
      made.loses({ keepsHistory: false });
      made.service.peer.cut();
    };
    made.passes(60);
    assert.deepEqual(heard, ['hello']);
    assert.deepEqual(own(made), ['message room remote-server-timeout']);
  });

  test('what our own side could not send comes back, and is not sent again', async (t) => {
    const made = await stage(t);
    const heard = watch(made);
    made.service.peer.reachable = false;
    made.service.peer.cut();
    writes(made, 'hello');
    made.passes(1);
    assert.deepEqual(own(made), ['message room remote-server-timeout']);
    made.loses();
    made.service.peer.reachable = true;
    made.passes(30);
    assert.deepEqual(heard, []);
  });

  test('a room that refuses for more than five minutes: the error', async (t) => {
    const made = await stage(t);
    const heard = watch(made);
    made.service.behaviour.refuseJoin = ({ attrs }) =>
      attrs.from === ROMEO ? new StanzaError('resource-constraint', { type: 'wait' }) : undefined;
    drop(made.room, ROMEO, { codes: ['333'] });
    made.passes(2);
    writes(made, 'hello');
    made.passes(290);
    assert.deepEqual(own(made), []);
    made.passes(30);
    assert.deepEqual(own(made), ['message room remote-server-timeout']);
    made.service.behaviour.refuseJoin = () => undefined;
    made.passes(600);
    assert.deepEqual(heard, []);
  });

  test('the notice comes first, then the errors of what was not sent', async (t) => {
    const made = await stage(t);
    made.service.behaviour.refuseJoin = ({ attrs }) =>
      attrs.from === ROMEO ? new StanzaError('forbidden') : undefined;
    drop(made.room, ROMEO, { isTold: false });
    writes(made, 'hello');
    made.passes(10);
    assert.deepEqual(made.seen(), ['presence Romeo unavailable 110 333 330', 'message room not-acceptable']);
  });

  test('bounds: 20 messages and 64 KiB are kept for a place; more are sent as they are', async (t) => {
    for (const [count, text] of [
      [21, 'x'],
      [3, 'x'.repeat(30_000)],
    ] as const) {
      const made = await stage(t);
      drop(made.room, ROMEO, { isTold: false });
      for (let i = 0; i < count; i++) writes(made, text, `id${i}`);
      made.passes(40);
      const errors = own(made).filter((line) => line.includes('not-acceptable'));
      assert.equal(errors.length, 1);
      await made.h.server.stop();
    }
  });

  test('what waits survives a reload; nothing else waits for it then', async (t) => {
    const made = await stage(t);
    const heard = watch(made);
    made.service.behaviour.joinDelayMs = 3_000;
    drop(made.room, ROMEO, { codes: ['333'] });
    made.passes(1);
    writes(made, 'hello');
    await made.h.command('module reload', { name: 'muc_autorejoin', host: HOST });
    const { work } = made.h.server.router; // The client's stanzas count as handled when it is done (XEP-0198).
    assert.equal(await Promise.race([work.idle(), setTimeout(5_000, 'waits')]), undefined);
    made.passes(40);
    assert.deepEqual(heard, ['hello']);
  });
});
