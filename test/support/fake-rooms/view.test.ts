// What a client takes to be true of a room.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { xml } from '../../../src/xml/element.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { RoomView } from './view.ts';

function own(attrs: Record<string, string>, ...children: ReturnType<typeof xml>[]) {
  return xml(
    'presence',
    { from: 'hall@rooms.capulet.lit/Romeo', ...attrs },
    xml('x', NS.MUC_USER, ...children),
  );
}

function message(child: ReturnType<typeof xml>, isDelayed = false) {
  const delay = isDelayed ? xml('delay', NS.DELAY) : undefined;
  return xml('message', { type: 'groupchat', from: 'hall@rooms.capulet.lit/Juliet' }, child, delay);
}

const bodies = (messages: readonly { readonly body: string }[]) => messages.map(({ body }) => body);

const self = xml('status', { code: '110' });

test('§7.1: until a room has answered the join, its destruction is about an earlier stay', () => {
  const view = new RoomView();
  view.joins('Romeo', 'join');
  view.take(own({ type: 'unavailable' }, xml('destroy')));
  view.take(own({ id: 'join' }, self));
  assert.equal(view.state, 'in');
  view.take(own({ type: 'unavailable' }, xml('destroy')));
  assert.deepEqual([view.state, view.end], ['out', ['destroyed']]);
});

test('§7.1: a subject before the self-presence is from an earlier stay, and does not end the history of a join', () => {
  const view = new RoomView();
  view.joins('Romeo', 'join');
  view.take(message(xml('subject', {}, 'of the earlier stay')));
  view.take(own({ id: 'join' }, self));
  view.take(message(xml('body', {}, 'old'), true));
  view.take(message(xml('subject', {}, 'of the join'), true));
  view.take(message(xml('body', {}, 'missed'), true));
  assert.deepEqual(
    [bodies(view.history), bodies(view.messages), view.subject],
    [['old'], ['missed'], 'of the join'],
  );
});

test('where history and subject come before the self-presence, it ends the history of a join', () => {
  const view = new RoomView(true);
  view.joins('Romeo', 'join');
  view.take(message(xml('subject', {}, 'of the earlier stay')));
  view.take(message(xml('body', {}, 'old'), true));
  view.take(message(xml('subject', {}, 'of the join'), true));
  view.take(own({ id: 'join' }, self));
  view.take(message(xml('body', {}, 'missed'), true));
  assert.deepEqual(
    [bodies(view.history), bodies(view.messages), view.subject],
    [['old'], ['missed'], 'of the join'],
  );
});
