// XEP-0198 §4: what is counted, when it is confirmed, and when we ask.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StanzaEvent } from '../../../src/api/events.ts';
import { assertFaults } from '../../support/server.ts';
import { archiveOf, waitingFor } from '../../support/waiting.ts';
import { BALCONY, chat, JULIET, ROMEO, type Scene, SM, says, scene } from './scene.ts';

const a = (h: number) => `<a ${SM} h='${h}'/>`;
const R = `<r ${SM}/>`;

test('XEP-0198 §4: h counts every stanza since stream management was enabled, refused ones too, and nothing else', async (t) => {
  const there = await scene(t);
  const client = await there.test.client(BALCONY);
  await client.receivesNothing();
  client.send(`<enable ${SM}/>${R}`);
  await client.receives(`<enabled ${SM}/>`);
  await client.receives(a(0));
  client.send(`<presence/><message to='nobody@capulet.lit' type='chat'><body>?</body></message>`);
  await client.skipUntil(`<presence from='${BALCONY}' to='${JULIET}'/>`);
  assert.equal((await client.next()).attrs.type, 'error');
  client.send(`${R}${R}`);
  await client.receives(a(2));
  await client.receives(a(2));
  client.send(`<presence type='no such type'/><iq type='get' id='1'/>${R}`);
  await client.skipUntil(a(4));
});

test('XEP-0198 §4: a stanza counts when its work is done, in order; the client hears of it unasked', async (t) => {
  const there = await scene(t);
  const work = heldUp(there);
  const { client } = await there.managed(BALCONY);
  says(client, ROMEO, 'held up', 'at once', 'held up', 'at once', 'at once');
  client.send(R);
  await client.receives(a(0));
  work[1]!.resolve();
  await there.turns();
  client.send(R);
  await client.receives(a(0));
  work[0]!.resolve();
  await client.receives(a(5));
  says(client, ROMEO, 'at once');
  await there.idle();
  client.send(R);
  await client.receives(a(6));
});

test('XEP-0198 §4: work that fails is over too', async (t) => {
  const there = await scene(t);
  const work = heldUp(there);
  const { client } = await there.managed(BALCONY);
  says(client, ROMEO, 'held up');
  client.send(R);
  await client.receives(a(0));
  work[0]!.reject(new Error('disk full'));
  await client.receives(a(1));
  assertFaults(there.test.server.faults, { work: 1 });
});

test('XEP-0198 §4: a message for somebody who is not there counts when it is stored', async (t) => {
  const there = await scene(t);
  const { client } = await there.managed(BALCONY);
  says(client, ROMEO, 'later');
  client.send(R);
  const { h } = (await client.next()).attrs;
  if (h === '0') await client.receives(a(1));
  assert.equal(await waitingFor(archiveOf(there.test.server), 'romeo'), 1);
});

test('XEP-0198 §4: both counters begin anew after 2^32 - 1', async (t) => {
  const there = await scene(t);
  const { client } = await there.available(BALCONY);
  const management = there.management(BALCONY);
  management.inbound.h = 2 ** 32 - 1;
  management.outbound.acknowledged = 2 ** 32 - 2;
  const romeo = await there.test.client(ROMEO);
  says(client, ROMEO, 'one', 'two');
  client.send(R);
  await client.skipUntil(a(1));
  says(romeo, BALCONY, '-2', '-1', '0');
  for (const text of ['-2', '-1', '0']) await client.receives(chat(ROMEO, BALCONY, text));
  client.send(a(0));
  await there.turns();
  assert.equal(management.outbound.queue.length, 1);
  client.send(a(1));
  await there.turns();
  assert.equal(management.outbound.queue.length, 0);
  assert.equal(management.outbound.bytes, 0);
});

test('XEP-0198 §4: after smacks_max_unacked stanzas the client is asked at once, and no more until it answers', async (t) => {
  const there = await scene(t, 'smacks_max_unacked = 3');
  const { client } = await there.available(BALCONY);
  const romeo = await there.test.client(ROMEO);
  for (const text of ['1', '2']) {
    says(romeo, BALCONY, text);
    await client.receives(chat(ROMEO, BALCONY, text));
  }
  says(romeo, BALCONY, '3');
  await client.receives(chat(ROMEO, BALCONY, '3'));
  await client.receives(R);
  says(romeo, BALCONY, '4');
  await client.receives(chat(ROMEO, BALCONY, '4'));
  client.send(`${a(5)}${R}`); // Its presence came first.
  await client.receives(a(1));
  assert.equal(there.management(BALCONY).outbound.queue.length, 0);
});

test('XEP-0198 §4: a client that has been sent little is asked after three seconds', async (t) => {
  const there = await scene(t);
  const { client } = await there.available(BALCONY);
  const romeo = await there.test.client(ROMEO);
  says(romeo, BALCONY, '1');
  await client.receives(chat(ROMEO, BALCONY, '1'));
  await there.clock.advance(2_999);
  client.send(R);
  await client.receives(a(1));
  await there.clock.advance(1);
  await client.receives(R);
});

test('XEP-0198 §4: a client that does not answer is taken for dead, and may come back', async (t) => {
  const there = await scene(t, 'smacks_ack_timeout = "20 seconds"');
  const { client, id } = await there.available(BALCONY);
  const romeo = await there.test.client(ROMEO);
  says(romeo, BALCONY, '1');
  await there.clock.advance(3_000 + 19_999);
  assert.equal(there.session(BALCONY)?.connected, true);
  await there.clock.advance(1);
  assert.equal(there.session(BALCONY)?.connected, false);
  await client.skipUntil(({ name }) => name === 'error');
  const back = await there.returning(BALCONY, id, 1);
  await back.receives(`<resumed ${SM} previd='${id}' h='1'/>`);
  await back.receives(chat(ROMEO, BALCONY, '1'));
});

test('XEP-0198 §4: a client that is heard of is slow, not dead', async (t) => {
  const there = await scene(t, 'smacks_ack_timeout = "20 seconds"');
  const { client } = await there.available(BALCONY);
  const romeo = await there.test.client(ROMEO);
  says(romeo, BALCONY, '1');
  await there.clock.advance(3_000 + 19_999);
  says(client, ROMEO, 'yes?');
  await there.clock.advance(20_000);
  assert.equal(there.session(BALCONY)?.connected, true);
  await there.clock.advance(1);
  assert.equal(there.session(BALCONY)?.connected, false);
});

test('XEP-0198 §4: a client that we do not listen to is not dead', async (t) => {
  const there = await scene(t, 'smacks_ack_timeout = "20 seconds"');
  const work = heldUp(there);
  const { client } = await there.available(BALCONY);
  const romeo = await there.test.client(ROMEO);
  says(client, ROMEO, ...Array.from({ length: 65 }, () => 'held up'));
  says(romeo, BALCONY, '1');
  await there.clock.advance(3_000);
  client.send(a(2)); // Not read while so much is to be done.
  await there.clock.advance(60_000);
  assert.equal(there.session(BALCONY)?.connected, true);
  for (const { resolve } of work) resolve();
  await there.clock.advance(60_000);
  assert.equal(there.session(BALCONY)?.connected, true);
});

for (const [h, why] of [
  [3, 'more than were sent'],
  [0, 'fewer than before'],
] as const) {
  test(`XEP-0198 §6: a client that acknowledges ${why} ends its stream`, async (t) => {
    const there = await scene(t);
    const { client } = await there.available(BALCONY);
    client.send(a(h));
    await client.receives(`
      <error xmlns='http://etherx.jabber.org/streams'>
        <undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>
        <text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>{any}</text>
        <handled-count-too-high ${SM} h='${h}' send-count='1'/>
      </error>`);
    await client.closed();
    assert.equal(there.session(BALCONY), undefined);
  });
}

for (const h of ['', `h=''`, `h='-1'`, `h='1.0'`, `h='4294967296'`]) {
  test(`XEP-0198 §4: <a ${h}/> has no counter, and ends the stream`, async (t) => {
    const there = await scene(t);
    const { client } = await there.available(BALCONY);
    client.send(`<a ${SM} ${h}/>`);
    assert.ok((await client.next()).getChild('bad-format', 'urn:ietf:params:xml:ns:xmpp-streams'));
  });
}

/** Messages whose text is "held up" have work to do until the test says otherwise. */
function heldUp(there: Scene): PromiseWithResolvers<void>[] {
  const work: PromiseWithResolvers<void>[] = [];
  const hold = (event: StanzaEvent): undefined => {
    if (event.stanza.getChildText('body') !== 'held up') return;
    const one = Promise.withResolvers<void>();
    work.push(one);
    event.waitUntil(one.promise);
  };
  const { hooks } = there.test.server.router.hosts.get('capulet.lit')!;
  hooks.add('pre-message/full', hold, 'guard', 'test');
  return work;
}
