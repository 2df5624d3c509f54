// The members of private groups, who may change while a room has lost a client.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Element } from '../../../src/xml/element.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import type { Behaviour } from '../../support/fake-rooms/behaviour.ts';
import { drop } from '../../support/fake-rooms/faults.ts';
import { affiliate, configure } from '../../support/fake-rooms/moderation.ts';
import type { HarnessClient } from '../../support/module-harness.ts';
import { HALL, JULIET, lines, ROMEO, type Stage, type StageOptions, stage } from './stage.ts';

const GROUP: StageOptions = {
  room: { membersOnly: true, nonAnonymous: true },
  affiliations: {
    'alice@capulet.lit': 'owner',
    'bob@capulet.lit': 'member',
    'romeo@montague.lit': 'member',
    'juliet@montague.lit': 'member',
    'dave@capulet.lit': 'member',
  },
};

async function group(t: Parameters<typeof stage>[0], options: StageOptions = {}): Promise<Stage> {
  const made = await stage(t, { ...GROUP, ...options });
  reads(made, made.romeo);
  made.passes(20);
  made.romeo.heard();
  made.service.peer.received.length = 0;
  return made;
}

/** What Conversations asks when it has joined. */
function reads({ h }: Stage, client: HarnessClient): void {
  for (const list of ['owner', 'admin', 'member'])
    client.says(
      `<iq type='get' id='${list}' to='${HALL}'><query xmlns='${NS.MUC_ADMIN}'><item affiliation='${list}'/></query></iq>`,
    );
  h.clock.seconds(1);
}

/** The room loses everybody, and somebody says something meanwhile. */
function gap(made: Stage, change: () => void, clients = [ROMEO]): void {
  for (const client of clients) drop(made.room, client, { isTold: false });
  change();
  made.say('Bob', 'missed');
  made.cut();
  made.passes(5);
}

function swap({ room }: Stage): void {
  affiliate(room, 'carol@capulet.lit', 'member');
  affiliate(room, 'dave@capulet.lit', 'none');
}

/** As `lines`, with the items of messages. */
function seen(client: HarnessClient): string[] {
  const stanzas = client.heard();
  return lines(stanzas).map((line, i) => [line, itemOf(stanzas[i]!)].filter(Boolean).join(' '));
}

function itemOf(stanza: Element): string | undefined {
  const item = stanza.name === 'message' ? stanza.getChild('x', NS.MUC_USER)?.getChild('item') : undefined;
  return item && `${item.attrs.jid} ${item.attrs.affiliation}`;
}

const SWAPPED = ['message room carol@capulet.lit member', 'message room dave@capulet.lit none'];

/** The requests of one kind that reached the room. */
function asked({ service }: Stage): { lists: string[]; infos: number } {
  const queries = (namespace: string) =>
    service.peer.received
      .map((stanza) => stanza.getChild('query', namespace))
      .filter((query) => query !== undefined);
  const lists = queries(NS.MUC_ADMIN).map((query) => query.getChild('item')?.attrs.affiliation ?? '');
  return { lists, infos: queries(NS.DISCO_INFO).length };
}

describe('members of a private group that were added and removed in the gap', () => {
  test('a message for each, before the first held message; each list is asked once', async (t) => {
    const made = await group(t);
    gap(made, () => swap(made));
    assert.deepEqual(seen(made.romeo), [...SWAPPED, 'message Bob delayed missed']);
    assert.deepEqual(asked(made), { lists: ['owner', 'admin', 'member'], infos: 1 });
    assert.equal(made.joins.length, 1);
    made.assertAlive();
  });

  test('the stanza is what the room sends about people who are not in it (XEP-0045 §10.6)', async (t) => {
    const made = await group(t);
    gap(made, () => swap(made));
    assert.equal(
      `${made.romeo.heard()[0]}`,
      `<message from='${HALL}' to='${ROMEO}'><x xmlns='${NS.MUC_USER}'><item affiliation='member' jid='carol@capulet.lit'/></x></message>`,
    );
  });

  test('live messages wait until the lists have been compared', async (t) => {
    const made = await group(t);
    const { deliver } = made.service;
    const answers: Element[] = [];
    made.service.deliver = (stanza) => {
      if (stanza.name === 'iq' && stanza.getChild('query', NS.MUC_ADMIN)) answers.push(stanza);
      else deliver.call(made.service, stanza);
    };
    gap(made, () => swap(made));
    made.say('Bob', 'live');
    made.passes(1);
    assert.deepEqual(seen(made.romeo), []);
    made.service.deliver = deliver;
    for (const answer of answers) made.service.deliver(answer);
    made.passes(1);
    assert.deepEqual(seen(made.romeo), [...SWAPPED, 'message Bob delayed missed', 'message Bob live']);
  });

  test('several of ours: each list is asked once, and each client is told', async (t) => {
    const made = await group(t);
    const juliet = made.client(JULIET, 'Juliet');
    made.passes(10);
    made.romeo.heard();
    made.service.peer.received.length = 0;
    gap(made, () => swap(made), [ROMEO, JULIET]);
    for (const client of [made.romeo, juliet])
      assert.deepEqual(seen(client), [...SWAPPED, 'message Bob delayed missed']);
    assert.deepEqual(asked(made), { lists: ['owner', 'admin', 'member'], infos: 1 });
  });

  test('what another client of ours was sent meanwhile', async (t) => {
    const made = await group(t);
    const juliet = made.client(JULIET, 'Juliet');
    made.passes(10);
    made.romeo.heard();
    gap(made, () => swap(made));
    assert.deepEqual(seen(made.romeo), [...SWAPPED, 'message Bob delayed missed']);
    assert.deepEqual(seen(juliet).slice(0, 2), SWAPPED);
  });

  test('a client that the room has not lost is told what only the lists say', async (t) => {
    const made = await group(t);
    const juliet = made.client(JULIET, 'Juliet');
    made.passes(10);
    juliet.heard();
    made.room.affiliations.delete('dave@capulet.lit'); // A service that announces nothing.
    gap(made, () => {});
    assert.deepEqual(
      seen(juliet).filter((line) => line.includes('dave')),
      [SWAPPED[1]],
    );
  });

  test('a member that has become an admin', async (t) => {
    const made = await group(t);
    gap(made, () => affiliate(made.room, 'dave@capulet.lit', 'admin'));
    assert.equal(seen(made.romeo)[0], 'message room dave@capulet.lit admin');
  });

  test('a member that becomes an owner while the room answers, and so is on none of the lists', async (t) => {
    const made = await group(t);
    const { deliver } = made.service;
    made.service.deliver = (stanza) => {
      deliver.call(made.service, stanza);
      const item = stanza.getChild('query', NS.MUC_ADMIN)?.getChild('item');
      if (item?.attrs.affiliation === 'owner') affiliate(made.room, 'dave@capulet.lit', 'owner');
    };
    gap(made, () => {});
    const ofDave = seen(made.romeo).filter((line) => line.includes('dave'));
    assert.equal(ofDave.at(-1), 'message room dave@capulet.lit owner');
    assert.ok(!ofDave.includes('message room dave@capulet.lit none'), `${ofDave}`);
  });

  test('nothing has changed: nothing is sent', async (t) => {
    const made = await group(t);
    drop(made.room, ROMEO, { isTold: false });
    made.cut();
    made.passes(10);
    assert.deepEqual(seen(made.romeo), []);
  });

  test('a change that the client was sent by the room is not repeated', async (t) => {
    const made = await group(t);
    swap(made);
    made.passes(1);
    assert.equal(seen(made.romeo).length, 2);
    drop(made.room, ROMEO, { isTold: false });
    made.cut();
    made.passes(10);
    assert.deepEqual(seen(made.romeo), []);
  });
});

describe('the members are not known', () => {
  const CASES: readonly [string, Partial<Behaviour>][] = [
    ['the lists are refused', { lists: 'refused' }],
    ['the lists are not answered', { lists: 'silent' }],
  ];
  for (const [title, behaviour] of CASES) {
    test(`${title}: leave, one notice, and no message`, async (t) => {
      const made = await group(t);
      Object.assign(made.service.behaviour, behaviour);
      gap(made, () => swap(made));
      made.passes(100);
      assert.equal(made.room.occupants.of(ROMEO), undefined);
      assert.deepEqual(seen(made.romeo), ['presence Romeo unavailable 110 333 330']);
      assert.equal(made.joins.length, 1);
    });
  }

  test('501 members after the gap: leave, notice', async (t) => {
    const made = await group(t);
    gap(made, () => members(made, 501));
    made.passes(100);
    assert.equal(made.room.occupants.of(ROMEO), undefined);
    assert.deepEqual(seen(made.romeo), ['presence Romeo unavailable 110 333 330']);
  });
});

/** The room has this number of them. */
function members({ room }: Stage, count: number): void {
  for (let i = room.affiliations.size; i < count; i++) room.affiliations.set(`m${i}@capulet.lit`, 'member');
}

describe('bounds', () => {
  for (const [count, isTold] of [
    [500, false],
    [501, true],
  ] as const) {
    test(`a private group of ${count} members: losses are ${isTold ? 'told' : 'not told'}`, async (t) => {
      const made = await stage(t, GROUP);
      members(made, count);
      reads(made, made.romeo);
      made.passes(20);
      made.romeo.heard();
      made.service.peer.received.length = 0;
      gap(made, () => {});
      made.passes(100);
      assert.equal(made.romeo.notices.length, isTold ? 1 : 0);
    });
  }

  test('members who come and go are forgotten when all of ours were sent that', async (t) => {
    const made = await group(t);
    for (let i = 0; i < 1_000; i++) {
      affiliate(made.room, `m${i}@capulet.lit`, 'member');
      affiliate(made.room, `m${i}@capulet.lit`, 'none');
    }
    made.passes(1);
    made.romeo.heard();
    gap(made, () => swap(made));
    assert.deepEqual(seen(made.romeo), [...SWAPPED, 'message Bob delayed missed']);
  });

  test('members count as occupants, until the room is forgotten', async (t) => {
    const made = await group(t);
    const occupants = async () => {
      const { text = '' } = await made.h.command('metrics');
      return Number(/enjamb_muc_autorejoin_occupants\{[^}]*\} (\d+)/.exec(text)?.[1]);
    };
    assert.equal(await occupants(), ['Alice', 'Bob'].length + made.room.affiliations.size);
    made.romeo.close();
    assert.equal(await occupants(), 0);
  });
});

describe('the lists are not asked', () => {
  test('if no client of ours has read them', async (t) => {
    const made = await stage(t, GROUP);
    gap(made, () => swap(made));
    assert.deepEqual(asked(made).lists, []);
    assert.deepEqual(seen(made.romeo), ['message Bob delayed missed']);
  });

  test('if the room is no private group, or no longer', async (t) => {
    const made = await stage(t, { ...GROUP, room: { nonAnonymous: true } });
    reads(made, made.romeo);
    made.romeo.heard();
    made.service.peer.received.length = 0;
    gap(made, () => swap(made));
    assert.deepEqual(asked(made).lists, []);
    const other = await group(t);
    configure(other.room, { membersOnly: false });
    other.passes(10);
    other.romeo.heard();
    other.service.peer.received.length = 0;
    gap(other, () => swap(other));
    assert.deepEqual(asked(other).lists, []);
  });
});
