// Messages that were lost with a connection, in rooms that have kept the client.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { S2SCloseCause } from '../../../src/api/session.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { drop, floodPeople } from '../../support/fake-rooms/faults.ts';
import { JULIET, ROMEO, type Stage, type StageOptions, stage } from './stage.ts';

async function talked(t: Parameters<typeof stage>[0], options: StageOptions = {}): Promise<Stage> {
  const behaviour = { archive: 'works', historyLimit: 0, ...options.behaviour } as const;
  const made = await stage(t, { config: 'muc_autorejoin_holes = true', ...options, behaviour });
  made.say('Alice', 'before');
  made.passes(20);
  made.romeo.heard();
  made.service.peer.received.length = 0;
  return made;
}

/** The service sends this, and it is lost with the connection. The room keeps its occupants. */
function loses(made: Stage, task: () => void, clients: readonly string[] = [ROMEO]): void {
  const { service } = made;
  const { deliver } = service;
  service.deliver = (stanza) => {
    if (!clients.includes(stanza.attrs.to ?? '')) deliver.call(service, stanza);
  };
  task();
  service.deliver = deliver;
}

function cut({ service, h }: Stage, cause: S2SCloseCause = 'reset'): void {
  service.peer.reachable = false;
  service.peer.cut(cause);
  h.clock.seconds(3);
  service.peer.reachable = true;
}

function queries({ service }: Stage): number {
  return service.peer.received.filter((stanza) => stanza.getChild('query', NS.MAM)).length;
}

const three = (made: Stage) => () => {
  for (const text of ['one', 'two', 'three']) made.say('Bob', text);
};
const THREE = ['one', 'two', 'three'].map((text) => `message Bob delayed ${text}`);

describe('a room that has kept the client when the connection broke', () => {
  for (const cause of ['reset', 'timeout'] as const) {
    test(`${cause}: one question to its archive; the lost messages are given once, in order`, async (t) => {
      const made = await talked(t);
      loses(made, three(made));
      cut(made, cause);
      made.passes(20);
      assert.deepEqual(made.seen(), THREE);
      assert.equal(made.joins.length, 1);
      made.assertAlive();
    });
  }

  test('one join for each client shows who has come and gone', async (t) => {
    const made = await talked(t);
    loses(made, () => {
      made.leaves('Bob');
      made.comes('Carol');
      made.say('Carol', 'hello');
    });
    cut(made);
    made.passes(20);
    assert.deepEqual(made.seen(), ['message Carol delayed hello', 'presence Carol']);
    made.passes(60);
    assert.deepEqual(made.seen(), ['presence Bob unavailable']);
    assert.equal(made.joins.length, 1);
  });

  test('several of ours: each is given what it has not been sent', async (t) => {
    const made = await talked(t);
    const juliet = made.client(JULIET, 'Juliet');
    made.passes(10);
    juliet.heard();
    loses(made, () => made.say('Bob', 'one'));
    made.passes(1);
    loses(made, () => made.say('Bob', 'two'), [ROMEO, JULIET]);
    made.romeo.heard();
    juliet.heard();
    made.service.peer.received.length = 0;
    const { joins } = made;
    cut(made);
    made.passes(24);
    assert.equal(queries(made), 2, 'one for all, and one of the first join');
    const messages = (client = made.romeo) => made.seen(client).filter((line) => line.startsWith('message'));
    assert.deepEqual(messages(), ['message Bob delayed one', 'message Bob delayed two']);
    assert.deepEqual(messages(juliet), ['message Bob delayed two']);
    assert.equal(made.joins.length - joins.length, 2);
  });

  test('what is said live, before the archive has answered, is not given again', async (t) => {
    const made = await talked(t, { behaviour: { archiveDelayMs: 3_000 } });
    loses(made, three(made));
    cut(made);
    made.passes(3);
    made.say('Alice', 'live');
    made.passes(20);
    assert.deepEqual(made.seen(), ['message Alice live', ...THREE]);
  });

  test('nothing was lost: one question, no join, and the client sees nothing', async (t) => {
    const made = await talked(t);
    cut(made);
    made.passes(20);
    assert.equal(queries(made), 1);
    assert.equal(made.joins.length, 0);
    assert.deepEqual(made.seen(), []);
  });

  test('another client that the room has lost: each is given what it has missed', async (t) => {
    const made = await talked(t);
    const juliet = made.client(JULIET, 'Juliet');
    made.passes(10);
    drop(made.room, JULIET, { isTold: false });
    loses(made, three(made));
    made.romeo.heard();
    juliet.heard();
    cut(made);
    made.passes(30);
    const bodies = (client = made.romeo) => made.seen(client).filter((line) => line.includes('message'));
    assert.deepEqual(bodies(), THREE);
    assert.deepEqual(bodies(juliet), THREE);
  });

  test('more than 500 people: the messages are given, and nobody joins', async (t) => {
    const made = await talked(t);
    floodPeople(made.room, ROMEO, 500);
    made.passes(1);
    made.romeo.heard();
    loses(made, three(made));
    cut(made);
    made.passes(20);
    assert.deepEqual(made.seen(), THREE);
    assert.equal(made.joins.length, 0);
  });

  test('more was said since than is remembered: nothing is given twice', async (t) => {
    const made = await talked(t, { behaviour: { archiveDelayMs: 3_000 } });
    loses(made, three(made));
    cut(made);
    made.passes(3);
    for (let i = 0; i < 33; i++) made.say('Alice', `live ${i}`);
    made.passes(20);
    assert.equal(made.seen().length, 33);
  });
});

describe('no room is asked', () => {
  test('after the orderly end of a stream', async (t) => {
    const made = await talked(t);
    loses(made, three(made));
    cut(made, 'clean');
    made.passes(60);
    assert.equal(queries(made), 0);
  });

  test('unless the option is set', async (t) => {
    const made = await talked(t, { config: '' });
    loses(made, three(made));
    cut(made);
    made.passes(60);
    assert.equal(queries(made), 0);
    assert.deepEqual(made.seen(), []);
  });

  test('without an archive', async (t) => {
    const made = await talked(t, { behaviour: { archive: 'none' } });
    loses(made, three(made));
    cut(made);
    made.passes(60);
    assert.equal(queries(made), 0);
  });
});
