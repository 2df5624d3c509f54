// The room was gone. What the old room said about itself decides whether the server makes it anew.

import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { Element } from '../../../src/xml/element.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { drop, restart, shutDown } from '../../support/fake-rooms/faults.ts';
import { configure } from '../../support/fake-rooms/moderation.ts';
import { type Room, type RoomConfig, Room as RoomOf } from '../../support/fake-rooms/room.ts';
import { HOST } from '../../support/module-harness.ts';
import { HALL, JULIET, ROMEO, type Stage, type StageOptions, stage } from './stage.ts';

const TEMPORARY = { persistent: false } as const;
const [ROMEOS_NOTICE, JULIETS_NOTICE] = ['Romeo', 'Juliet'].map(
  (nick) => `presence ${nick} unavailable 110 333 330`,
);

/** The service has forgotten the room; a new one is like this. */
function forgets(made: Stage, config: Partial<RoomConfig> = {}): void {
  made.romeo.heard();
  made.service.newRoom = (jid) => {
    const room = new RoomOf(made.service, jid, { ...TEMPORARY, ...config });
    made.service.rooms.set(jid, room);
    return room;
  };
  restart(made.service, { keeps: 'nothing' });
  made.service.peer.received.length = 0;
}

/** From the next join on the room does not say what it is, until the returned function is called. */
function saysNothing({ service }: Stage): () => void {
  const { take } = service;
  let isSilent = false;
  service.take = (stanza) => {
    isSilent ||= stanza.getChild('x', NS.MUC) !== undefined;
    if (!isSilent || stanza.getChild('query', NS.DISCO_INFO) === undefined) take.call(service, stanza);
  };
  return () => {
    service.take = take;
  };
}

/** What has reached the service beside self-pings, a word or two for each. */
function asked({ service }: Stage): string[] {
  return service.peer.received.flatMap((stanza) => wordsFor(stanza) ?? []);
}

/** The same from the first join on: before it, ping_muc has asked whether the room exists. */
function askedAtJoin(made: Stage): string[] {
  const all = asked(made);
  return all.slice(all.findIndex((it) => it.endsWith('joins')));
}

function wordsFor(stanza: Element): string | undefined {
  const who = stanza.attrs.from?.split('@')[0];
  if (stanza.name === 'presence') return `${who} ${stanza.getChild('x', NS.MUC) ? 'joins' : 'leaves'}`;
  if (stanza.attrs.to !== HALL) return undefined;
  if (stanza.getChild('query', NS.DISCO_INFO)) return `${who} asks`;
  const form = stanza.getChild('query', NS.MUC_OWNER)?.getChild('x', NS.DATA_FORMS);
  const fields = form?.getChildren('field').filter(({ attrs }) => attrs.var !== 'FORM_TYPE') ?? [];
  const values = fields.map((it) => `${it.attrs.var?.split('_')[1]}=${it.getChildText('value')}`);
  return form && [who, form.attrs.type, ...values].join(' ');
}

describe('a room that was not open to all is never made anew', () => {
  const configs: [what: string, config: Partial<RoomConfig>][] = [
    ['members-only', { membersOnly: true }],
    ['with a password', { password: 'x' }],
    ['persistent', { persistent: true }],
  ];
  for (const [what, config] of configs) {
    test(`a room that was ${what}: a notice, and no join`, async (t) => {
      const made = await stage(t, { room: TEMPORARY });
      made.room.affiliations.set('romeo@montague.lit', 'member');
      configure(made.room, config);
      made.passes(10);
      forgets(made);
      made.cut();
      made.passes(50);
      assert.deepEqual(made.seen(), [], 'no notice before `ping_muc_delay`');
      made.passes(600);
      assert.deepEqual(made.seen(), [ROMEOS_NOTICE]);
      assert.deepEqual(made.joined(), []);
      assert.equal(made.service.rooms.size, 0);
    });
  }

  test('a room that has not said what it is', async (t) => {
    const made = await stage(t, { room: TEMPORARY });
    made.romeo.state.mucPlaces!.get(HALL)!.room.facts = undefined;
    forgets(made);
    made.cut();
    made.passes(600);
    assert.deepEqual(made.seen(), [ROMEOS_NOTICE]);
    assert.deepEqual(made.joined(), []);
  });
});

describe('an open room is made anew, at least as strict as before', () => {
  const rows: [what: string, old: Partial<RoomConfig>, now: Partial<RoomConfig>, asked: string[]][] = [
    ['open', {}, {}, ['romeo submit']],
    ['hidden (the default of Prosody)', { hidden: true }, { hidden: true }, ['romeo submit']],
    ['moderated (the default of ejabberd)', { moderated: true }, { moderated: true }, ['romeo submit']],
    ['public, new rooms are hidden', {}, { hidden: true }, ['romeo submit']],
    ['hidden, new rooms are public', { hidden: true }, {}, ['romeo submit publicroom=0', 'romeo asks']],
    ['moderated, new rooms are not', { moderated: true }, {}, ['romeo submit moderatedroom=1', 'romeo asks']],
    [
      'unmoderated, new rooms are moderated',
      {},
      { moderated: true },
      ['romeo submit moderatedroom=0', 'romeo asks'],
    ],
    [
      'hidden and moderated, new rooms are neither',
      { hidden: true, moderated: true },
      {},
      ['romeo submit publicroom=0 moderatedroom=1', 'romeo asks'],
    ],
  ];
  for (const [what, old, now, configured] of rows) {
    test(`the room was ${what}`, async (t) => {
      const made = await stage(t, { room: { ...TEMPORARY, ...old }, people: [] });
      forgets(made, now);
      made.cut();
      made.passes(20);
      assert.deepEqual(askedAtJoin(made).slice(0, 2 + configured.length), [
        'romeo joins',
        'romeo asks',
        ...configured,
      ]);
      const room = made.service.rooms.get(HALL)!;
      assert.equal(room.isLocked, false);
      assert.equal(room.config.hidden, old.hidden === true || now.hidden === true);
      assert.equal(room.config.moderated, old.moderated === true);
      const codes = configured.length > 1 || now.hidden !== old.hidden ? ['message room 104'] : [];
      assert.deepEqual([...new Set(made.seen())], ['presence Romeo 110', ...codes], 'owner now, and no 201');
      made.passes(600);
      assert.deepEqual(made.seen(), []);
      const { text = '' } = await made.h.command('metrics');
      assert.match(text, /muc_autorejoin_rooms_made_total\{[^}]*\} 1/);
    });
  }

  const failures: [what: string, now: Partial<RoomConfig>, behaviour: StageOptions['behaviour']][] = [
    ['members-only', { membersOnly: true }, {}],
    ['public, and stay so', {}, { takesConfiguration: false }],
  ];
  for (const [what, now, behaviour = {}] of failures) {
    test(`the room was hidden, and new ones are ${what}: left, and a notice to all`, async (t) => {
      const made = await stage(t, { room: { ...TEMPORARY, hidden: true }, people: [] });
      const juliet = made.client(JULIET, 'Juliet');
      Object.assign(made.service.behaviour, behaviour);
      forgets(made, now);
      made.cut();
      made.passes(50);
      assert.equal(made.service.rooms.size, 0, 'the room ends when its only occupant leaves');
      assert.deepEqual(
        asked(made).filter((it) => /joins|leaves/.test(it)),
        ['juliet joins', 'juliet leaves'],
      );
      made.passes(600);
      assert.deepEqual(made.seen(juliet), ['presence Juliet 110', JULIETS_NOTICE]);
      assert.deepEqual(made.seen(), [ROMEOS_NOTICE]);
    });
  }

  test('a room that does not say what it is now: left', async (t) => {
    const made = await stage(t, { room: TEMPORARY, people: [] });
    forgets(made);
    saysNothing(made);
    made.cut();
    made.passes(600);
    assert.equal(made.service.rooms.size, 0);
    assert.deepEqual(made.seen(), ['presence Romeo 110', ROMEOS_NOTICE]);
  });
});

describe('the first client unlocks the new room, and the others follow', () => {
  /** Romeo and Juliet are in a temporary room of which Juliet is an owner. */
  async function owned(t: TestContext): Promise<{ made: Stage; juliet: ReturnType<Stage['client']> }> {
    const made = await stage(t, { room: { ...TEMPORARY, hidden: true }, people: [] });
    made.room.affiliations.set('juliet@montague.lit', 'owner');
    const juliet = made.client(JULIET, 'Juliet');
    made.passes(10);
    return { made, juliet };
  }

  test('an owner joins first, and unlocks the room; the others follow and see an unbroken room', async (t) => {
    const { made, juliet } = await owned(t);
    forgets(made, { hidden: true });
    made.cut();
    made.passes(10);
    assert.deepEqual(askedAtJoin(made), ['juliet joins', 'juliet asks', 'juliet submit', 'romeo joins']);
    assert.equal(made.service.rooms.get(HALL)!.affiliation('juliet@montague.lit'), 'owner');
    made.passes(100);
    assert.deepEqual([made.seen(), made.seen(juliet)], [[], []]);
    made.comes('Alice');
    made.assertAlive();
    made.assertAlive(juliet, 'Juliet');
  });

  test('a form that is not answered: the others follow after 10 s', async (t) => {
    const { made } = await owned(t);
    forgets(made, { hidden: true });
    const { deliver } = made.service;
    made.service.deliver = (stanza) => {
      const isResult = stanza.name === 'iq' && stanza.elements().length === 0 && stanza.attrs.from === HALL;
      if (!isResult) deliver.call(made.service, stanza);
    };
    made.cut();
    made.passes(10);
    assert.ok(!asked(made).includes('romeo joins'));
    made.passes(5);
    assert.ok(asked(made).includes('romeo joins'));
    assert.equal(made.romeo.notices.length, 0);
  });

  test('the link breaks before the room is unlocked: the next join goes on with it', async (t) => {
    const { made } = await owned(t);
    forgets(made, { hidden: true });
    const goOn = saysNothing(made);
    made.cut();
    made.passes(5);
    assert.equal(made.service.rooms.get(HALL)!.isLocked, true);
    goOn();
    made.cut();
    made.passes(30);
    assert.equal(made.service.rooms.get(HALL)!.isLocked, false);
    assert.ok(made.service.rooms.get(HALL)!.occupants.of(ROMEO));
    assert.equal(made.romeo.notices.length, 0);
  });

  test('the module is reloaded before the room is unlocked: the next instance goes on with it', async (t) => {
    const { made } = await owned(t);
    forgets(made, { hidden: true });
    const goOn = saysNothing(made);
    made.cut();
    made.passes(5);
    goOn();
    await made.h.command('module reload', { name: 'muc_autorejoin', host: HOST });
    made.passes(60);
    assert.equal(made.service.rooms.get(HALL)!.isLocked, false);
    assert.ok(made.service.rooms.get(HALL)!.occupants.of(ROMEO));
    assert.equal(made.romeo.notices.length, 0);
  });
});

describe('after the patience has ended', () => {
  for (const [what, config, isMade] of [
    ['members-only: the join as in assisted mode leaves the new room', { membersOnly: true }, false],
    ['open: the join as in assisted mode makes it anew and unlocks it', {}, true],
  ] as const) {
    test(`the room was ${what}`, async (t) => {
      const made = await stage(t, {
        room: TEMPORARY,
        people: [],
        config: 'muc_autorejoin_patience = "1 minute"',
      });
      made.room.affiliations.set('romeo@montague.lit', 'member');
      configure(made.room, config);
      made.passes(10);
      drop(made.room, ROMEO);
      made.passes(0.1);
      made.service.peer.reachable = false;
      made.service.peer.cut();
      forgets(made);
      made.passes(100);
      assert.deepEqual(made.seen(), [ROMEOS_NOTICE]);
      made.service.peer.reachable = true;
      made.passes(600);
      assert.equal(made.joined().length, 1);
      const room = made.service.rooms.get(HALL);
      assert.equal(room?.isLocked, isMade ? false : undefined);
      const seen = ['presence Romeo 110 201', 'message room subject ""', ROMEOS_NOTICE];
      assert.deepEqual(made.seen(), isMade ? seen.slice(0, 2) : seen);
    });
  }
});

describe('a room that stays when all have left', () => {
  const ways: [what: string, happens: (made: Stage) => void][] = [
    ['332', ({ service }) => shutDown(service)],
    ['333', ({ room }) => drop(room, ROMEO)],
  ];
  for (const [what, happens] of ways) {
    test(`${what}: asked whether it exists; it does, and the client sees nothing`, async (t) => {
      const made = await stage(t, { people: [] });
      happens(made);
      made.passes(10);
      assert.deepEqual(asked(made), ['romeo asks', 'romeo joins', 'romeo asks']);
      assert.deepEqual(made.seen(), []);
    });

    test(`${what}: asked whether it exists; it does not: a notice to all, and no join`, async (t) => {
      const made = await stage(t, { people: [] });
      const juliet = made.client(JULIET, 'Juliet');
      made.service.peer.received.length = 0;
      made.romeo.heard();
      drop(made.room, JULIET);
      happens(made);
      made.service.close(made.room);
      made.passes(600);
      assert.deepEqual(made.joined(), []);
      assert.equal(made.service.rooms.size, 0);
      assert.deepEqual(made.seen(juliet), [JULIETS_NOTICE]);
      assert.deepEqual(made.seen().slice(-1), [ROMEOS_NOTICE]);
    });
  }

  test('the service does not answer: asked again later, and nobody is told before the patience ends', async (t) => {
    const made = await stage(t, { people: [] });
    const { take } = made.service;
    made.service.take = (stanza) => {
      if (stanza.getChild('query', NS.DISCO_INFO) === undefined) take.call(made.service, stanza);
    };
    drop(made.room, ROMEO);
    made.passes(60);
    assert.deepEqual(made.joined(), []);
    made.service.take = take;
    made.passes(60);
    assert.deepEqual(made.seen(), []);
    assert.ok(made.room.occupants.of(ROMEO));
  });

  test('new rooms of the service are persistent: temporary ones are asked too', async (t) => {
    const made = await stage(t, { room: TEMPORARY, people: [] });
    forgets(made, { persistent: true });
    made.cut();
    made.passes(20);
    assert.deepEqual(askedAtJoin(made), ['romeo joins', 'romeo asks', 'romeo submit']);
    const garden = made.service.room('garden', TEMPORARY);
    made.romeo.joins(`${garden.jid}/Romeo`);
    made.passes(20);
    made.service.peer.received.length = 0;
    garden.remove(ROMEO, { codes: ['333'] });
    made.passes(20);
    assert.deepEqual(infos(made, garden), 1);
    assert.deepEqual(made.joined(), []);
    assert.equal(made.service.rooms.has(garden.jid), false);
  });

  test('201 all the same, where it must not be: left in the same tick, a notice to all of ours', async (t) => {
    const made = await stage(t, { room: TEMPORARY, people: [] });
    const juliet = made.client(JULIET, 'Juliet');
    for (const { local } of [made.romeo.jid, juliet.jid])
      made.room.affiliations.set(`${local}@montague.lit`, 'member');
    configure(made.room, { membersOnly: true });
    made.passes(10);
    juliet.heard();
    made.romeo.heard();
    made.service.peer.received.length = 0;
    for (const client of [ROMEO, JULIET]) drop(made.room, client);
    made.service.close(made.room);
    made.passes(10);
    assert.equal(made.service.rooms.size, 0);
    made.passes(100);
    assert.deepEqual(made.seen(), [ROMEOS_NOTICE]);
    assert.deepEqual(made.seen(juliet), ['presence Romeo unavailable 333', JULIETS_NOTICE]);
    assert.equal(made.joined().length, 1);
  });
});

function infos({ service }: Stage, { jid }: Room): number {
  const { received } = service.peer;
  return received.filter((it) => it.attrs.to === jid && it.getChild('query', NS.DISCO_INFO)).length;
}
