// The settings of a room, which may change while it has lost a client.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { factsIn } from '../../../modules/muc_autorejoin/memory/facts.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { drop } from '../../support/fake-rooms/faults.ts';
import { configure } from '../../support/fake-rooms/moderation.ts';
import type { RoomConfig } from '../../support/fake-rooms/room.ts';
import { parseXml } from '../../support/match.ts';
import { HALL, JULIET, ROMEO, type Stage, stage } from './stage.ts';

const CASES: readonly [string, Partial<RoomConfig>, Partial<RoomConfig>, string][] = [
  ['its name', {}, { name: 'Ballroom' }, '104'],
  ['all see addresses now', {}, { nonAnonymous: true }, '104 172'],
  ['moderators alone see addresses now', { nonAnonymous: true }, { nonAnonymous: false }, '104 173'],
  ['it keeps a log now, and has another name', {}, { logging: true, name: 'Log' }, '104 170'],
  ['it keeps no log any more', { logging: true, name: 'Log' }, { logging: false, name: 'Hall' }, '104 171'],
  ['it moderates now, and hides', {}, { moderated: true, hidden: true }, '104'],
];

/** The room loses romeo, and its settings change before Bob says something. */
function gap(made: Stage, change: () => void): void {
  drop(made.room, ROMEO, { isTold: false });
  change();
  made.say('Bob', 'missed');
  made.cut();
  made.passes(5);
}

function infos({ service }: Stage): number {
  return service.peer.received.filter((stanza) => stanza.getChild('query', NS.DISCO_INFO)).length;
}

const messages = (made: Stage, client = made.romeo) =>
  made.seen(client).filter((line) => line.startsWith('message'));

describe('a room with other settings after the gap', () => {
  for (const [title, before, after, codes] of CASES) {
    test(`${title}: one message with ${codes}, before what was missed; asked once`, async (t) => {
      const made = await stage(t, { room: before });
      gap(made, () => configure(made.room, after));
      assert.deepEqual(messages(made), [`message room ${codes}`, 'message Bob delayed missed']);
      assert.equal(infos(made), 1);
    });
  }

  test('the service can do more or less than before: nothing', async (t) => {
    const made = await stage(t, { behaviour: { archive: 'none' } });
    gap(made, () => void Object.assign(made.service.behaviour, { archive: 'works' }));
    assert.deepEqual(messages(made), ['message Bob delayed missed']);
    assert.equal(infos(made), 1);
  });

  test('the stanza is what rooms send (XEP-0045 §10.2.1)', async (t) => {
    const made = await stage(t);
    gap(made, () => configure(made.room, { name: 'Ballroom' }));
    assert.equal(
      `${made.romeo.heard()[0]}`,
      `<message type='groupchat' from='${HALL}' to='${ROMEO}'><x xmlns='${NS.MUC_USER}'><status code='104'/></x></message>`,
    );
  });

  test('several of ours: asked once, and each is told', async (t) => {
    const made = await stage(t);
    const juliet = made.client(JULIET, 'Juliet');
    made.romeo.heard();
    made.service.peer.received.length = 0;
    drop(made.room, JULIET, { isTold: false });
    gap(made, () => configure(made.room, { name: 'Ballroom' }));
    for (const client of [made.romeo, juliet])
      assert.deepEqual(messages(made, client), ['message room 104', 'message Bob delayed missed']);
    assert.equal(infos(made), 1);
  });

  test('a change of which another client of ours was told meanwhile', async (t) => {
    const made = await stage(t);
    made.client(JULIET, 'Juliet');
    made.romeo.heard();
    drop(made.room, ROMEO, { isTold: false });
    configure(made.room, { nonAnonymous: true });
    made.passes(20);
    made.cut();
    made.passes(5);
    assert.deepEqual(messages(made), ['message room 104 172']);
  });

  test('the change of a later gap is told with the codes of that gap', async (t) => {
    const made = await stage(t);
    gap(made, () => configure(made.room, { nonAnonymous: true }));
    made.romeo.heard();
    gap(made, () => configure(made.room, { name: 'Ballroom' }));
    assert.equal(messages(made)[0], 'message room 104');
    gap(made, () => configure(made.room, { nonAnonymous: false }));
    assert.equal(messages(made)[0], 'message room 104 173');
  });
});

describe('nothing is told', () => {
  test('about the subject, and the number of occupants', async (t) => {
    const made = await stage(t);
    gap(made, () => {
      made.people.get('Bob')!.subject(HALL, 'news');
      made.comes('Carol');
    });
    assert.deepEqual(messages(made), ['message Bob delayed missed', 'message Bob subject "news"']);
  });

  test('of a change that the room has told the client', async (t) => {
    for (const seconds of [1, 20]) {
      const made = await stage(t);
      const juliet = made.client(JULIET, 'Juliet');
      configure(made.room, { nonAnonymous: true });
      made.passes(seconds);
      for (const client of [made.romeo, juliet]) assert.equal(messages(made, client).length, 1);
      made.romeo.heard();
      gap(made, () => {});
      assert.deepEqual(messages(made), ['message Bob delayed missed']);
      await made.h.server.stop();
    }
  });
});

test('facts: labels are in the language of the client that asks, and the order means nothing', () => {
  const answer = (label: string, fields: string[]) =>
    parseXml(
      `<iq type='result'><query xmlns='${NS.DISCO_INFO}'><identity category='conference' type='text' name='Hall'/>` +
        `<x xmlns='jabber:x:data' type='result'>${fields.map((name) => `<field var='${name}' label='${label}'><value>1</value></field>`).join('')}</x></query></iq>`,
    );
  const print = (label: string, fields: string[]) => factsIn(answer(label, fields), 7)?.print;
  assert.equal(print('Sprache', ['muc#a', 'muc#b']), print('language', ['muc#b', 'muc#a']));
  assert.notEqual(print('', ['muc#a']), print('', ['muc#b']));
  assert.equal(print('', ['muc#a', 'muc#roominfo_occupants']), print('', ['muc#a']));
});
