// Entering the fake rooms, against XEP-0045 §7.2: a wrong double proves nothing.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Element } from '../../../src/xml/element.ts';
import { xml } from '../../../src/xml/element.ts';
import { StanzaError } from '../../../src/xml/errors.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { assertXml } from '../match.ts';
import type { Behaviour } from './behaviour.ts';
import { affiliate } from './moderation.ts';
import { ALICE, BOB, HALL, lines, type Scene, scene } from './scene.ts';

describe('the fake room service: entering', () => {
  test('XEP-0045 §7.1: the others, oneself with 110, history, subject, then live messages', async (t) => {
    const { alice, bob } = await scene(t);
    alice.join(HALL, 'Alice');
    alice.say(HALL, 'anybody here?');
    alice.subject(HALL, 'news');
    alice.heard();
    bob.join(HALL, 'Bob');
    alice.say(HALL, 'welcome');
    assert.deepEqual(lines(bob.heard()), [
      'presence Alice',
      'presence Bob 110',
      'message Alice delayed anybody here?',
      'message Alice subject "news"',
      'message Alice welcome',
    ]);
    assert.deepEqual(lines(alice.heard()), ['presence Bob', 'message Alice welcome']);
  });

  test('§7.2.2: presence has affiliation and role, and is passed on without the <x/> of the join', async (t) => {
    const { alice, bob, room } = await scene(t);
    affiliate(room, 'bob@capulet.lit', 'member');
    alice.join(HALL, 'Alice');
    alice.heard();
    bob.join(HALL, 'Bob', [xml('show', {}, 'away')]);
    const x = `<x xmlns='${NS.MUC_USER}'><item affiliation='member' role='participant'/></x>`;
    assertXml(
      alice.heard()[0]!,
      `<presence from='${HALL}/Bob' to='${ALICE}'><show>away</show>${x}</presence>`,
    );
  });

  test('§7.2.3: real addresses are for moderators, or for all in a room that is not anonymous', async (t) => {
    const { alice, bob, client, room } = await scene(t);
    affiliate(room, 'alice@capulet.lit', 'owner');
    alice.join(HALL, 'Alice');
    bob.join(HALL, 'Bob');
    const carol = client('carol@capulet.lit/c');
    carol.join(HALL, 'Carol');
    const seen = (stanzas: Element[]) =>
      stanzas.map((stanza) => stanza.getChild('x', NS.MUC_USER)?.getChild('item')?.attrs.jid).filter(Boolean);
    assert.deepEqual(seen(alice.heard()), [ALICE, BOB, 'carol@capulet.lit/c']);
    assert.deepEqual(seen(carol.heard()), []);
    room.config.nonAnonymous = true;
    const dave = client('dave@capulet.lit/d');
    dave.join(HALL, 'Dave');
    assert.deepEqual(seen(dave.heard()).toSorted(), [
      ALICE,
      BOB,
      'carol@capulet.lit/c',
      'dave@capulet.lit/d',
    ]);
  });

  const refusals: [rule: string, condition: string, prepare: (made: Scene) => void][] = [
    ['§7.2.5: a password', 'not-authorized', ({ room }) => Object.assign(room.config, { password: 'x' })],
    [
      '§7.2.6: members only',
      'registration-required',
      ({ room }) => Object.assign(room.config, { membersOnly: true }),
    ],
    ['§7.2.7: banned', 'forbidden', ({ room }) => affiliate(room, 'bob@capulet.lit', 'outcast')],
    ['§7.2.8: nick in use', 'conflict', ({ alice }) => alice.join(HALL, 'Bob')],
    ['§7.2.9: too many', 'service-unavailable', ({ room }) => Object.assign(room.config, { maxUsers: 0 })],
    ['§7.2.10: locked', 'item-not-found', ({ room }) => Object.assign(room, { isLocked: true })],
    ['destroyed', 'gone', ({ service, room }) => service.close(room, 'gone')],
    [
      'full',
      'resource-constraint',
      ({ service }) => {
        service.behaviour.refuseJoin = () => new StanzaError('resource-constraint');
      },
    ],
  ];
  for (const [rule, condition, prepare] of refusals)
    test(`${rule}: refused with ${condition}`, async (t) => {
      const made = await scene(t);
      prepare(made);
      made.bob.heard();
      made.bob.join(HALL, 'Bob');
      assert.deepEqual(lines(made.bob.heard()), [`presence Bob error ${condition}`]);
      assert.equal(made.bob.view(HALL).state, 'out');
    });

  test('§7.2.12, §7.2.3: 170 and 100 are for the new occupant alone', async (t) => {
    const { alice, bob, room } = await scene(t);
    Object.assign(room.config, { logging: true, nonAnonymous: true });
    alice.join(HALL, 'Alice');
    alice.heard();
    bob.join(HALL, 'Bob');
    assert.deepEqual(lines(alice.heard()), ['presence Bob']);
    assert.equal(lines(bob.heard())[1], 'presence Bob 110 100 170');
  });

  test('§10.1: who creates a room owns it; others wait until the empty form has opened it', async (t) => {
    const { alice, bob } = await scene(t);
    const garden = 'garden@rooms.capulet.lit';
    alice.join(garden, 'Alice');
    assert.deepEqual(lines(alice.heard()), ['presence Alice 110 201', 'message room subject ""']);
    bob.join(garden, 'Bob');
    assert.deepEqual(lines(bob.heard()), ['presence Bob error item-not-found']);
    const form = xml('x', { xmlns: NS.DATA_FORMS, type: 'submit' });
    alice.sends(xml('iq', { type: 'set', id: '1', to: garden }, xml('query', NS.MUC_OWNER, form)));
    assertXml(alice.heard()[0]!, `<iq type='result' from='${garden}' to='${ALICE}'/>`);
    bob.join(garden, 'Bob');
    assert.equal(bob.view(garden).state, 'in');
    assert.equal(bob.view(garden).people.get('Alice')?.affiliation, 'owner');
  });

  test('a nick that the service has changed comes with 210', async (t) => {
    const { bob } = await scene(t, { assignNick: (nick) => nick.toLowerCase() });
    bob.join(HALL, 'BOB');
    assert.equal(lines(bob.heard())[0], 'presence bob 110 210');
    assert.equal(bob.view(HALL).nick, 'bob');
  });

  test('a second join of an occupant is answered like the first one', async (t) => {
    const { alice, bob } = await scene(t);
    alice.join(HALL, 'Alice');
    bob.join(HALL, 'Bob');
    bob.heard();
    bob.join(HALL, 'Bob');
    assert.deepEqual(lines(bob.heard()), ['presence Alice', 'presence Bob 110', 'message room subject ""']);
  });

  test('services that do otherwise: no 110, messages first, late answers, a crowd, a captcha', async (t) => {
    const { alice, bob, h, service, client } = await scene(t, { marksSelf: false, messagesFirst: true });
    alice.join(HALL, 'Alice');
    assert.deepEqual(lines(alice.heard()), ['message room subject ""', 'presence Alice']);
    Object.assign(service.behaviour, {
      marksSelf: true,
      messagesFirst: false,
      joinDelayMs: 90_000,
      crowdLimit: 1,
    });
    bob.join(HALL, 'Bob');
    h.clock.seconds(89);
    assert.deepEqual(lines(bob.heard()), []);
    h.clock.seconds(1);
    assert.deepEqual(lines(bob.heard()), ['presence Bob 110', 'message room subject ""']);
    Object.assign(service.behaviour, { joinDelayMs: 0, captcha: true });
    const carol = client('carol@capulet.lit/c');
    carol.join(HALL, 'Carol');
    assert.deepEqual(lines(carol.heard()), ['message room Solve the riddle to enter this room']);
    assert.equal(carol.view(HALL).state, 'joining');
  });
});

describe('the fake room service: history (§7.2.13, §7.2.14)', () => {
  const wishes: [
    what: string,
    behaviour: Partial<Behaviour>,
    attrs: Record<string, string>,
    bodies: string[],
  ][] = [
    ['all that is kept', {}, {}, ['one', 'two', 'three']],
    ['the last two', {}, { maxstanzas: '2' }, ['two', 'three']],
    ['none', {}, { maxchars: '0' }, []],
    ['of the last 15 s', {}, { seconds: '15' }, ['two', 'three']],
    ['since a time', {}, { since: '2026-01-01T00:00:31.000Z' }, ['three']],
    ['the wish is ignored', { historyFilter: 'ignored' }, { seconds: '15' }, ['one', 'two', 'three']],
    ['two are kept', { historyLimit: 2 }, {}, ['two', 'three']],
    ['nothing is kept', { historyLimit: 0 }, {}, []],
    ['by the clock of the service', { clockSkewMs: 600_000 }, { seconds: '15' }, ['two', 'three']],
  ];
  for (const [what, behaviour, attrs, bodies] of wishes)
    test(what, async (t) => {
      const { alice, bob, h } = await scene(t, behaviour);
      alice.join(HALL, 'Alice');
      h.clock.advance(Date.UTC(2026, 0, 1, 0, 0, 10) - h.clock.now());
      for (const body of ['one', 'two', 'three']) {
        h.clock.seconds(10);
        alice.say(HALL, body);
      }
      h.clock.seconds(1);
      bob.view(HALL).joins('Bob', 'j');
      const x = xml('x', NS.MUC, xml('history', attrs));
      bob.sends(xml('presence', { id: 'j', to: `${HALL}/Bob` }, x));
      assert.deepEqual(
        bob.view(HALL).history.map(({ body }) => body),
        bodies,
      );
    });

  test('seconds are rounded to whole ones where ejabberd does it', async (t) => {
    const { alice, bob, h } = await scene(t, { historyFilter: 'rounded' });
    alice.join(HALL, 'Alice');
    h.clock.advance(1_000 - (h.clock.now() % 1_000) + 100);
    alice.say(HALL, 'hello');
    h.clock.advance(10_700);
    bob.view(HALL).joins('Bob', 'j');
    bob.sends(
      xml('presence', { id: 'j', to: `${HALL}/Bob` }, xml('x', NS.MUC, xml('history', { seconds: '10' }))),
    );
    assert.equal(bob.view(HALL).history.length, 1);
  });
});
