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
