// What the server believes about who is in which room, after everything that clients and rooms may send.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { StanzaError } from '../../../src/xml/errors.ts';
import { FakeRooms, failure, presence } from '../../support/fake-rooms.ts';
import { type Harness, type HarnessClient, harness } from '../../support/module-harness.ts';

const ROOM = 'hall@rooms.capulet.lit';
const ROMEO = 'romeo@montague.lit/orchard';
const PHONE = 'romeo@montague.lit/phone';

interface Stage {
  readonly h: Harness;
  readonly rooms: FakeRooms;
  readonly romeo: HarnessClient;
  /** `nick state` of each join. */
  joins(who?: string): Promise<string[]>;
  /** The room sends this to romeo. */
  sends(from: string, codes: string[], more?: { type?: string; newNick?: string }): void;
}

async function stage(t: Parameters<typeof harness>[0], config = ''): Promise<Stage> {
  const h = await harness(t, config);
  const rooms = new FakeRooms(h);
  const romeo = h.client(ROMEO);
  return {
    h,
    rooms,
    romeo,
    async joins(who) {
      const { rows = [] } = await h.command('joins', who === undefined ? {} : { who });
      return rows.map(({ nick, state }) => `${nick} ${state}`);
    },
    sends(from, codes, more) {
      rooms.peer.says(presence(from, ROMEO, codes, more));
      h.clock.seconds(1);
    },
  };
}

/** As `stage`, with a room that answers nothing by itself. */
async function silentStage(t: Parameters<typeof harness>[0]): Promise<Stage> {
  const made = await stage(t);
  made.rooms.peer.onStanza = () => {};
  return made;
}

async function joined(t: Parameters<typeof harness>[0]): Promise<Stage> {
  const made = await silentStage(t);
  made.romeo.joins(`${ROOM}/Romeo`);
  made.sends(`${ROOM}/Romeo`, ['110']);
  return made;
}

describe('XEP-0045 §7.2: entering', () => {
  test('joining until the self-presence comes, joined from then on', async (t) => {
    const { romeo, joins, sends } = await silentStage(t);
    romeo.joins(`${ROOM}/Romeo`);
    assert.deepEqual(await joins(), ['Romeo joining']);
    sends(`${ROOM}/Juliet`, []);
    assert.deepEqual(await joins(), ['Romeo joining']);
    sends(`${ROOM}/Romeo`, ['110']);
    assert.deepEqual(await joins(), ['Romeo joined']);
  });

  test('§7.2.2: the service gives another nick (210)', async (t) => {
    const { romeo, joins, sends } = await silentStage(t);
    romeo.joins(`${ROOM}/Romeo`);
    sends(`${ROOM}/romeo.m`, ['110', '210']);
    assert.deepEqual(await joins(), ['romeo.m joined']);
  });

  test('a room in the contact list is tracked as any other', async (t) => {
    const { romeo, joins, h } = await stage(t);
    romeo.says(`<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='${ROOM}'/></query></iq>`);
    romeo.says(`<presence to='${ROOM}' type='subscribed'/>`);
    romeo.says('<presence/>');
    romeo.joins(`${ROOM}/Romeo`);
    h.clock.seconds(1);
    assert.deepEqual(await joins(), ['Romeo joined']);
  });

  for (const condition of ['conflict', 'forbidden', 'registration-required', 'not-authorized'] as const) {
    test(`refused with ${condition}: never in`, async (t) => {
      const { romeo, rooms, joins, h } = await stage(t);
      rooms.onJoin = () => new StanzaError(condition);
      romeo.joins(`${ROOM}/Romeo`);
      h.clock.seconds(1);
      assert.deepEqual(await joins(), []);
    });
  }

  test('the room cannot be reached: not in, once the client has the error', async (t) => {
    const { romeo, rooms, joins, h } = await stage(t);
    rooms.peer.reachable = false;
    romeo.joins(`${ROOM}/Romeo`);
    assert.deepEqual(await joins(), ['Romeo joining']);
    h.clock.seconds(1);
    assert.deepEqual(await joins(), []);
    assert.equal(romeo.inbox[0]?.attrs.type, 'error');
  });

  test('an occupant joins again under a nick that is taken: still in under the old one', async (t) => {
    const { romeo, rooms, joins, h } = await stage(t);
    romeo.joins(`${ROOM}/Romeo`);
    h.clock.seconds(1);
    rooms.onJoin = () => new StanzaError('conflict');
    romeo.joins(`${ROOM}/Juliet`);
    h.clock.seconds(1);
    assert.deepEqual(await joins(), ['Romeo joined']);
  });

  test('a stranger cannot plant a room', async (t) => {
    const { romeo, joins, sends } = await silentStage(t);
    sends(`${ROOM}/Romeo`, ['110']);
    romeo.joins('garden@rooms.capulet.lit/Romeo');
    sends(`${ROOM}/Romeo`, ['110']);
    assert.deepEqual(await joins(), ['Romeo joining']);
    assert.equal(romeo.state.mucJoins?.has(ROOM), false);
  });

  test('§7.2.18: plain presence is no join, unless the room lets the client in within five minutes', async (t) => {
    const { romeo, joins, sends, h } = await silentStage(t);
    romeo.says(`<presence to='${ROOM}/Romeo'/>`);
    assert.deepEqual(await joins(), []);
    sends(`${ROOM}/Romeo`, ['110']);
    assert.deepEqual(await joins(), ['Romeo joined']);
    romeo.says(`<presence to='garden@rooms.capulet.lit/Romeo'/>`);
    h.clock.seconds(301);
    sends('garden@rooms.capulet.lit/Romeo', ['110']);
    assert.deepEqual(await joins(), ['Romeo joined']);
  });

  test('a service without status 110: the own JID in the self-presence will do', async (t) => {
    const { romeo, rooms, joins, h } = await silentStage(t);
    romeo.joins(`${ROOM}/Romeo`);
    rooms.peer.says(
      `<presence from='${ROOM}/Romeo' to='${ROMEO}'><x xmlns='http://jabber.org/protocol/muc#user'>
         <item role='participant' affiliation='none' jid='${ROMEO}'/></x></presence>`,
    );
    h.clock.seconds(1);
    assert.deepEqual(await joins(), ['Romeo joined']);
  });

  test('a service without status 110: or the subject after it (§7.2.15)', async (t) => {
    const { romeo, rooms, joins, sends, h } = await silentStage(t);
    romeo.joins(`${ROOM}/Romeo`);
    sends(`${ROOM}/Romeo`, []);
    assert.deepEqual(await joins(), ['Romeo joining']);
    rooms.peer.says(`<message type='groupchat' from='${ROOM}' to='${ROMEO}'><subject/></message>`);
    h.clock.seconds(1);
    assert.deepEqual(await joins(), ['Romeo joined']);
    sends(`${ROOM}/Romeo`, [], { type: 'unavailable' });
    assert.deepEqual(await joins(), []);
  });

  test('the subject alone lets nobody in', async (t) => {
    const { romeo, rooms, joins, h } = await silentStage(t);
    romeo.joins(`${ROOM}/Romeo`);
    rooms.peer.says(`<message type='groupchat' from='${ROOM}' to='${ROMEO}'><subject/></message>`);
    h.clock.seconds(1);
    assert.deepEqual(await joins(), ['Romeo joining']);
  });
});

describe('XEP-0045 §7.6: nick changes', () => {
  test('asked for, announced (303), done (110)', async (t) => {
    const { romeo, joins, sends } = await joined(t);
    romeo.says(`<presence to='${ROOM}/Montague'/>`);
    assert.deepEqual(await joins(), ['Romeo renaming']);
    sends(`${ROOM}/Romeo`, ['303', '110'], { type: 'unavailable', newNick: 'Montague' });
    assert.deepEqual(await joins(), ['Montague renaming']);
    sends(`${ROOM}/Montague`, ['110']);
    assert.deepEqual(await joins(), ['Montague joined']);
  });

  test('the service chooses another one than asked for (210)', async (t) => {
    const { romeo, joins, sends } = await joined(t);
    romeo.says(`<presence to='${ROOM}/Montague'/>`);
    sends(`${ROOM}/Romeo`, ['303', '110'], { type: 'unavailable', newNick: 'montague' });
    sends(`${ROOM}/montague`, ['110', '210']);
    assert.deepEqual(await joins(), ['montague joined']);
  });

  test('forced by the room, without the client’s asking', async (t) => {
    const { joins, sends } = await joined(t);
    sends(`${ROOM}/Romeo`, ['303', '110'], { type: 'unavailable', newNick: 'Forced' });
    sends(`${ROOM}/Forced`, ['110']);
    assert.deepEqual(await joins(), ['Forced joined']);
  });

  test('announced by a service without status 110', async (t) => {
    const { joins, sends } = await joined(t);
    sends(`${ROOM}/Romeo`, ['303'], { type: 'unavailable', newNick: 'Other' });
    assert.deepEqual(await joins(), ['Other renaming']);
  });

  test('somebody else’s nick change is none of ours', async (t) => {
    const { joins, sends } = await joined(t);
    sends(`${ROOM}/Juliet`, ['303'], { type: 'unavailable', newNick: 'Capulet' });
    assert.deepEqual(await joins(), ['Romeo joined']);
  });

  for (const condition of ['conflict', 'not-allowed', 'not-acceptable'] as const) {
    test(`refused with ${condition}: the old nick stays`, async (t) => {
      const { romeo, rooms, joins, h } = await joined(t);
      rooms.peer.onStanza = (stanza) => {
        if (stanza.name === 'presence') rooms.peer.says(failure(stanza, condition));
      };
      romeo.says(`<presence to='${ROOM}/Juliet'/>`);
      h.clock.seconds(1);
      assert.deepEqual(await joins(), ['Romeo joined']);
    });
  }

  test('a presence update under the same nick changes nothing', async (t) => {
    const { romeo, joins } = await joined(t);
    romeo.says(`<presence to='${ROOM}/Romeo'><show>away</show></presence>`);
    assert.deepEqual(await joins(), ['Romeo joined']);
    assert.equal(romeo.state.mucJoins?.get(ROOM)?.epoch, 1);
  });
});

describe('XEP-0045 §7.14, §8.2, §9.1, §10.9, §11: leaving', () => {
  for (const codes of [
    ['110'],
    ['110', '301'],
    ['110', '307'],
    ['110', '307', '333'],
    ['110', '321'],
    ['110', '332'],
  ]) {
    test(`${codes.join('+')}: out`, async (t) => {
      const { joins, sends } = await joined(t);
      sends(`${ROOM}/Romeo`, codes, { type: 'unavailable' });
      assert.deepEqual(await joins(), []);
    });
  }

  test('the room is destroyed: out', async (t) => {
    const { rooms, joins, h } = await joined(t);
    rooms.peer.says(
      `<presence type='unavailable' from='${ROOM}/Romeo' to='${ROMEO}'>
         <x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='none'/><destroy/></x></presence>`,
    );
    h.clock.seconds(1);
    assert.deepEqual(await joins(), []);
  });

  test('the own nick goes without 110: a sibling has left, this client stays', async (t) => {
    const { joins, sends } = await joined(t);
    sends(`${ROOM}/Romeo`, [], { type: 'unavailable' });
    assert.deepEqual(await joins(), ['Romeo joined']);
  });

  test('two clients on one nick: each has its own place', async (t) => {
    const { h, rooms, romeo, joins } = await stage(t);
    const phone = h.client(PHONE);
    romeo.joins(`${ROOM}/Romeo`);
    phone.joins(`${ROOM}/Romeo`);
    h.clock.seconds(1);
    assert.deepEqual(await joins(), ['Romeo joined', 'Romeo joined']);
    rooms.peer.says(presence(`${ROOM}/Romeo`, ROMEO, ['110'], { type: 'unavailable' }));
    h.clock.seconds(1);
    assert.deepEqual(await joins(ROMEO), []);
    assert.deepEqual(await joins(PHONE), ['Romeo joined']);
  });

  for (const to of [`${ROOM}/Romeo`, ROOM]) {
    test(`the client leaves by ${to}: leaving until the room confirms`, async (t) => {
      const { romeo, joins, sends } = await joined(t);
      romeo.says(`<presence type='unavailable' to='${to}'/>`);
      assert.deepEqual(await joins(), ['Romeo leaving']);
      sends(`${ROOM}/Romeo`, ['110'], { type: 'unavailable' });
      assert.deepEqual(await joins(), []);
    });
  }

  test('late presence of a room that the client has left does not bring it back', async (t) => {
    const { romeo, joins, sends } = await joined(t);
    romeo.says(`<presence type='unavailable' to='${ROOM}/Romeo'/>`);
    sends(`${ROOM}/Romeo`, ['110']);
    assert.deepEqual(await joins(), ['Romeo leaving']);
  });

  test('left and joined again in one breath: the confirmation of the leave does not undo the join', async (t) => {
    const { h, rooms, romeo, joins } = await stage(t);
    romeo.joins(`${ROOM}/Romeo`);
    h.clock.seconds(1);
    romeo.says(`<presence type='unavailable' to='${ROOM}/Romeo'/>`);
    romeo.joins(`${ROOM}/Romeo`);
    h.clock.seconds(1);
    assert.deepEqual(await joins(), ['Romeo joined']);
    assert.equal(rooms.rooms.get(ROOM)?.get(ROMEO), 'Romeo');
  });

  test('a leave that cannot be delivered: out at once, and sent again when the domain is back', async (t) => {
    const { h, rooms, romeo, joins } = await stage(t);
    romeo.joins(`${ROOM}/Romeo`);
    h.clock.seconds(1);
    rooms.peer.reachable = false;
    rooms.peer.cut();
    romeo.says(`<presence type='unavailable' to='${ROOM}/Romeo'/>`);
    assert.deepEqual(await joins(), ['Romeo leaving']);
    h.clock.seconds(1);
    assert.deepEqual(await joins(), []);
    h.clock.seconds(3_600);
    rooms.peer.reachable = true;
    rooms.peer.openOut();
    h.clock.seconds(1);
    assert.equal(rooms.leaves.length, 1);
    assert.equal(rooms.rooms.get(ROOM)?.size, 0);
    rooms.peer.cut('clean');
    rooms.peer.openOut();
    h.clock.seconds(1);
    assert.equal(rooms.leaves.length, 1, 'once is enough');
  });

  test('a room that confirms nothing gets an owed leave once, not at every opening of a link', async (t) => {
    const { h, rooms, romeo } = await joined(t);
    rooms.peer.reachable = false;
    rooms.peer.cut();
    romeo.says(`<presence type='unavailable' to='${ROOM}/Romeo'/>`);
    h.clock.seconds(10);
    rooms.peer.reachable = true;
    for (let i = 0; i < 5; i++) {
      rooms.peer.openOut();
      h.clock.seconds(10);
      rooms.peer.cut('clean');
    }
    assert.equal(rooms.leaves.length, 1);
  });

  test('a client that cannot come in again takes itself for outside: the room is told when it can be', async (t) => {
    const { h, rooms, romeo, joins } = await stage(t);
    romeo.joins(`${ROOM}/Romeo`);
    h.clock.seconds(1);
    rooms.peer.reachable = false;
    rooms.peer.cut();
    romeo.joins(`${ROOM}/Romeo`);
    h.clock.seconds(10);
    assert.deepEqual(await joins(), []);
    rooms.peer.reachable = true;
    rooms.peer.openIn();
    h.clock.seconds(1);
    assert.equal(rooms.rooms.get(ROOM)?.size, 0);
  });

  test('a leave that broke with its stream is sent again', async (t) => {
    const { h, rooms, romeo, joins } = await stage(t);
    romeo.joins(`${ROOM}/Romeo`);
    h.clock.seconds(1);
    rooms.peer.deaf = true;
    romeo.says(`<presence type='unavailable' to='${ROOM}/Romeo'/>`);
    h.clock.seconds(60);
    assert.deepEqual(await joins(), ['Romeo leaving']);
    rooms.peer.deaf = false;
    rooms.peer.cut('reset');
    assert.deepEqual(await joins(), []);
    rooms.peer.openIn();
    h.clock.seconds(1);
    assert.equal(rooms.rooms.get(ROOM)?.size, 0);
  });

  test('an owed leave is dropped when the client has joined again', async (t) => {
    const { h, rooms, romeo, joins } = await stage(t);
    romeo.joins(`${ROOM}/Romeo`);
    h.clock.seconds(1);
    rooms.peer.reachable = false;
    romeo.says(`<presence type='unavailable' to='${ROOM}/Romeo'/>`);
    h.clock.seconds(1);
    rooms.peer.reachable = true;
    romeo.joins(`${ROOM}/Romeo`);
    h.clock.seconds(60);
    assert.equal(rooms.leaves.length, 0);
    assert.deepEqual(await joins(), ['Romeo joined']);
  });

  test('a leave that no room ever confirms is not waited for longer than ten minutes', async (t) => {
    const { h, romeo, joins } = await joined(t);
    romeo.says(`<presence type='unavailable' to='${ROOM}/Romeo'/>`);
    h.clock.seconds(590);
    assert.deepEqual(await joins(), ['Romeo leaving']);
    h.clock.seconds(130);
    assert.deepEqual(await joins(), []);
  });
});

describe('RFC 6121 §4.5: going offline', () => {
  test('a client that says goodbye to all leaves every room, each once', async (t) => {
    const { h, rooms, romeo, joins } = await stage(t);
    romeo.says('<presence/>');
    for (const room of ['hall', 'garden']) romeo.joins(`${room}@rooms.capulet.lit/Romeo`);
    h.clock.seconds(1);
    romeo.says(`<presence type='unavailable'><status>good night</status></presence>`);
    h.clock.seconds(1);
    assert.deepEqual(await joins(), []);
    assert.deepEqual(
      rooms.leaves.map(({ attrs }) => attrs.to),
      ['hall@rooms.capulet.lit/Romeo', 'garden@rooms.capulet.lit/Romeo'],
    );
    assert.equal(rooms.leaves[0]?.getChildText('status'), 'good night');
  });

  test('a session that ends leaves every room, each once', async (t) => {
    const { h, rooms, romeo, joins } = await stage(t);
    for (const room of ['hall', 'garden']) romeo.joins(`${room}@rooms.capulet.lit/Romeo`);
    h.clock.seconds(1);
    romeo.close();
    assert.deepEqual(await joins(), []);
    h.clock.seconds(1);
    assert.equal(rooms.leaves.length, 2);
    assert.equal(rooms.rooms.get(ROOM)?.size, 0);
  });

  test('§4.6.3: so does one whose room stands in the contact list, where broadcasts do not reach the nick', async (t) => {
    const { h, rooms, romeo } = await stage(t);
    rooms.peer.onStanza = ((take) => (stanza) => {
      if (stanza.attrs.to !== ROOM) take(stanza);
    })(rooms.peer.onStanza);
    romeo.says('<presence/>');
    rooms.peer.says(`<presence type='subscribe' from='${ROOM}' to='romeo@montague.lit'/>`);
    h.clock.seconds(1);
    romeo.says(`<presence type='subscribed' to='${ROOM}'/>`);
    await h.server.router.work.idle();
    romeo.joins(`${ROOM}/Romeo`);
    h.clock.seconds(1);
    romeo.close();
    h.clock.seconds(1);
    assert.equal(rooms.rooms.get(ROOM)?.size, 0);
  });

  test('the leave of a session that has ended cannot be delivered: it is owed all the same', async (t) => {
    const { h, rooms, romeo } = await stage(t);
    romeo.joins(`${ROOM}/Romeo`);
    h.clock.seconds(1);
    rooms.peer.reachable = false;
    rooms.peer.cut();
    romeo.close();
    h.clock.seconds(3_600);
    rooms.peer.reachable = true;
    rooms.peer.openIn();
    h.clock.seconds(1);
    assert.equal(rooms.rooms.get(ROOM)?.size, 0);
  });

  test('a new session with the same address has nothing to do with the old one’s rooms', async (t) => {
    const { h, romeo, rooms, joins } = await stage(t);
    romeo.joins(`${ROOM}/Romeo`);
    h.clock.seconds(1);
    romeo.close();
    const successor = h.client(ROMEO);
    h.clock.seconds(1);
    assert.deepEqual(await joins(), []);
    successor.joins(`${ROOM}/Romeo`);
    h.clock.seconds(1);
    assert.deepEqual(await joins(), ['Romeo joined']);
    assert.equal(rooms.rooms.get(ROOM)?.get(ROMEO), 'Romeo');
  });
});

describe('What proves that a room has this very client', () => {
  const proofs: [what: string, xml: string, counts: boolean][] = [
    [
      'a groupchat message',
      `<message type='groupchat' from='${ROOM}/Juliet' to='${ROMEO}'><body>a</body></message>`,
      true,
    ],
    [
      'one from the room itself',
      `<message type='groupchat' from='${ROOM}' to='${ROMEO}'><body>a</body></message>`,
      true,
    ],
    [
      'somebody’s presence',
      `<presence from='${ROOM}/Juliet' to='${ROMEO}'><x xmlns='http://jabber.org/protocol/muc#user'/></presence>`,
      true,
    ],
    [
      'somebody’s leave',
      `<presence type='unavailable' from='${ROOM}/Juliet' to='${ROMEO}'><x xmlns='http://jabber.org/protocol/muc#user'/></presence>`,
      true,
    ],
    [
      'a private message',
      `<message type='chat' from='${ROOM}/Juliet' to='${ROMEO}'><body>a</body><x xmlns='http://jabber.org/protocol/muc#user'/></message>`,
      true,
    ],
    [
      'an error',
      `<message type='error' from='${ROOM}' to='${ROMEO}'><error type='cancel'/></message>`,
      false,
    ],
    [
      'an invitation (§7.8)',
      `<message from='${ROOM}' to='${ROMEO}'><x xmlns='http://jabber.org/protocol/muc#user'><invite/></x></message>`,
      false,
    ],
    [
      'the presence of the room itself',
      `<presence from='${ROOM}' to='${ROMEO}'><x xmlns='http://jabber.org/protocol/muc#user'/></presence>`,
      false,
    ],
    [
      'a message to the account',
      `<message type='groupchat' from='${ROOM}/Juliet' to='romeo@montague.lit'><body>a</body></message>`,
      false,
    ],
    ['an iq', `<iq type='result' id='x' from='${ROOM}' to='${ROMEO}'/>`, false],
    [
      'a message to another client',
      `<message type='groupchat' from='${ROOM}/Juliet' to='${PHONE}'><body>a</body></message>`,
      false,
    ],
  ];
  for (const [what, xml, counts] of proofs) {
    test(`${what}: ${counts ? 'yes' : 'no'}`, async (t) => {
      const { h, rooms, romeo } = await joined(t);
      h.client(PHONE);
      const before = romeo.state.mucJoins!.get(ROOM)!.provenAt;
      h.clock.seconds(10);
      rooms.peer.says(xml);
      h.clock.seconds(1);
      const { provenAt } = romeo.state.mucJoins!.get(ROOM)!;
      assert.equal(provenAt > before, counts);
    });
  }
});

test('`enjamb joins` lists all joins, or those of a user, a client, a room or a domain', async (t) => {
  const { h, rooms, romeo, joins } = await stage(t);
  const other = h.client('juliet@montague.lit/balcony');
  romeo.joins(`${ROOM}/Romeo`);
  other.joins('garden@rooms.verona.lit/Juliet');
  new FakeRooms(h, 'rooms.verona.lit').peer.says(
    presence('garden@rooms.verona.lit/Juliet', `${other.jid}`, ['110']),
  );
  h.clock.seconds(1);
  assert.equal((await joins()).length, 2);
  for (const who of ['romeo@montague.lit', ROMEO, ROOM, rooms.domain, 'Rooms.Capulet.lit']) {
    assert.deepEqual(await joins(who), ['Romeo joined'], who);
  }
  assert.deepEqual(await joins('nobody@montague.lit'), []);
});

test('a session is in 5,000 rooms at most, as far as is remembered', async (t) => {
  const { rooms, romeo, joins } = await stage(t, 'presence_max_directed = 10_000');
  rooms.peer.onStanza = () => {};
  for (let i = 0; i < 5_010; i++) romeo.joins(`room${i}@rooms.capulet.lit/Romeo`);
  assert.equal((await joins()).length, 5_000);
  assert.equal(romeo.state.mucJoins?.size, 5_000);
});
