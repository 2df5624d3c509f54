// What clients, links and the module itself do in each state of a place.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { NS } from '../../../src/xml/namespaces.ts';
import { drop } from '../../support/fake-rooms/faults.ts';
import { affiliate, kick } from '../../support/fake-rooms/moderation.ts';
import { HOST } from '../../support/module-harness.ts';
import { out, place, STATES } from './out.ts';
import { HALL, ROMEO, stage } from './stage.ts';

for (const state of STATES) {
  describe(`a client that is ${state}`, () => {
    test('nothing else happens: in, and the client has seen nothing', async (t) => {
      const { made, ends } = await out(t, state);
      ends();
      made.passes(100);
      assert.equal(place(made)?.state, 'in');
      assert.deepEqual(made.seen(), []);
      made.assertAlive();
    });

    test('the client joins: everything passes from then on', async (t) => {
      const { made, ends } = await out(t, state);
      made.romeo.joins(`${HALL}/Romeo`);
      ends();
      made.passes(10);
      const seen = made.seen();
      for (const line of ['presence Alice', 'presence Bob', 'presence Romeo 110'])
        assert.ok(seen.includes(line), `${line} in ${seen}`);
      assert.equal(place(made)?.state, 'in');
      const joins = made.joins.length;
      made.passes(100);
      assert.equal(made.joins.length, joins);
      made.assertAlive();
    });

    test('the client leaves: out of the room, and it sees nothing but that', async (t) => {
      const { made, ends, joins } = await out(t, state);
      const before = joins();
      made.romeo.says(`<presence type='unavailable' to='${HALL}/Romeo'/>`);
      ends();
      made.passes(100);
      assert.equal(made.room.occupants.of(ROMEO), undefined);
      assert.equal(place(made), undefined);
      const seen = made.seen();
      const expected = state === 'lost' ? [] : ['presence Romeo unavailable 110'];
      assert.deepEqual(
        seen.filter((line) => line.startsWith('presence')),
        expected,
      );
      assert.equal(joins(), before);
    });

    test('the session ends: out of the room', async (t) => {
      const { made, ends } = await out(t, state);
      made.romeo.close();
      ends();
      made.passes(100);
      assert.equal(made.room.occupants.of(ROMEO), undefined);
      const { text = '' } = await made.h.command('metrics');
      assert.match(text, /muc_autorejoin_held_bytes\{[^}]*\} 0/);
      assert.match(text, /muc_autorejoin_rooms\{[^}]*\} 0/);
    });

    test('the client changes its show, and then its nick: sent when it is in', async (t) => {
      const { made, ends } = await out(t, state);
      made.romeo.says(`<presence to='${HALL}/Romeo'><show>dnd</show></presence>`);
      made.romeo.says(`<presence to='${HALL}/Montague'><show>xa</show></presence>`);
      ends();
      made.passes(10);
      assert.equal(made.room.occupants.of(ROMEO)?.nick, 'Montague');
      assert.equal(made.romeo.state.mucJoins?.get(HALL)?.nick, 'Montague');
      const seen = made.seen();
      assert.ok(seen.includes('presence Montague 110'), `${seen}`);
      assert.ok(seen.some((line) => line.startsWith('presence Romeo unavailable')));
      assert.match(`${place(made)?.payload}`, /<show>xa<\/show>/);
    });

    test('the link breaks again: joined anew, and the client sees nothing', async (t) => {
      const { made, ends } = await out(t, state);
      made.service.behaviour.joinDelayMs = 0;
      made.loses();
      made.service.release(true);
      made.service.onEntered = () => {};
      made.service.peer.cut();
      ends();
      made.passes(100);
      assert.equal(place(made)?.state, 'in');
      assert.deepEqual(made.seen(), []);
      made.assertAlive();
    });

    test('a moderator kicks the client: it sees that, and stays out', async (t) => {
      const { made, ends } = await out(t, state);
      if (state === 'lost') return; // It is not there to be kicked.
      kick(made.room, 'Romeo');
      ends();
      made.passes(100);
      assert.ok(made.seen().includes('presence Romeo unavailable 110 307'));
      assert.equal(place(made), undefined);
      assert.equal(made.room.occupants.of(ROMEO), undefined);
    });

    test('reload of the module: joined by the next instance', async (t) => {
      const { made, ends } = await out(t, state);
      await made.h.command('module reload', { name: 'muc_autorejoin', host: HOST });
      ends();
      made.passes(100);
      assert.equal(place(made)?.state, 'in');
      assert.deepEqual(made.seen(), []);
      made.assertAlive();
    });

    test('the client sleeps, and is woken later: it has missed nothing', async (t) => {
      const { made, ends } = await out(t, state);
      made.romeo.sleep();
      made.say('Alice', 'anybody?');
      ends();
      made.passes(100);
      made.romeo.resume();
      made.passes(10);
      const talk = made.seen().filter((line) => line.startsWith('message Alice'));
      assert.equal(talk.length, 1);
    });
  });
}

test('what comes while the client is let in is given in order, after what it missed', async (t) => {
  const { made, ends } = await out(t, 'catching-up');
  made.say('Alice', 'before'); // Held by the stage with the history.
  made.comes('Carol');
  affiliate(made.room, 'bob@capulet.lit', 'admin');
  ends();
  made.passes(1);
  made.say('Carol', 'live');
  made.passes(10);
  assert.deepEqual(made.seen(), [
    'presence Carol',
    'presence Bob',
    'message Alice before',
    'message Carol live',
  ]);
});

test('8: a place survives a reload while it is in, and what is known of the room too', async (t) => {
  const made = await stage(t);
  await made.h.command('module reload', { name: 'muc_autorejoin', host: HOST });
  drop(made.room, ROMEO, { codes: ['333'] });
  made.passes(5);
  assert.equal(made.joins.length, 1);
  assert.deepEqual(made.seen(), []);
  made.assertAlive();
});

test('other children of the join stay, other history goes', async (t) => {
  const made = await stage(t);
  made.romeo.says(
    `<presence to='${HALL}/Romeo'><x xmlns='${NS.MUC}'><history maxstanzas='0'/><mav xmlns='urn:xmpp:muc:affiliations:1'/></x></presence>`,
  );
  made.passes(1);
  made.service.peer.received.length = 0;
  drop(made.room, ROMEO, { codes: ['333'] });
  made.passes(5);
  const x = made.joins[0]?.getChild('x', NS.MUC);
  assert.deepEqual(
    x?.elements().map((child) => `${child}`.replace(/\d+/g, 'N')),
    [`<mav xmlns='urn:xmpp:muc:affiliations:N'/>`, `<history seconds='N'/>`],
  );
});
