// What other modules hear of clients that fell out of rooms.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Payload } from '../../../src/api/events.ts';
import type { Harness } from '../../support/module-harness.ts';
import { FIRST_QUESTION_S, ROMEO, ROOM, scene } from './scene.ts';

function notices(h: Harness): Payload<'ping-muc-notice'>[] {
  const seen: Payload<'ping-muc-notice'>[] = [];
  h.host.hooks.add('ping-muc-notice', (event) => void seen.push(event), 'observe', 'test');
  return seen;
}

test('modules hear of every notice, with what made us sure', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  const seen = notices(h);
  rooms.forget();
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 5);
  assert.equal(romeo.notices.length, 1);
  assert.equal(seen.length, 1);
  const { session, ...rest } = seen[0]!;
  assert.equal(session, romeo);
  assert.deepEqual(rest, { room: ROOM, domain: 'rooms.capulet.lit', nick: 'Romeo', cause: 'lost' });
});

test('a client that sleeps is told now when a module acts for it', async (t) => {
  const { h, rooms, romeo } = await scene(t);
  const asked: string[] = [];
  const seen = notices(h);
  const answer = ({ session }: Payload<'ping-muc-asleep'>) => {
    asked.push(`${session.jid}`);
    return 'tell' as const;
  };
  h.host.hooks.add('ping-muc-asleep', answer, 'deliver', 'test');
  romeo.sleep();
  rooms.forget({ gone: true });
  rooms.peer.cut();
  h.clock.seconds(FIRST_QUESTION_S + 5);
  assert.deepEqual(asked, [ROMEO]);
  assert.equal(romeo.notices.length, 1);
  assert.equal(seen[0]?.cause, 'room-gone');
});
