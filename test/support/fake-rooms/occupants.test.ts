// What occupants and moderators do in the fake rooms, against XEP-0045 §7–§10.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { xml } from '../../../src/xml/element.ts';
import { StanzaError } from '../../../src/xml/errors.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { assertXml } from '../match.ts';
import { drop, dropByError, shutDown } from './faults.ts';
import { affiliate, configure, destroy, giveRole, kick } from './moderation.ts';
import { ALICE, BOB, HALL, lines, type Scene, scene } from './scene.ts';

describe('the fake room service: occupants', () => {
  test('§7.6: a new nick is an unavailable with 303 and the nick, then an available', async (t) => {
    const { alice, bob } = await scene(t);
    alice.join(HALL, 'Alice');
    bob.join(HALL, 'Bob');
    for (const client of [alice, bob]) client.heard();
    bob.presence(HALL, [], 'Robert');
    assert.deepEqual(lines(alice.heard()), ['presence Bob unavailable 303', 'presence Robert']);
    assert.deepEqual(lines(bob.heard()), ['presence Bob unavailable 110 303', 'presence Robert 110']);
    bob.presence(HALL, [], 'Alice');
    assert.deepEqual(lines(bob.heard()), ['presence Alice error conflict']);
    assert.equal(bob.view(HALL).nick, 'Robert');
  });

  test('§7.14: a leave is confirmed with 110; a temporary room ends with its last occupant', async (t) => {
    const { alice, bob, room, service } = await scene(t);
    alice.join(HALL, 'Alice');
    bob.join(HALL, 'Bob');
    configure(room, { persistent: false });
    for (const client of [alice, bob]) client.heard();
    bob.leave(HALL);
    assert.deepEqual(lines(bob.heard()), ['presence Bob unavailable 110']);
    assert.deepEqual(lines(alice.heard()), ['presence Bob unavailable']);
    assert.equal(service.rooms.get(HALL), room);
    alice.leave(HALL);
    assert.equal(service.rooms.has(HALL), false);
  });

  test('§7.2.8: clients of one account share a nick, and leave one by one; or they do not share it', async (t) => {
    const { alice, bob, client, service } = await scene(t);
    const phone = client('bob@capulet.lit/phone');
    alice.join(HALL, 'Alice');
    bob.join(HALL, 'Bob');
    for (const each of [alice, bob]) each.heard();
    phone.join(HALL, 'Bob', [xml('show', {}, 'away')]);
    assert.deepEqual(lines(bob.heard()), ['presence Bob 110']);
    phone.heard();
    phone.leave(HALL);
    assert.deepEqual(lines(phone.heard()), ['presence Bob unavailable 110']);
    assert.deepEqual(lines(alice.heard()), ['presence Bob', 'presence Bob']);
    assert.equal(alice.view(HALL).people.get('Bob')?.show, undefined);
    service.behaviour.sharesNicks = false;
    phone.join(HALL, 'Bob');
    assert.deepEqual(lines(phone.heard()), ['presence Bob error conflict']);
  });

  test('a client that shares a nick and changes it leaves its sibling under the old one', async (t) => {
    const { alice, bob, client } = await scene(t);
    const phone = client('bob@capulet.lit/phone');
    alice.join(HALL, 'Alice');
    bob.join(HALL, 'Bob');
    phone.join(HALL, 'Bob');
    phone.presence(HALL, [], 'Phone');
    for (const each of [alice, bob, phone]) {
      assert.deepEqual([...each.view(HALL).people.keys()].toSorted(), ['Alice', 'Bob', 'Phone']);
    }
    assert.deepEqual([bob.view(HALL).nick, phone.view(HALL).nick], ['Bob', 'Phone']);
    phone.presence(HALL, [], 'Bob');
    for (const each of [alice, bob, phone]) {
      assert.deepEqual([...each.view(HALL).people.keys()].toSorted(), ['Alice', 'Bob']);
    }
  });

  test('§7.2.18: presence from a client that is not in is answered by a kick with 110, 307 and 333', async (t) => {
    const { bob, service } = await scene(t);
    bob.sends(xml('presence', { to: `${HALL}/Bob` }));
    assert.deepEqual(lines(bob.heard()), ['presence Bob unavailable 110 307 333']);
    service.behaviour.strangers = 'error';
    bob.sends(xml('presence', { to: `${HALL}/Bob` }));
    assert.deepEqual(lines(bob.heard()), ['presence Bob error not-acceptable']);
    service.behaviour.strangers = 'silence';
    bob.sends(xml('presence', { to: `${HALL}/Bob` }));
    assert.deepEqual(lines(bob.heard()), []);
  });

  test('§7.4, §7.5: messages of strangers and visitors are refused; private ones reach one nick', async (t) => {
    const { alice, bob, room } = await scene(t);
    bob.say(HALL, 'hello?');
    alice.join(HALL, 'Alice');
    giveRole(room, 'Alice', 'visitor');
    alice.heard();
    alice.say(HALL, 'hello?');
    assert.deepEqual(lines(bob.heard()), ['message room not-acceptable']);
    assert.deepEqual(lines(alice.heard()), ['message room forbidden']);
    bob.join(HALL, 'Bob');
    bob.sends(xml('message', { type: 'chat', to: `${HALL}/Alice` }, xml('body', {}, 'psst')));
    bob.sends(xml('message', { type: 'chat', to: `${HALL}/Nobody` }, xml('body', {}, 'psst')));
    assert.deepEqual(lines(alice.heard()), ['presence Bob', 'message Bob psst']);
    assert.equal(lines(bob.heard()).at(-1), 'message Nobody item-not-found');
  });

  test('XEP-0410 §3.3: self-pings tell who is in, and under which nick', async (t) => {
    const { bob, service } = await scene(t);
    const ping = (nick: string, room = HALL) => {
      bob.heard();
      bob.sends(xml('iq', { type: 'get', id: 'p', to: `${room}/${nick}` }, xml('ping', NS.PING)));
      const [reply] = bob.heard();
      return reply?.attrs.type === 'result' ? 'result' : StanzaError.from(reply!).condition;
    };
    assert.equal(ping('Bob'), 'not-acceptable');
    bob.join(HALL, 'Bob');
    assert.deepEqual([ping('Bob'), ping('Robert')], ['result', 'item-not-found']);
    assert.equal(ping('Bob', `nowhere@${service.domain}`), 'item-not-found');
  });
});

describe('the fake room service: moderation', () => {
  type Act = (made: Scene) => void;
  const acts: [rule: string, act: Act, bob: string[], alice: string[]][] = [
    [
      '§8.2: kick',
      ({ room }) => kick(room, 'Bob'),
      ['presence Bob unavailable 110 307'],
      ['presence Bob unavailable 307'],
    ],
    [
      '§9.1: ban',
      ({ room }) => affiliate(room, 'bob@capulet.lit', 'outcast'),
      ['presence Bob unavailable 110 301'],
      ['presence Bob unavailable 301'],
    ],
    [
      '§8.4: voice revoked',
      ({ room }) => giveRole(room, 'Bob', 'visitor'),
      ['presence Bob 110'],
      ['presence Bob'],
    ],
    [
      '§10.2.1: not anonymous any more',
      ({ room }) => configure(room, { nonAnonymous: true }),
      ['message room 172'],
      ['message room 172'],
    ],
    [
      '§10.2.1: another change',
      ({ room }) => configure(room, { name: 'x' }),
      ['message room 104'],
      ['message room 104'],
    ],
    [
      'members only now: strangers leave',
      ({ room }) => {
        affiliate(room, 'alice@capulet.lit', 'member');
        configure(room, { membersOnly: true });
      },
      ['presence Alice', 'message room 104', 'presence Bob unavailable 110 322'],
      ['presence Alice 110', 'message room 104', 'presence Bob unavailable 322'],
    ],
    [
      '§9.4: membership revoked',
      ({ room }) => {
        for (const name of ['alice', 'bob']) affiliate(room, `${name}@capulet.lit`, 'member');
        configure(room, { membersOnly: true });
        affiliate(room, 'bob@capulet.lit', 'none');
      },
      ['presence Alice', 'presence Bob 110', 'message room 104', 'presence Bob unavailable 110 321'],
      ['presence Alice 110', 'presence Bob', 'message room 104', 'presence Bob unavailable 321'],
    ],
    [
      '§11.1: removed for a delivery error',
      ({ room }) => drop(room, BOB),
      ['presence Bob unavailable 110 333'],
      ['presence Bob unavailable 333'],
    ],
    [
      '§11.1: with 307 as well',
      ({ room }) => drop(room, BOB, { codes: ['307', '333'] }),
      ['presence Bob unavailable 110 307 333'],
      ['presence Bob unavailable 307 333'],
    ],
    [
      'removed without a word',
      ({ room }) => drop(room, BOB, { isTold: false, codes: [] }),
      [],
      ['presence Bob unavailable'],
    ],
    [
      'ejabberd: removed with 110 alone',
      ({ room }) => drop(room, BOB, { codes: [] }),
      ['presence Bob unavailable 110'],
      ['presence Bob unavailable'],
    ],
    [
      'ejabberd: removed by an error with 110',
      ({ room }) => dropByError(room, BOB),
      ['presence Bob error 110 service-unavailable'],
      ['presence Bob unavailable'],
    ],
    [
      '§11.2: shut down',
      ({ service }) => shutDown(service),
      ['presence Bob unavailable 110 332'],
      ['presence Alice unavailable 110 332'],
    ],
  ];
  for (const [rule, act, bobs, alices] of acts)
    test(rule, async (t) => {
      const made = await scene(t);
      made.alice.join(HALL, 'Alice');
      made.bob.join(HALL, 'Bob');
      for (const client of [made.alice, made.bob]) client.heard();
      act(made);
      assert.deepEqual(lines(made.bob.heard()), bobs);
      assert.deepEqual(lines(made.alice.heard()), alices);
    });

  test('§10.9: a destroyed room tells each occupant where to go, and nobody else', async (t) => {
    const { alice, bob, room, service } = await scene(t);
    alice.join(HALL, 'Alice');
    bob.join(HALL, 'Bob');
    for (const client of [alice, bob]) client.heard();
    destroy(room, 'garden@rooms.capulet.lit', 'too small');
    const [goodbye, ...more] = bob.heard();
    assert.deepEqual(more, []);
    assertXml(
      goodbye!,
      `<presence type='unavailable' from='${HALL}/Bob' to='${BOB}'><x xmlns='${NS.MUC_USER}'>
        <item affiliation='none' role='none'/>
        <destroy jid='garden@rooms.capulet.lit'><reason>too small</reason></destroy></x></presence>`,
    );
    assert.equal(service.rooms.size, 0);
    assert.equal(alice.view(HALL).state, 'out');
  });

  test('§9.3: a members-only room tells of members who are not there; lists are for those who may read them', async (t) => {
    const { alice, room } = await scene(t);
    Object.assign(room.config, { membersOnly: true, nonAnonymous: true });
    affiliate(room, 'alice@capulet.lit', 'member');
    alice.join(HALL, 'Alice');
    alice.heard();
    affiliate(room, 'carol@capulet.lit', 'member');
    const item = `<item affiliation='member' jid='carol@capulet.lit' role='none'/>`;
    const [news] = alice.heard();
    assertXml(news!, `<message from='${HALL}' to='${ALICE}'><x xmlns='${NS.MUC_USER}'>${item}</x></message>`);
    const ask = () => {
      alice.sends(
        xml(
          'iq',
          { type: 'get', id: 'l', to: HALL },
          xml('query', NS.MUC_ADMIN, xml('item', { affiliation: 'member' })),
        ),
      );
      return alice.heard()[0]!;
    };
    const jids = ask()
      .getChild('query', NS.MUC_ADMIN)!
      .getChildren('item')
      .map(({ attrs }) => attrs.jid);
    assert.deepEqual(jids, ['alice@capulet.lit', 'carol@capulet.lit']);
    room.config.nonAnonymous = false;
    assert.equal(StanzaError.from(ask()).condition, 'forbidden');
  });
});
