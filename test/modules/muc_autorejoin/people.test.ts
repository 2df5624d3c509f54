// What a client is shown of the people in a room after the server has joined for it.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { NS, xml } from '../../../src/xml/index.ts';
import { drop, restart } from '../../support/fake-rooms/faults.ts';
import { affiliate, giveRole } from '../../support/fake-rooms/moderation.ts';
import type { HarnessClient } from '../../support/module-harness.ts';
import { HALL, JULIET, ROMEO, type Stage, type StageOptions, stage } from './stage.ts';

interface Row {
  readonly what: string;
  readonly options?: StageOptions;
  /** While romeo is out. */
  readonly meanwhile: (made: Stage) => void;
  /** What romeo sees within 5 s, and what more within two minutes. */
  readonly sees: readonly string[];
  readonly later?: readonly string[];
}

const rows: Row[] = [
  { what: 'nothing has happened: nothing', meanwhile: () => {}, sees: [] },
  { what: 'somebody came: passed', meanwhile: (made) => void made.comes('Carol'), sees: ['presence Carol'] },
  {
    what: 'somebody left: shown after 60 s',
    meanwhile: (made) => made.leaves('Bob'),
    sees: [],
    later: ['presence Bob unavailable'],
  },
  {
    what: 'somebody has another show: passed',
    meanwhile: (made) => made.people.get('Bob')!.presence(HALL, [xml('show', {}, 'away')]),
    sees: ['presence Bob'],
  },
  {
    what: 'somebody has another nick: the new one now, the old one after 60 s',
    meanwhile: (made) => made.people.get('Bob')!.presence(HALL, [], 'Robert'),
    sees: ['presence Robert'],
    later: ['presence Bob unavailable'],
  },
  {
    what: 'somebody came and left: nothing',
    meanwhile: (made) => {
      made.comes('Carol');
      made.leaves('Carol');
    },
    sees: [],
  },
  {
    what: 'somebody left and came: nothing',
    meanwhile: (made) => {
      made.leaves('Bob');
      made.comes('Bob');
    },
    sees: [],
  },
  {
    what: 'somebody has another affiliation: passed',
    meanwhile: ({ room }) => affiliate(room, 'bob@capulet.lit', 'admin'),
    sees: ['presence Bob'],
  },
  {
    what: 'somebody has another role: passed',
    options: { room: { moderated: true } },
    meanwhile: ({ room }) => giveRole(room, 'Bob', 'participant'),
    sees: ['presence Bob'],
  },
  {
    what: 'the client has another affiliation: its self-presence, without id',
    meanwhile: ({ room }) => affiliate(room, 'romeo@montague.lit', 'member'),
    sees: ['presence Romeo 110'],
  },
  {
    what: 'codes 100 and 170 are shown once',
    options: { room: { nonAnonymous: true, logging: true } },
    meanwhile: () => {},
    sees: [],
  },
  {
    what: 'the room is logged now: 170 is shown',
    meanwhile: ({ room }) => void Object.assign(room.config, { logging: true }),
    sees: ['presence Romeo 170 110'],
  },
  {
    what: 'the subject has changed: shown',
    meanwhile: (made) => made.people.get('Alice')!.subject(HALL, 'the wedding'),
    sees: ['message Alice subject "the wedding"'],
  },
  {
    what: 'another nick than asked: 303, then the self-presence',
    meanwhile: ({ service }) => {
      service.behaviour.assignNick = (nick) => (nick === 'Romeo' ? 'Montague' : nick);
    },
    sees: ['presence Romeo unavailable 303 110', 'presence Montague 110'],
  },
  {
    what: 'the room was made anew, with other occupant ids: all leave and come',
    options: { behaviour: { occupantIds: true } },
    meanwhile: ({ service }) => service.renewOccupantIds(),
    sees: [
      'presence Alice unavailable',
      'presence Bob unavailable',
      'presence Bob unavailable', // With the id that romeo had: see the next test.
      'presence Alice',
      'presence Bob',
      'presence Romeo 110',
    ],
  },
];

describe('after a silent join the client sees', () => {
  for (const { what, options, meanwhile, sees, later = [] } of rows) {
    test(what, async (t) => {
      const made = await stage(t, options);
      drop(made.room, ROMEO, { isTold: false });
      made.service.peer.reachable = false;
      made.service.peer.cut();
      meanwhile(made);
      if (what.includes('occupant ids')) {
        restart(made.service, { keeps: 'rooms' });
        for (const nick of ['Alice', 'Bob']) made.comes(nick);
      }
      made.cut();
      made.passes(5);
      const codes = (line: string) => line.split(' ').sort().join(' ');
      assert.deepEqual(made.seen().map(codes), sees.map(codes));
      made.passes(120);
      assert.deepEqual(made.seen(), later);
      assert.equal(made.joined().length, 1);
    });
  }

  test('what others of ours saw meanwhile, too: compared is what each client was sent', async (t) => {
    const made = await stage(t);
    const juliet = made.client(JULIET, 'Juliet');
    made.passes(1);
    made.romeo.heard();
    drop(made.room, ROMEO, { isTold: false });
    made.comes('Carol');
    made.leaves('Bob');
    made.people.get('Alice')!.presence(HALL, [xml('show', {}, 'away')]);
    made.people.get('Alice')!.subject(HALL, 'the wedding');
    made.passes(1);
    juliet.heard();
    made.cut();
    made.passes(5);
    assert.deepEqual(made.seen(), [
      'presence Alice',
      'presence Carol',
      'message Alice subject "the wedding"',
    ]);
    assert.deepEqual(made.seen(juliet), ['presence Romeo']);
    made.passes(60);
    assert.deepEqual(made.seen(), ['presence Bob unavailable']);
    assert.deepEqual(made.seen(juliet), []);
  });

  test('the room was made anew: only people whom the client knew leave, and none of them keeps an affiliation', async (t) => {
    const made = await stage(t, { behaviour: { occupantIds: true } });
    affiliate(made.room, 'alice@capulet.lit', 'owner');
    const juliet = made.client(JULIET, 'Juliet');
    made.romeo.heard();
    const idOf = (client: HarnessClient) => client.state.mucPlaces!.get(HALL)!.self!.occupantId;
    const own = new Map([made.romeo, juliet].map((client) => [client, idOf(client)]));
    made.service.peer.reachable = false;
    made.service.peer.cut();
    made.service.renewOccupantIds();
    restart(made.service, { keeps: 'rooms' });
    for (const nick of ['Alice', 'Carol']) made.comes(nick);
    made.cut();
    made.passes(5);
    for (const client of [made.romeo, juliet]) {
      const leaves = client.heard().filter(({ attrs }) => attrs.type === 'unavailable');
      const other = client === juliet ? 'Romeo' : 'Juliet';
      const names = leaves.map(({ attrs }) => attrs.from?.replace(/.*\//, ''));
      assert.equal(names.at(-1), names.at(-2), 'nobody takes it for another leave');
      assert.deepEqual([...new Set(names)].sort(), ['Alice', 'Bob', other]);
      const ids = leaves.map((it) => it.getChild('occupant-id', NS.OCCUPANT_ID)?.attrs.id);
      assert.deepEqual(ids, [undefined, undefined, undefined, own.get(client)]);
      const affiliations = leaves.map(
        (it) => it.getChild('x', NS.MUC_USER)?.getChild('item', NS.MUC_USER)?.attrs.affiliation,
      );
      assert.deepEqual(new Set(affiliations), new Set(['none']));
    }
  });

  test('who is back within a minute was never gone', async (t) => {
    const made = await stage(t, { people: Array.from({ length: 40 }, (_, i) => `Guest${i}`) });
    made.loses({ people: [] });
    made.cut();
    for (let i = 0; i < 40; i++) {
      made.passes(0.5);
      made.comes(`Guest${i}`);
    }
    made.passes(120);
    assert.deepEqual(made.seen(), []);
  });
});
