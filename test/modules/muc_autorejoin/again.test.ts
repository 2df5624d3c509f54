// A client that a room loses again, or of which another client of ours has learned more: it is sent what it does not know.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { StanzaError } from '../../../src/xml/errors.ts';
import { drop, restart } from '../../support/fake-rooms/faults.ts';
import { affiliate } from '../../support/fake-rooms/moderation.ts';
import { HALL, JULIET, ROMEO, type Stage, stage } from './stage.ts';

/** The room loses these clients without a word, and the link breaks. */
function loses(made: Stage, ...clients: string[]): void {
  for (const client of clients) drop(made.room, client, { isTold: false });
  made.cut();
}

const bodies = (made: Stage, client = made.romeo) =>
  client
    .heard()
    .map((stanza) => stanza.getChildText('body'))
    .filter((body) => body !== undefined);

describe('6.1: the client is shown', () => {
  test('its nick change while the archive is read', async (t) => {
    const made = await stage(t, { behaviour: { archive: 'silent' } });
    made.say('Alice', 'before');
    made.passes(20);
    made.romeo.heard();
    loses(made, ROMEO);
    made.passes(4);
    made.romeo.says(`<presence to='${HALL}/Montague'/>`);
    made.passes(20);
    assert.deepEqual(made.seen(), ['presence Romeo unavailable 110 303', 'presence Montague 110']);
  });

  test('the leave of an absent occupant, also when the room has lost the client again', async (t) => {
    const made = await stage(t);
    drop(made.room, ROMEO, { isTold: false });
    made.leaves('Bob');
    made.cut();
    made.passes(5);
    made.client(JULIET, 'Juliet'); // The room shows her that Bob is away.
    made.comes('Carol');
    loses(made, ROMEO);
    made.passes(5);
    assert.deepEqual(made.seen(), ['presence Juliet', 'presence Carol']);
    made.passes(60);
    assert.deepEqual(made.seen(), ['presence Bob unavailable']);
  });

  test('the return of an absent occupant of whom only another client knew', async (t) => {
    const made = await stage(t);
    drop(made.room, ROMEO, { isTold: false });
    made.comes('Carol');
    made.client(JULIET, 'Juliet');
    restart(made.service, { keeps: 'rooms' });
    for (const nick of ['Alice', 'Bob']) made.comes(nick);
    made.cut();
    made.passes(5);
    assert.deepEqual(made.seen(), ['presence Juliet']);
    made.comes('Carol');
    made.passes(5);
    assert.deepEqual(made.seen(), ['presence Carol']);
  });

  test('M1: an occupant whose older presence a former client saw in the other view', async (t) => {
    const made = await stage(t);
    affiliate(made.room, 'juliet@montague.lit', 'owner');
    const juliet = made.client(JULIET, 'Juliet');
    juliet.says(`<presence type='unavailable' to='${HALL}/Juliet'/>`);
    affiliate(made.room, 'bob@capulet.lit', 'member');
    made.passes(1);
    made.romeo.heard();
    drop(made.room, ROMEO, { isTold: false });
    affiliate(made.room, 'romeo@montague.lit', 'owner');
    affiliate(made.room, 'bob@capulet.lit', 'none');
    made.cut();
    made.passes(5);
    assert.ok(made.seen().includes('presence Bob'));
  });
});

describe('6.3: the client is given', () => {
  test('what was said until it is let in, though the archive was read long before', async (t) => {
    const made = await stage(t, { behaviour: { archive: 'works', historyLimit: 0 } });
    const juliet = made.client(JULIET, 'Juliet');
    made.say('Alice', 'before');
    made.passes(20);
    juliet.heard();
    made.service.behaviour.refuseJoin = ({ attrs }) =>
      attrs.from === JULIET ? new StanzaError('conflict') : undefined;
    loses(made, ROMEO, JULIET);
    made.passes(30);
    made.say('Alice', 'meanwhile');
    made.passes(20);
    made.service.behaviour.refuseJoin = () => undefined;
    made.passes(60);
    assert.deepEqual(bodies(made, juliet), ['meanwhile']);
  });

  test('nothing that was said before its own join', async (t) => {
    const made = await stage(t, { behaviour: { archive: 'works', historyFilter: 'ignored' } });
    drop(made.room, ROMEO, { isTold: false });
    made.say('Alice', 'before');
    const juliet = made.h.client(JULIET);
    juliet.says(
      `<presence to='${HALL}/Juliet'><x xmlns='http://jabber.org/protocol/muc'><history maxchars='0'/></x></presence>`,
    );
    made.passes(1);
    made.cut();
    made.passes(10);
    assert.deepEqual(bodies(made), ['before']);
    made.comes('Carol');
    made.passes(1);
    juliet.heard();
    loses(made, JULIET);
    made.passes(20);
    assert.deepEqual(bodies(made, juliet), []);
  });
});

test('N4: a client that a late answer has let in is not joined again', async (t) => {
  const made = await stage(t, { behaviour: { archive: 'silent' } });
  made.say('Alice', 'before');
  for (let i = 0; i < 2; i++) {
    loses(made, ROMEO);
    made.passes(30);
  }
  made.service.behaviour.joinDelayMs = 295_000; // The next join is allowed after 300 s.
  loses(made, ROMEO);
  made.passes(60);
  assert.equal(made.joined().length, 3);
  made.passes(600);
  assert.deepEqual(made.joined(), []);
  made.assertAlive();
});
