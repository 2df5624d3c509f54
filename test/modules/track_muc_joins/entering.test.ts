// Joins and nick changes.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { StanzaError } from '../../../src/xml/errors.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { failure, presence } from '../../support/fake-rooms.ts';
import { joined, ROMEO, ROOM, silentStage, stage } from './stage.ts';

describe('XEP-0045 §7.2: entering', () => {
  test('a join is joining until the self-presence arrives, then joined', async (t) => {
    const { romeo, joins, sends } = await silentStage(t);
    romeo.joins(`${ROOM}/Romeo`);
    assert.deepEqual(await joins(), ['Romeo joining']);
    sends(`${ROOM}/Juliet`, []);
    assert.deepEqual(await joins(), ['Romeo joining']);
    sends(`${ROOM}/Romeo`, ['110']);
    assert.deepEqual(await joins(), ['Romeo joined']);
  });

  test('§7.2.2: the service assigns another nick (210)', async (t) => {
    const { romeo, joins, sends } = await silentStage(t);
    romeo.joins(`${ROOM}/Romeo`);
    sends(`${ROOM}/romeo.m`, ['110', '210']);
    assert.deepEqual(await joins(), ['romeo.m joined']);
  });

  test('a room in the roster is tracked like any other', async (t) => {
    const { romeo, joins, h } = await stage(t);
    romeo.says(`<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='${ROOM}'/></query></iq>`);
    romeo.says(`<presence to='${ROOM}' type='subscribed'/>`);
    romeo.says('<presence/>');
    romeo.joins(`${ROOM}/Romeo`);
    h.clock.seconds(1);
    assert.deepEqual(await joins(), ['Romeo joined']);
  });

  for (const condition of ['conflict', 'forbidden', 'registration-required', 'not-authorized'] as const) {
    test(`an error ${condition} removes the join`, async (t) => {
      const { romeo, rooms, joins, h } = await stage(t);
      rooms.onJoin = () => new StanzaError(condition);
      romeo.joins(`${ROOM}/Romeo`);
      h.clock.seconds(1);
      assert.deepEqual(await joins(), []);
    });
  }

  test('an undeliverable join is removed when the client gets the error', async (t) => {
    const { romeo, rooms, joins, h } = await stage(t);
    rooms.peer.reachable = false;
    romeo.joins(`${ROOM}/Romeo`);
    assert.deepEqual(await joins(), ['Romeo joining']);
    h.clock.seconds(1);
    assert.deepEqual(await joins(), []);
    assert.equal(romeo.inbox[0]?.attrs.type, 'error');
  });

  test('an occupant joins again under a nick that is taken: it keeps the old nick', async (t) => {
    const { romeo, rooms, joins, h } = await stage(t);
    romeo.joins(`${ROOM}/Romeo`);
    h.clock.seconds(1);
    rooms.onJoin = () => new StanzaError('conflict');
    romeo.joins(`${ROOM}/Juliet`);
    h.clock.seconds(1);
    assert.deepEqual(await joins(), ['Romeo joined']);
  });

  test('self-presence of a room that the client did not join makes no join', async (t) => {
    const { romeo, joins, sends } = await silentStage(t);
    sends(`${ROOM}/Romeo`, ['110']);
    romeo.joins('garden@rooms.capulet.lit/Romeo');
    sends(`${ROOM}/Romeo`, ['110']);
    assert.deepEqual(await joins(), ['Romeo joining']);
    assert.equal(romeo.state.mucJoins?.has(ROOM), false);
  });

  test('§7.2.18: plain presence makes a join only if the room answers within five minutes', async (t) => {
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

  test('a service without status 110: the own full JID in the presence confirms the join', async (t) => {
    const { romeo, rooms, joins, h } = await silentStage(t);
    romeo.joins(`${ROOM}/Romeo`);
    rooms.peer.says(
      `<presence from='${ROOM}/Romeo' to='${ROMEO}'><x xmlns='http://jabber.org/protocol/muc#user'>
         <item role='participant' affiliation='none' jid='${ROMEO}'/></x></presence>`,
    );
    h.clock.seconds(1);
    assert.deepEqual(await joins(), ['Romeo joined']);
  });

  test('a service without status 110: the subject after the own nick confirms the join (§7.2.15)', async (t) => {
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

  test('the subject alone does not confirm a join', async (t) => {
    const { romeo, rooms, joins, h } = await silentStage(t);
    romeo.joins(`${ROOM}/Romeo`);
    rooms.peer.says(`<message type='groupchat' from='${ROOM}' to='${ROMEO}'><subject/></message>`);
    h.clock.seconds(1);
    assert.deepEqual(await joins(), ['Romeo joining']);
  });
});

describe('XEP-0045 §7.6: nick changes', () => {
  test('the client requests a nick, the room announces it (303) and confirms it (110)', async (t) => {
    const { romeo, joins, sends } = await joined(t);
    romeo.says(`<presence to='${ROOM}/Montague'/>`);
    assert.deepEqual(await joins(), ['Romeo renaming']);
    sends(`${ROOM}/Romeo`, ['303', '110'], { type: 'unavailable', newNick: 'Montague' });
    assert.deepEqual(await joins(), ['Montague renaming']);
    sends(`${ROOM}/Montague`, ['110']);
    assert.deepEqual(await joins(), ['Montague joined']);
  });

  test('the service assigns another nick than the requested one (210)', async (t) => {
    const { romeo, joins, sends } = await joined(t);
    romeo.says(`<presence to='${ROOM}/Montague'/>`);
    sends(`${ROOM}/Romeo`, ['303', '110'], { type: 'unavailable', newNick: 'montague' });
    sends(`${ROOM}/montague`, ['110', '210']);
    assert.deepEqual(await joins(), ['montague joined']);
  });

  test('the room changes the nick without a request', async (t) => {
    const { joins, sends } = await joined(t);
    sends(`${ROOM}/Romeo`, ['303', '110'], { type: 'unavailable', newNick: 'Forced' });
    sends(`${ROOM}/Forced`, ['110']);
    assert.deepEqual(await joins(), ['Forced joined']);
  });

  test('a service without status 110 announces a new nick', async (t) => {
    const { joins, sends } = await joined(t);
    sends(`${ROOM}/Romeo`, ['303'], { type: 'unavailable', newNick: 'Other' });
    assert.deepEqual(await joins(), ['Other renaming']);
  });

  for (const [what, nick] of [
    ['too long', 'n'.repeat(1_024)],
    ['empty', ''],
    ['with a forbidden character', 'Ro\u200bmeo'],
  ] as const) {
    test(`an announced nick is invalid (${what}): the presence that follows has the new nick`, async (t) => {
      const { joins, sends } = await joined(t);
      sends(`${ROOM}/Romeo`, ['303', '110'], { type: 'unavailable', newNick: nick });
      assert.deepEqual(await joins(), ['Romeo joined']);
      sends(`${ROOM}/Other`, ['110']);
      assert.deepEqual(await joins(), ['Other joined']);
    });
  }

  test('a nick change that is announced during a second join concerns the earlier stay', async (t) => {
    const { romeo, rooms, joins, sends, h } = await joined(t);
    romeo.joins(`${ROOM}/Montague`);
    sends(`${ROOM}/Romeo`, ['303', '110'], { type: 'unavailable', newNick: 'Forced' });
    assert.deepEqual(await joins(), ['Montague joining']);
    rooms.peer.says(
      `<presence type='error' from='${ROOM}/Montague' to='${ROMEO}'>
         <error type='cancel'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>`,
    );
    h.clock.seconds(1);
    assert.deepEqual(await joins(), ['Romeo joined']);
  });

  test('an announced nick is prepared as a resourcepart (RFC 7622 §3.4)', async (t) => {
    const { joins, sends } = await joined(t);
    sends(`${ROOM}/Romeo`, ['303', '110'], { type: 'unavailable', newNick: 'Rome\u0301o' });
    assert.deepEqual(await joins(), ['Rom\u00e9o renaming']);
  });

  test('ignores the nick changes of other occupants', async (t) => {
    const { joins, sends } = await joined(t);
    sends(`${ROOM}/Juliet`, ['303'], { type: 'unavailable', newNick: 'Capulet' });
    assert.deepEqual(await joins(), ['Romeo joined']);
  });

  for (const condition of ['conflict', 'not-allowed', 'not-acceptable'] as const) {
    test(`an error ${condition} restores the old nick`, async (t) => {
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

  test('self-presence without a 303 changes the nick (§7.2.2)', async (t) => {
    const { joins, sends } = await joined(t);
    sends(`${ROOM}/romeo`, ['110']);
    assert.deepEqual(await joins(), ['romeo joined']);
  });

  test('a kick during a nick change removes the join', async (t) => {
    const { romeo, joins, sends } = await joined(t);
    romeo.says(`<presence to='${ROOM}/Montague'/>`);
    sends(`${ROOM}/Romeo`, ['110', '307'], { type: 'unavailable' });
    assert.deepEqual(await joins(), []);
  });

  test('an undeliverable nick change restores the old nick', async (t) => {
    const { h, romeo, rooms, joins } = await joined(t);
    rooms.peer.reachable = false;
    rooms.peer.cut();
    romeo.says(`<presence to='${ROOM}/Montague'/>`);
    h.clock.seconds(1);
    assert.deepEqual(await joins(), ['Romeo joined']);
  });

  test('each join, leave and nick change of the client increments the epoch', async (t) => {
    const { romeo } = await joined(t);
    const epoch = () => romeo.state.mucJoins!.get(ROOM)!.epoch;
    const steps = [
      `<presence to='${ROOM}/Montague'/>`,
      `<presence to='${ROOM}/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
      `<presence to='${ROOM}/Romeo' type='unavailable'/>`,
      `<presence to='${ROOM}/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
    ];
    for (const step of steps) {
      const before = epoch();
      romeo.says(step);
      assert.equal(epoch(), before + 1, step);
    }
  });
});

describe('RFC 6121 §4.6: undeliverable presence', () => {
  for (const condition of ['remote-server-timeout', 'remote-server-not-found'] as const) {
    test(`${condition} from the other side: the join is unchanged`, async (t) => {
      const { h, romeo, rooms, joins } = await joined(t);
      rooms.peer.onStanza = (stanza) => rooms.peer.says(failure(stanza, condition));
      romeo.says(`<presence to='${ROOM}/Romeo'><show>away</show></presence>`);
      h.clock.seconds(1);
      assert.deepEqual(await joins(), ['Romeo joined']);
    });
  }

  test('an error from our own side: the join is unchanged', async (t) => {
    const { h, romeo, rooms, joins } = await joined(t);
    rooms.peer.reachable = false;
    rooms.peer.cut();
    romeo.says(`<presence to='${ROOM}/Romeo'><show>away</show></presence>`);
    h.clock.seconds(1);
    assert.deepEqual(await joins(), ['Romeo joined']);
    assert.equal(romeo.inbox.at(-1)?.attrs.type, 'error');
  });
});

test('a join, a leave and a join wait for the link: the room handles them in order, and the client is in', async (t) => {
  const { h, romeo, rooms, joins } = await stage(t);
  rooms.peer.queueMs = 90_000;
  rooms.peer.reachable = false;
  romeo.joins(`${ROOM}/Romeo`);
  romeo.says(`<presence type='unavailable' to='${ROOM}/Romeo'/>`);
  romeo.joins(`${ROOM}/Romeo`);
  h.clock.seconds(10);
  rooms.peer.reachable = true;
  rooms.peer.openIn();
  h.clock.seconds(1);
  assert.equal(rooms.rooms.get(ROOM)?.get(ROMEO), 'Romeo');
  assert.deepEqual(await joins(), ['Romeo joined']);
});

test('an answer to a join before a hidden leave does not reach the client that joins under another nick', async (t) => {
  const { h, rooms, romeo, joins } = await joined(t);
  rooms.peer.reachable = false;
  rooms.peer.cut();
  romeo.says(`<presence type='unavailable' id='bye' to='${ROOM}/Romeo'/>`);
  h.clock.seconds(1);
  romeo.heard();
  rooms.peer.reachable = true;
  rooms.peer.onStanza = () => {};
  rooms.peer.openOut();
  romeo.says(`<presence id='join' to='${ROOM}/Montague'><x xmlns='${NS.MUC}'/></presence>`);
  h.clock.seconds(1);
  rooms.peer.says(presence(`${ROOM}/Romeo`, ROMEO, ['110']).with({ id: 'former' }));
  h.clock.seconds(1);
  assert.deepEqual([romeo.heard(), await joins()], [[], ['Montague joining']]);
  rooms.peer.says(presence(`${ROOM}/Romeo`, ROMEO, ['110'], { type: 'unavailable' }));
  rooms.peer.says(presence(`${ROOM}/Montague`, ROMEO, ['110']).with({ id: 'join' }));
  h.clock.seconds(1);
  const seen = romeo.heard().map(({ attrs: { from, type } }) => [from, type]);
  assert.deepEqual([seen, await joins()], [[[`${ROOM}/Montague`, undefined]], ['Montague joined']]);
});
