// Losses that the room does not tell of: clients that are left out, and clients that ask.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Element } from '../../../src/xml/element.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { drop, restart } from '../../support/fake-rooms/faults.ts';
import { HALL, JULIET, ROMEO, type Stage, stage } from './stage.ts';

const pings = (made: Stage) =>
  made.service.peer.received.filter((stanza) => stanza.getChild('ping', NS.PING) !== undefined);

describe('a client that its room leaves out', () => {
  test('only one of two clients is lost, the other hears: found within 12 s, and brought up to date', async (t) => {
    const made = await stage(t);
    made.client(JULIET, 'Juliet');
    made.romeo.heard();
    made.joined();
    drop(made.room, ROMEO, { isTold: false });
    made.comes('Carol');
    made.say('Alice', 'one');
    made.passes(9);
    assert.equal(made.joined().length, 0);
    made.passes(3);
    assert.equal(made.joined().length, 1);
    assert.deepEqual(made.seen(), ['presence Carol', 'message Alice delayed one']);
    made.assertAlive();
  });

  test('a client that hears what the others hear is not asked about', async (t) => {
    const made = await stage(t);
    made.client(JULIET, 'Juliet');
    made.service.peer.received.length = 0;
    for (let i = 0; i < 10; i++) {
      made.say('Alice', `${i}`);
      made.passes(7);
    }
    assert.deepEqual(pings(made), []);
  });

  test('a room that leaves a client out for a reason is asked once in 15 minutes', async (t) => {
    const made = await stage(t);
    made.client(JULIET, 'Juliet');
    made.service.peer.received.length = 0;
    const { deliver } = made.service;
    made.service.deliver = (stanza) => {
      if (stanza.name !== 'message' || stanza.attrs.to !== ROMEO) deliver.call(made.service, stanza);
    };
    for (let i = 0; i < 60; i++) {
      made.say('Alice', `${i}`);
      made.passes(10);
    }
    assert.equal(pings(made).length, 1);
    assert.deepEqual(made.joined(), []);
  });
});

describe('silence of a room', () => {
  test('a silent room has lost its client: the other quiet rooms of the service are asked immediately', async (t) => {
    const made = await stage(t, { config: 'ping_muc_silence = "15 minutes"' });
    const rooms = Array.from({ length: 5 }, (_, i) => made.service.room(`room${i}`).jid);
    for (const room of rooms) {
      made.passes(60);
      made.romeo.joins(`${room}/Romeo`);
    }
    made.passes(560);
    made.romeo.heard();
    made.joined();
    restart(made.service, { keeps: 'rooms' });
    for (const nick of ['Alice', 'Bob']) made.comes(nick);
    made.passes(60); // The hall is due; the rooms are for a minute or more.
    assert.deepEqual(
      made
        .joined()
        .map(({ attrs }) => attrs.to)
        .sort(),
      [HALL, ...rooms].map((room) => `${room}/Romeo`).sort(),
    );
    assert.deepEqual(made.seen(), []);
  });
});

describe('self-pings of the client', () => {
  const ping = `<iq type='get' id='p' to='${HALL}/Romeo'><ping xmlns='${NS.PING}'/></iq>`;
  const answers = (seen: readonly Element[]) =>
    seen.filter(({ name }) => name === 'iq').map(({ attrs: { type, from, id } }) => [type, from, id]);

  test('says LOST: joined again, and the answer is a result', async (t) => {
    const made = await stage(t);
    drop(made.room, ROMEO, { isTold: false });
    made.romeo.says(ping);
    made.passes(8);
    assert.deepEqual(answers(made.romeo.heard()), [['result', `${HALL}/Romeo`, 'p']]);
    made.assertAlive();
  });

  test('sent while the server joins: the answer is a result', async (t) => {
    const made = await stage(t);
    made.service.behaviour.joinDelayMs = 4_000;
    drop(made.room, ROMEO, { codes: ['333'] });
    made.passes(1);
    made.romeo.says(ping);
    made.passes(3);
    assert.deepEqual(answers(made.romeo.inbox), []);
    made.passes(5);
    assert.deepEqual(answers(made.romeo.heard()), [['result', `${HALL}/Romeo`, 'p']]);
  });

  test('after 8 s the client gets the words of the room', async (t) => {
    const made = await stage(t);
    made.service.behaviour.joinDelayMs = 20_000;
    drop(made.room, ROMEO, { isTold: false });
    made.romeo.says(ping);
    made.passes(7);
    assert.deepEqual(answers(made.romeo.inbox), []);
    made.passes(2);
    assert.deepEqual(answers(made.romeo.heard()), [['error', `${HALL}/Romeo`, 'p']]);
  });

  test('a result passes as it is', async (t) => {
    const made = await stage(t);
    made.romeo.says(ping);
    made.passes(1);
    assert.deepEqual(answers(made.romeo.heard()), [['result', `${HALL}/Romeo`, 'p']]);
  });
});
