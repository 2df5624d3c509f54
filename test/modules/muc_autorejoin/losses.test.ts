// Which losses are taken (rows of the tables), and which joins are never sent.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { drop, dropByError, restart, shutDown } from '../../support/fake-rooms/faults.ts';
import { affiliate, destroy, kick } from '../../support/fake-rooms/moderation.ts';
import { HALL, PHONE, ROMEO, type Stage, stage } from './stage.ts';

describe('what the room says about the client itself', () => {
  const swallowed: [what: string, happens: (made: Stage) => void][] = [
    ['333', ({ room }) => drop(room, ROMEO, { codes: ['333'] })],
    ['307 and 333', ({ room }) => drop(room, ROMEO, { codes: ['307', '333'] })],
    ['no code', ({ room }) => drop(room, ROMEO, { codes: [] })],
    ['an error with 110 (ejabberd)', ({ room }) => dropByError(room, ROMEO)],
    ['332', ({ service }) => shutDown(service)],
  ];
  for (const [what, happens] of swallowed) {
    test(`${what}: swallowed, and the client is joined again`, async (t) => {
      const made = await stage(t);
      happens(made);
      made.passes(4);
      assert.deepEqual(made.seen(), []);
      made.passes(4);
      assert.equal(made.joined().length, 1);
      if (what === '332') for (const nick of ['Alice', 'Bob']) made.comes(nick);
      made.passes(1);
      assert.deepEqual(made.seen(), []);
      made.assertAlive();
      made.passes(100);
      assert.deepEqual(made.seen(), []);
    });
  }

  const shown: [what: string, seen: string, happens: (made: Stage) => void][] = [
    ['307', 'presence Romeo unavailable 307 110', ({ room }) => kick(room, 'Romeo')],
    [
      '301',
      'presence Romeo unavailable 301 110',
      ({ room }) => affiliate(room, 'romeo@montague.lit', 'outcast'),
    ],
    ['321', 'presence Romeo unavailable 321 110', ({ room }) => drop(room, ROMEO, { codes: ['321'] })],
    ['322', 'presence Romeo unavailable 322 110', ({ room }) => drop(room, ROMEO, { codes: ['322'] })],
    ['<destroy/>', 'presence Romeo unavailable', ({ room }) => destroy(room, 'elsewhere@rooms.capulet.lit')],
  ];
  for (const [what, seen, happens] of shown) {
    test(`${what}: shown, and the place is forgotten`, async (t) => {
      const made = await stage(t);
      happens(made);
      made.passes(1);
      const [line = ''] = made.seen();
      assert.deepEqual(line.split(' ').sort(), seen.split(' ').sort());
      made.passes(1_000);
      assert.deepEqual(made.joined(), []);
      assert.equal(made.romeo.state.mucPlaces?.size, 0);
    });
  }

  test('no code, and a sibling has just joined under the nick: shown', async (t) => {
    const made = await stage(t, { behaviour: { sharesNicks: false } });
    const phone = made.h.client(PHONE);
    drop(made.room, ROMEO, { codes: [], isTold: false });
    phone.joins(`${HALL}/Romeo`);
    made.passes(1);
    made.room.send(
      (await import('../../support/match.ts')).parseXml(
        `<presence type='unavailable' from='${HALL}/Romeo' to='${ROMEO}'>
           <x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='none'/><status code='110'/></x>
         </presence>`,
      ),
    );
    made.passes(1);
    assert.equal(made.seen().at(-1), 'presence Romeo unavailable 110');
    made.passes(100);
    assert.equal(made.joined().filter(({ attrs }) => attrs.from === ROMEO).length, 0);
  });

  test('a presence update that is refused because the client is not in: swallowed, and joined again', async (t) => {
    const made = await stage(t, { behaviour: { strangers: 'error' } });
    drop(made.room, ROMEO, { isTold: false });
    made.romeo.says(`<presence to='${HALL}/Romeo'><show>dnd</show></presence>`);
    made.passes(5);
    assert.equal(made.joined().length, 1);
    assert.deepEqual(made.seen(), ['presence Romeo 110'], 'its own new presence alone');
    made.assertAlive();
  });
});

describe('the server never joins', () => {
  test('a room that the client left while it was lost', async (t) => {
    const made = await stage(t);
    made.service.peer.reachable = false;
    drop(made.room, ROMEO, { codes: ['333'] });
    made.passes(1);
    made.loses();
    made.cut(10);
    made.romeo.says(`<presence type='unavailable' to='${HALL}/Romeo'/>`);
    made.passes(60);
    assert.deepEqual(made.joined(), []);
  });

  test('a room of a client that went offline, or of a session that ended', async (t) => {
    for (const end of [
      (made: Stage) => made.romeo.says(`<presence type='unavailable'/>`),
      (made: Stage) => made.romeo.close(),
    ]) {
      const made = await stage(t);
      made.loses();
      made.cut(1);
      end(made);
      made.passes(60);
      assert.deepEqual(made.joined(), []);
      assert.equal(made.romeo.state.mucPlaces?.size, 0);
      await made.h.server.stop();
    }
  });

  test('thrown out each second for an hour: three joins, then a notice, and no more', async (t) => {
    const made = await stage(t);
    for (let i = 0; i < 3_600; i++) {
      if (made.room.occupants.of(ROMEO)) drop(made.room, ROMEO, { codes: ['333'] });
      made.passes(1);
    }
    assert.equal(made.joined().length, 3);
    assert.deepEqual(made.seen(), ['presence Romeo unavailable 110 333']);
  });

  test('a link that flaps: three joins, then one in five minutes, and no notice', async (t) => {
    const made = await stage(t);
    for (let i = 0; i < 30; i++) {
      made.loses();
      made.cut(10);
      made.passes(10);
    }
    const joins = made.joined().length;
    assert.ok(joins >= 3 && joins <= 5, `${joins} joins`);
    assert.equal(made.romeo.notices.length, 0);
    made.passes(600);
    made.assertAlive();
  });

  test('a nick that is not shared, two clients of one account: ends after three joins', async (t) => {
    const made = await stage(t, { behaviour: { sharesNicks: false } });
    const phone = made.h.client(PHONE);
    made.service.behaviour.refuseJoin = (join) => {
      const other = join.attrs.from === ROMEO ? PHONE : ROMEO;
      if (made.room.occupants.of(other)) made.room.remove(other, { codes: [] });
      return undefined;
    };
    phone.joins(`${HALL}/Romeo`);
    made.passes(600);
    assert.ok(made.joined().length <= 8);
    restart(made.service, { keeps: 'all' });
  });
});

test('a client whose loss was found between two breaks is asked about after the second one', async (t) => {
  const made = await stage(t);
  drop(made.room, ROMEO, { isTold: false });
  made.romeo.says(`<message type='groupchat' id='a' to='${HALL}'><body>a</body></message>`);
  made.passes(10);
  assert.equal(made.joined().length, 1);
  drop(made.room, ROMEO, { isTold: false });
  made.cut();
  made.passes(10);
  assert.equal(made.joined().length, 1);
  made.assertAlive();
});

for (const order of ['before', 'after'] as const) {
  test(`the room's own presence, taken back ${order} a removal and shown at a join, is swallowed (ejabberd)`, async (t) => {
    const made = await stage(t);
    const takeBack = () =>
      made.service.peer.says(`<presence type='unavailable' from='${HALL}' to='${ROMEO}'/>`);
    const ofRoom = `<presence from='${HALL}' to='${ROMEO}'><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='v'/></presence>`;
    made.service.peer.says(ofRoom);
    made.passes(1);
    made.romeo.heard();
    made.service.onEntered = (_room, full) => {
      if (full === ROMEO) made.service.peer.says(ofRoom);
    };
    if (order === 'before') takeBack();
    dropByError(made.room, ROMEO);
    if (order === 'after') takeBack();
    made.passes(5);
    assert.deepEqual(made.seen(), []);
    made.assertAlive();
  });
}
