// Links that only the server itself has used: a question after their end would open the next one, and so on.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { S2SCloseCause } from '../../../src/api/session.ts';
import { StreamError } from '../../../src/xml/errors.ts';
import { scene } from './scene.ts';

const IDLE = new StreamError('connection-timeout');

for (const [cause, error, traffic, asks] of [
  ['clean', undefined, 'overhead', false],
  ['idle', undefined, 'overhead', false],
  ['stream-error', IDLE, 'overhead', false],
  ['stream-error', new StreamError('reset'), 'overhead', true],
  ['stream-error', new Error('connection-timeout'), 'overhead', true],
  ['reset', IDLE, 'overhead', true],
  ['timeout', undefined, 'overhead', true],
  ['local', undefined, 'overhead', true],
  ['clean', undefined, 'a stanza more', true],
] as const satisfies readonly [S2SCloseCause, Error | undefined, string, boolean][]) {
  const how = `${cause}${error ? ` (${error.message})` : ''}`;
  test(`a link with ${traffic} ends, ${how}: rooms are ${asks ? '' : 'not '}asked`, async (t) => {
    const { h, rooms } = await scene(t);
    rooms.peer.cut('idle');
    h.clock.seconds(120);
    const before = rooms.pings.length;
    const out = rooms.peer.openOut();
    out.stanzasOut++;
    out.overhead.out++;
    if (traffic !== 'overhead') out.stanzasOut++;
    rooms.peer.cut(cause, error);
    h.clock.seconds(600);
    assert.equal(rooms.pings.length > before, asks);
  });
}
