// What counts as a failure in the table of docs/clients.md.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cellOf, failures, type Seen } from './cells.ts';

const PRESENT = ['observer', 'newcomer', 'Dino'];
const WELL: Seen = {
  talk: ['before-1', 'gap-1', 'gap-2 Dino: look', 'gap-3', 'after-1', 'here-Dino'].join('\n'),
  people: ['Dino', 'newcomer', 'observer'],
  alerts: 'observer: gap-2 Dino: look',
  isHeard: true,
  seconds: 1,
};
const verdict = (change: Partial<Seen>) => failures(cellOf({ ...WELL, ...change }, PRESENT));

test('a program that shows all once and in order, and lists who is there, has lost nothing', () => {
  assert.deepEqual(verdict({}), []);
  assert.deepEqual(verdict({ isHeard: undefined, people: undefined, alerts: undefined }), []);
});

test('lost, repeated and late messages are failures', () => {
  const { talk } = WELL;
  assert.deepEqual(verdict({ talk: talk.replace('gap-2 Dino: look\n', '') }), ['lost gap-2']);
  assert.deepEqual(verdict({ talk: `before-1\n${talk}` }), ['twice before-1']);
  const late = talk.replace('gap-1\n', '').replace('after-1', 'after-1\ngap-1');
  assert.deepEqual(verdict({ talk: late }), ['not in order']);
});

test('a program must hear and be heard', () => {
  const talk = WELL.talk.replace('after-1\n', '');
  assert.deepEqual(verdict({ isHeard: false }), ['is not heard']);
  assert.deepEqual(verdict({ talk }), ['hears nobody']);
  assert.deepEqual(verdict({ talk, isHeard: false, people: [] }), ['out of the room']);
});

test('its list of people must be that of the observer', () => {
  const wrong = ['does not list newcomer', 'still lists leaver'];
  assert.deepEqual(verdict({ people: ['Dino', 'leaver', 'observer'] }), wrong);
  assert.deepEqual(verdict({ people: ['Dino', ...PRESENT] }), ['lists Dino twice']);
});

test('an alert is one for the message that mentions the program', () => {
  assert.equal(cellOf(WELL, PRESENT).alerted, true);
  assert.equal(cellOf({ ...WELL, alerts: 'gap-1' }, PRESENT).alerted, false);
  assert.equal(cellOf({ ...WELL, alerts: undefined }, PRESENT).alerted, undefined);
});
