// 9: what administrators see: `enjamb joins`, `joins outages`, `joins probe`, and metrics.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { StanzaError } from '../../../src/xml/errors.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { drop, restart } from '../../support/fake-rooms/faults.ts';
import { counted, sent } from './counts.ts';
import { HALL, JULIET, ROMEO, type Stage, stage } from './stage.ts';

const DOMAIN = 'rooms.capulet.lit';

async function rowsOf(
  { h }: Stage,
  command: string,
  args = {},
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  return (await h.command(command, args)).rows ?? [];
}

describe('joins', () => {
  test('lost, joining again, catching up: the state of a client that is being joined', async (t) => {
    const made = await stage(t, {
      behaviour: { archive: 'works', joinDelayMs: 4_000, archiveDelayMs: 4_000 },
    });
    made.passes(20);
    made.say('Alice', 'before');
    made.passes(10);
    const states: unknown[] = [];
    drop(made.room, ROMEO, { codes: ['333'] });
    for (let i = 0; i < 200; i++) {
      made.passes(0.1);
      const [row] = await rowsOf(made, 'joins', { who: ROMEO });
      if (states.at(-1) !== row?.state) states.push(row?.state);
    }
    assert.deepEqual(states, ['lost', 'joining again', 'catching up', 'joined']);
  });

  test('again and gap: how often it was joined, and how long the last loss took in seconds', async (t) => {
    const made = await stage(t);
    const before = await rowsOf(made, 'joins');
    assert.deepEqual([before[0]?.again, before[0]?.gap], [undefined, undefined]);
    for (let i = 0; i < 2; i++) {
      made.service.behaviour.joinDelayMs = i * 5_000;
      drop(made.room, ROMEO, { codes: ['333'] });
      made.passes(100);
    }
    const [row] = await rowsOf(made, 'joins');
    assert.equal(row?.again, 2);
    assert.ok(Number(row?.gap) >= 5 && Number(row?.gap) < 6, `${row?.gap} s`);
  });
});

describe('joins outages', () => {
  test('has the numbers of the questions, and of the joins that followed', async (t) => {
    const made = await stage(t);
    made.client(JULIET, 'Juliet');
    made.say('Alice', 'before');
    made.passes(20);
    for (const client of [ROMEO, JULIET]) drop(made.room, client, { isTold: false });
    made.comes('Carol');
    made.say('Alice', 'meanwhile');
    made.romeo.says(`<message type='groupchat' id='own' to='${HALL}'><body>mine</body></message>`);
    made.cut();
    made.passes(30);
    const rows = await rowsOf(made, 'joins outages', { domain: DOMAIN });
    assert.equal(rows.length, 1);
    const { began, seconds, slowest, ...fields } = rows[0]!;
    assert.ok(!Number.isNaN(Date.parse(String(began))) && Number(seconds) < 30);
    assert.ok(Number(slowest) > 0 && Number(slowest) < 10, `${slowest} s`);
    assert.deepEqual(fields, {
      remote: DOMAIN,
      cause: 'link-lost',
      entries: 2,
      proofs: 0,
      pings: 2,
      lost: 2,
      unknown: 0,
      unproven: 0,
      alive: 2,
      told: 0,
      joins: 2,
      people: 2,
      messages: 3,
      'left out': 0,
      resent: 1,
    });
    assert.deepEqual(await rowsOf(made, 'joins outages', { domain: 'verona.lit' }), []);
  });

  test('an outage without losses has no numbers of joins', async (t) => {
    const made = await stage(t);
    made.cut();
    made.passes(30);
    const [row] = await rowsOf(made, 'joins outages');
    assert.deepEqual([row?.lost, row?.pings, row?.alive, row?.slowest], [0, 1, undefined, undefined]);
  });

  test('the last 100 outages have the numbers of their own joins', async (t) => {
    const made = await stage(t);
    for (let i = 0; i < 102; i++) {
      if (i % 51 === 50) made.loses();
      made.cut();
      made.passes(1_000);
    }
    const rows = await rowsOf(made, 'joins outages');
    assert.equal(rows.length, 100);
    assert.deepEqual(
      rows.map(({ alive }, i) => [i, alive]).filter(([, alive]) => alive !== undefined),
      [
        [48, 1],
        [99, 1],
      ],
    );
  });
});

describe('joins probe', () => {
  test('joins again what it finds lost, and the client sees nothing', async (t) => {
    const made = await stage(t);
    drop(made.room, ROMEO, { isTold: false });
    made.passes(600);
    sent(made);
    const { text } = await made.h.command('joins probe', { domain: DOMAIN });
    assert.match(text ?? '', /1 join\b/);
    made.passes(10);
    assert.deepEqual(sent(made), { ping: 1, join: 1, info: 1 });
    assert.deepEqual(made.seen(), []);
    made.assertAlive();
  });

  test('assisted: the client is told, and joined when it does nothing', async (t) => {
    const made = await stage(t, { config: 'muc_autorejoin = "assisted"' });
    drop(made.room, ROMEO, { isTold: false });
    await made.h.command('joins probe', { domain: DOMAIN });
    made.passes(10);
    assert.equal(made.romeo.notices.length, 1);
    sent(made);
    made.passes(31);
    assert.equal(sent(made).join, 1);
  });
});

describe('metrics', () => {
  test('places by state', async (t) => {
    const made = await stage(t, { behaviour: { joinDelayMs: 4_000 } });
    const places = async (state: string) => {
      const { text = '' } = await made.h.command('metrics');
      const found = new RegExp(`muc_autorejoin_places\\{[^}]*state="${state}"[^}]*\\} (\\d+)`).exec(text);
      return Number(found?.[1]);
    };
    made.passes(20);
    drop(made.room, ROMEO, { codes: ['333'] });
    made.passes(0.1);
    assert.deepEqual([await places('lost'), await places('joining')], [1, 0]);
    made.passes(1);
    assert.deepEqual([await places('lost'), await places('joining')], [0, 1]);
    made.passes(20);
    assert.deepEqual([await places('lost'), await places('joining'), await places('catching-up')], [0, 0, 0]);
  });

  test('seconds until a client is up to date: since the link is up, or since the loss', async (t) => {
    const made = await stage(t);
    const sum = async () => {
      const { text = '' } = await made.h.command('metrics');
      return Number(/muc_autorejoin_seconds_sum(?:\{[^}]*\})? (\S+)/.exec(text)?.[1]);
    };
    made.loses();
    made.cut(600);
    made.passes(60);
    const first = await sum();
    assert.ok(first > 1 && first <= 5, `${first} s, not those of the outage`);
    made.passes(600);
    drop(made.room, ROMEO, { codes: ['333'] });
    made.passes(60);
    const second = (await sum()) - first;
    assert.ok(second > 0 && second < 1, `${second} s`);
  });

  const outcomes: [outcome: string, count: number, lose: (made: Stage) => void, config?: string][] = [
    ['forbidden', 1, (made) => refuses(made, 'forbidden')],
    ['conflict', 4, (made) => refuses(made, 'conflict')],
    [
      'timeout',
      3,
      (made) => {
        made.service.behaviour.joinDelayMs = 1e9;
      },
    ],
    [
      'patience',
      1,
      (made) => {
        made.service.behaviour.joinDelayMs = 1e9;
      },
      'muc_autorejoin_patience = "1 minute"',
    ],
    [
      'no payload',
      1,
      (made) => {
        const x = `<x xmlns='${NS.MUC}'><password>secret</password></x>`;
        made.romeo.says(`<presence to='${HALL}/Romeo'>${x}</presence>`);
        made.passes(1);
      },
    ],
    ['large', 1, () => {}, 'muc_autorejoin_max_occupants = 1'],
    ['room gone', 1, (made) => restart(made.service, { keeps: 'nothing' })],
  ];
  for (const [outcome, count, lose, config = ''] of outcomes) {
    test(`rejoins by outcome: ${outcome}`, async (t) => {
      const made = await stage(t, { config });
      made.passes(20);
      lose(made);
      if (outcome !== 'room gone') drop(made.room, ROMEO, { isTold: false });
      made.cut();
      made.passes(120);
      const counts = await counted(made);
      assert.equal(counts[`rejoins ${outcome}`], count, JSON.stringify(counts));
      assert.equal(counts['rejoins alive'], undefined);
    });
  }
});

function refuses({ service }: Stage, condition: 'forbidden' | 'conflict'): void {
  service.behaviour.refuseJoin = ({ attrs }) =>
    attrs.from === ROMEO ? new StanzaError(condition) : undefined;
}
