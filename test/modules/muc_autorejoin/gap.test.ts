// The messages that a client has missed.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Element } from '../../../src/xml/element.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { drop, restart } from '../../support/fake-rooms/faults.ts';
import { HALL, JULIET, ROMEO, type Stage, type StageOptions, stage } from './stage.ts';

const ARCHIVE: StageOptions = { behaviour: { archive: 'works', historyLimit: 0 } };

/** Romeo is dropped, and this is said before he is in again. */
function misses(made: Stage, count: number, from = 0): void {
  drop(made.room, ROMEO, { isTold: false });
  made.service.peer.reachable = false;
  made.service.peer.cut();
  for (let i = from; i < from + count; i++) made.say(i % 2 ? 'Alice' : 'Bob', `${i}`);
}

const bodies = (stanzas: readonly Element[]) =>
  stanzas.map((stanza) => stanza.getChildText('body')).filter((body) => body !== undefined);

function numbers(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, i) => `${from + i}`);
}

/** The queries that reached archives, as the room was asked. */
function queries(made: Stage): string[] {
  const found = made.service.peer.received.map((stanza) => stanza.getChild('query', NS.MAM));
  return found.filter((query) => query !== undefined).map((query) => `${query.getChild('set', NS.RSM)}`);
}

async function metric(made: Stage, name: string): Promise<number> {
  const { text = '' } = await made.h.command('metrics');
  const lines = text.split('\n').filter((line) => line.startsWith(`enjamb_muc_autorejoin_${name}`));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

async function talked(t: Parameters<typeof stage>[0], options: StageOptions): Promise<Stage> {
  const made = await stage(t, options);
  made.say('Alice', 'before');
  made.passes(20);
  made.romeo.heard();
  made.service.peer.received.length = 0;
  return made;
}

describe('missed messages, from the history alone', () => {
  for (const ids of [true, false]) {
    test(`what follows the last message heard, once, in order${ids ? '' : '; the ids of the room are new'}`, async (t) => {
      const made = await talked(t, {
        behaviour: { archive: 'works' },
        config: 'muc_autorejoin_archive = false',
      });
      misses(made, 10);
      if (!ids) made.room.archive.renewIds();
      made.cut();
      made.passes(10);
      assert.deepEqual(bodies(made.romeo.heard()), numbers(10));
      assert.equal(await metric(made, 'open_gaps'), 0);
      assert.deepEqual(queries(made), []);
    });
  }

  test('neither overlap nor archive: everything is given, and the gap counts as open', async (t) => {
    const made = await talked(t, { behaviour: { historyLimit: 20 } });
    misses(made, 30);
    made.cut();
    made.passes(10);
    assert.deepEqual(bodies(made.romeo.heard()), numbers(20, 10));
    assert.equal(await metric(made, 'open_gaps'), 1);
  });

  test('a client that counts its messages from 1 again after a login: its first one is not taken for the old one', async (t) => {
    const made = await talked(t, { behaviour: { historyFilter: 'ignored' } });
    const alice = made.people.get('Alice')!;
    alice.say(HALL, 'old', '1');
    made.passes(1);
    made.romeo.heard();
    drop(made.room, ROMEO, { isTold: false });
    made.service.peer.reachable = false;
    made.service.peer.cut();
    alice.say(HALL, 'new', '1');
    made.cut();
    made.passes(10);
    assert.deepEqual(bodies(made.romeo.heard()), ['new']);
  });

  test('clocks do not count', async (t) => {
    for (const minutes of [-10, 10]) {
      const made = await talked(t, {
        behaviour: { clockSkewMs: minutes * 60_000, historyFilter: 'ignored' },
      });
      misses(made, 5);
      made.cut();
      made.passes(10);
      assert.deepEqual(bodies(made.romeo.heard()), numbers(5));
      await made.h.server.stop();
    }
  });
});

describe('missed messages, from the archive', () => {
  test('one query, after the last message heard', async (t) => {
    const made = await talked(t, ARCHIVE);
    misses(made, 10);
    made.cut();
    made.passes(10);
    assert.deepEqual(bodies(made.romeo.heard()), numbers(10));
    const [query, ...others] = queries(made);
    assert.match(query ?? '', /<max>100<\/max><after>[^<]+<\/after>/);
    assert.deepEqual(others, []);
    assert.equal(await metric(made, 'open_gaps'), 0);
  });

  test('each message is as the room would have sent it', async (t) => {
    const made = await talked(t, ARCHIVE);
    misses(made, 1);
    made.cut();
    made.passes(10);
    const [message] = made.romeo.heard();
    assert.equal(message?.attrs.from, `${HALL}/Bob`);
    assert.equal(message?.attrs.to, ROMEO);
    assert.equal(message?.attrs.type, 'groupchat');
    assert.equal(message?.getChild('delay', NS.DELAY)?.attrs.from, HALL);
    assert.equal(message?.getChild('stanza-id', NS.STANZA_ID)?.attrs.by, HALL);
    assert.equal(message?.getChildren('stanza-id', NS.STANZA_ID).length, 1);
    assert.equal(message?.getChild('x', NS.MUC_USER), undefined);
  });

  test('several of ours: one query for all', async (t) => {
    const made = await talked(t, ARCHIVE);
    const juliet = made.client(JULIET, 'Juliet');
    made.service.peer.received.length = 0;
    made.romeo.heard();
    drop(made.room, JULIET, { isTold: false });
    misses(made, 10);
    made.cut();
    made.passes(10);
    for (const client of [made.romeo, juliet]) assert.deepEqual(bodies(client.heard()), numbers(10));
    assert.equal(queries(made).length, 1);
  });

  test('more than a page: backward from the newest, until the pages meet', async (t) => {
    const made = await talked(t, { behaviour: { archive: 'works', historyLimit: 0, archivePageLimit: 50 } });
    misses(made, 230);
    made.cut();
    made.passes(10);
    assert.deepEqual(bodies(made.romeo.heard()), numbers(230));
    assert.ok(queries(made).length <= 6);
    assert.equal(await metric(made, 'open_gaps'), 0);
  });

  test('at most ten pages: the newest are given, and the gap counts as open', async (t) => {
    const made = await talked(t, { behaviour: { archive: 'works', historyLimit: 0, archivePageLimit: 50 } });
    misses(made, 600);
    made.cut();
    made.passes(10);
    assert.equal(queries(made).length, 10);
    assert.deepEqual(bodies(made.romeo.heard()), numbers(450, 150));
    assert.equal(await metric(made, 'open_gaps'), 1);
    assert.equal(await metric(made, 'held_bytes'), 0);
  });

  test('the archive does not know the message any more: backward', async (t) => {
    const made = await talked(t, { behaviour: { archive: 'works', historyLimit: 0, archiveCapacity: 5 } });
    misses(made, 10);
    made.cut();
    made.passes(10);
    assert.deepEqual(bodies(made.romeo.heard()), numbers(5, 5));
  });

  test('new ids after a restart: the ids of the senders still match', async (t) => {
    const made = await talked(t, ARCHIVE);
    misses(made, 10);
    restart(made.service, { keeps: 'rooms', renewsStanzaIds: true });
    made.cut();
    made.passes(10);
    assert.deepEqual(bodies(made.romeo.heard()), numbers(10));
  });

  test('an archive that answers too late: the client sees no answer to a request that it has not sent', async (t) => {
    const made = await talked(t, { behaviour: { archive: 'works', historyLimit: 20 } });
    made.service.behaviour.archiveDelayMs = 15_000;
    misses(made, 3);
    made.cut();
    made.passes(40);
    const stanzas = made.romeo.heard();
    assert.deepEqual(bodies(stanzas), numbers(3));
    assert.deepEqual(
      stanzas.filter(({ name }) => name === 'iq'),
      [],
    );
  });

  for (const archive of ['fails', 'forbidden', 'silent'] as const) {
    test(`an archive that ${archive === 'fails' ? archive : `is ${archive}`}: the history alone, and nobody waits long`, async (t) => {
      const made = await talked(t, { behaviour: { archive: 'works', historyLimit: 20 } });
      made.service.behaviour.archive = archive;
      misses(made, 3);
      made.cut();
      made.passes(18);
      assert.deepEqual(bodies(made.romeo.heard()), numbers(3));
      made.assertAlive();
    });
  }

  test('what comes live while the archive is read follows what was missed', async (t) => {
    const made = await talked(t, {
      behaviour: { archive: 'works', historyLimit: 20, archiveDelayMs: 4_000 },
    });
    misses(made, 3);
    made.cut();
    made.passes(3);
    for (let i = 0; i < 100 && made.room.occupants.of(ROMEO) === undefined; i++) made.passes(0.05);
    made.passes(1);
    made.say('Alice', '3');
    made.passes(1);
    assert.deepEqual(bodies(made.romeo.heard()), []);
    made.passes(10);
    assert.deepEqual(bodies(made.romeo.heard()), numbers(4));
  });

  test('a client that joined before anything was said gets what was said since', async (t) => {
    const made = await stage(t, ARCHIVE);
    made.passes(20);
    made.romeo.heard();
    misses(made, 3);
    made.cut();
    made.passes(10);
    assert.deepEqual(bodies(made.romeo.heard()), numbers(3));
  });

  test('a client that was lost before the archive told its last message gets what was said since it joined', async (t) => {
    const made = await stage(t, { behaviour: { archive: 'works' } });
    made.romeo.says(`<presence type='unavailable' to='${HALL}/Romeo'/>`);
    made.passes(1);
    made.romeo.joins(`${HALL}/Romeo`);
    made.passes(1);
    drop(made.room, ROMEO, { isTold: false });
    made.say('Alice', 'one');
    made.passes(10); // Now the server knows the end of the archive: the first message.
    for (const text of ['two', 'three']) made.say('Alice', text);
    made.romeo.heard();
    made.cut();
    made.passes(10);
    assert.deepEqual(
      made.seen().filter((line) => line.startsWith('message')),
      ['one', 'two', 'three'].map((text) => `message Alice delayed ${text}`),
    );
  });

  test('a sleeping client gets the newest 200 of a room', async (t) => {
    const made = await talked(t, { behaviour: { archive: 'works', historyLimit: 0, archivePageLimit: 100 } });
    made.romeo.sleep();
    misses(made, 300);
    made.cut();
    made.passes(10);
    assert.deepEqual(bodies(made.romeo.heard()), numbers(200, 100));
  });
});
