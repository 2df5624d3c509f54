// Silent joins: a room has lost a client, and the client sees a room that is as it was.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { NS } from '../../../src/xml/namespaces.ts';
import { HALL, ROMEO, stage } from './stage.ts';

describe('muc_autorejoin, silent: a client that a room has lost', () => {
  test('is joined again within 5 s, and gets nothing if nothing has happened', async (t) => {
    const made = await stage(t);
    made.loses();
    made.cut();
    made.passes(5);
    assert.deepEqual(made.seen(), []);
    assert.equal(made.joined().length, 1);
    made.passes(120);
    assert.deepEqual(made.seen(), []);
    made.assertAlive();
  });

  test('in its own words, for the history since it last heard the room', async (t) => {
    const made = await stage(t);
    made.romeo.says(
      `<presence to='${HALL}/Romeo'><show>away</show><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='v'/></presence>`,
    );
    made.say('Alice', 'hello');
    made.passes(100);
    made.romeo.heard();
    made.loses();
    made.cut();
    made.passes(5);
    const [join] = made.joined();
    assert.equal(join?.attrs.from, ROMEO);
    assert.equal(join?.attrs.to, `${HALL}/Romeo`);
    assert.equal(join?.getChildText('show'), 'away');
    assert.ok(join?.getChild('c', 'http://jabber.org/protocol/caps'));
    const history = join?.getChild('x', NS.MUC)?.getChild('history');
    const seconds = Number(history?.attrs.seconds);
    assert.ok(seconds >= 100 + 120 && seconds <= 110 + 120, `${seconds}`);
  });

  test('sees who came and went, and hears what was said, once and in order', async (t) => {
    const made = await stage(t, { people: ['Alice', 'Bob', 'Carol'] });
    made.say('Alice', 'before');
    made.passes(1);
    made.romeo.heard();
    made.loses({ people: ['Alice', 'Bob'] });
    made.cut(10);
    made.say('Alice', 'one');
    made.comes('Dora');
    made.say('Dora', 'two');
    made.passes(5);
    assert.deepEqual(made.seen(), ['presence Dora', 'message Alice delayed one', 'message Dora delayed two']);
    made.passes(60);
    assert.deepEqual(made.seen(), ['presence Carol unavailable']);
    made.assertAlive();
  });
});
