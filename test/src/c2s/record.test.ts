// A session as plain data: dropped, saved, and asleep again without a stream.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SessionPart } from '../../../src/api/stream.ts';
import { C2SSession } from '../../../src/c2s/index.ts';
import type { SessionRecord } from '../../../src/c2s/record.ts';
import { xml } from '../../../src/xml/element.ts';
import { settled } from '../../support/duplex.ts';
import { DOMAIN, type Harness, startHarness } from './harness.ts';

const BALCONY = `juliet@${DOMAIN}/balcony`;

declare module 'enjamb/api' {
  interface C2SState {
    testColour?: string;
  }
}

const COLOUR: SessionPart = {
  name: 'colour',
  save: ({ state }) => state.testColour,
  load({ state }, saved) {
    if (typeof saved !== 'string') throw new TypeError('no colour');
    state.testColour = saved;
  },
};

function keepsSleepers(harness: Harness): void {
  harness.hook('c2s-disconnect', () => 'sleep');
  harness.hook('c2s-commit', ({ session }) => (session.connected ? undefined : 'queued'));
}

test('XEP-0198 §5: a dropped stream ends without a closing tag, behind what was written, and the session sleeps', async (t) => {
  const harness = await startHarness(t);
  keepsSleepers(harness);
  const client = await harness.bound('balcony');
  const session = harness.session(BALCONY);
  session.send(xml('message', { id: 'last' }));
  session.drop(new Error('the server stops'));
  assert.equal(session.connected, false);
  assert.equal(harness.session(BALCONY), session);
  assert.equal(await client.peer.readsToEnd(), `<message id='last'/>`);
});

test('a dropped session ends unless a module keeps it', async (t) => {
  const harness = await startHarness(t);
  await harness.bound('balcony');
  harness.session(BALCONY).drop(new Error('the server stops'));
  assert.equal(harness.host.sessions.size, 0);
});

test('a session that was saved sleeps at its address, with its id, its counters and the parts of modules', async (t) => {
  const harness = await startHarness(t);
  keepsSleepers(harness);
  harness.host.items.add('session-part', COLOUR);
  harness.host.items.add('session-part', { ...COLOUR, name: 'nothing', save: () => undefined });
  const client = await harness.bound('balcony');
  client.send('<message/>');
  await client.roundTrip('end');
  const session = harness.session(BALCONY);
  session.state.testColour = 'green';
  session.drop(new Error('the server stops'));
  await settled();
  const text = JSON.stringify(session.record());

  const next = await startHarness(t);
  next.host.items.add('session-part', COLOUR);
  const told: string[] = [];
  for (const event of ['resource-bind', 'c2s-attach', 'c2s-resume'] as const) {
    next.hook(event, () => void told.push(event));
  }
  const record = JSON.parse(text) as SessionRecord;
  const again = C2SSession.asleep(record, next.host, next.context);
  assert.equal(next.session(BALCONY), again);
  assert.deepEqual(again.record(), record);
  assert.equal(again.state.testColour, 'green');
  assert.deepEqual(record.parts, { colour: 'green' });
  assert.deepEqual([again.id, again.stanzasIn, again.connected], [session.id, session.stanzasIn, false]);
  assert.deepEqual(told, []);
  again.close();
  assert.equal(next.host.sessions.size, 0);
});

test('throws for a session with a part that its module cannot use', async (t) => {
  const harness = await startHarness(t);
  harness.host.items.add('session-part', COLOUR);
  await harness.bound('balcony');
  const record = { ...harness.session(BALCONY).record(), parts: { colour: 7 } };
  harness.session(BALCONY).close();
  assert.throws(() => C2SSession.asleep(record, harness.host, harness.context), /no colour/);
  assert.equal(harness.host.sessions.size, 0);
});
