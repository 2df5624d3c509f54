// Servers without stream management confirm what we send by answering pings.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { World } from '../../src/s2s/harness.ts';
import { type RawPeer, settled } from '../../support/duplex.ts';
import { bounced, called, drop, idsIn, managedWorld, say } from './s2s-peer.ts';

const PING =
  /<iq type='get' id='([^']*)' from='montague.lit' to='capulet.lit'><ping xmlns='urn:xmpp:ping'\/><\/iq>/;

interface Pair {
  readonly world: World;
  /** Where our stanzas go. */
  readonly out: RawPeer;
  /** Where the peer's come from. */
  readonly back: RawPeer;
}

/** A link in each direction; one stanza has been sent on ours. */
async function pair(t: TestContext, config = ''): Promise<Pair> {
  const world = await managedWorld(t, config);
  const back = await world.verified();
  say(world, 'first');
  return { world, out: await called(world, ''), back };
}

/** Our next ping, by its id, and the ids of the stanzas before it. */
async function ping(out: RawPeer): Promise<{ id: string; before: string[] }> {
  const text = await out.reads(PING);
  return { id: PING.exec(text)![1]!, before: idsIn(text).slice(0, -1) };
}

async function answers({ back, world }: Pair, id: string, type = 'result'): Promise<void> {
  const error = `<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`;
  back.send(
    `<iq type='${type}' id='${id}' from='capulet.lit' to='montague.lit'>${type === 'error' ? error : ''}</iq>`,
  );
  await settled();
  await world.clock.advance(0);
}

/** What is sent again when the link breaks. */
async function again({ world, out }: Pair): Promise<string[]> {
  await drop(world, out);
  say(world, 'last');
  const next = await called(world, '');
  return idsIn(await next.reads(/<message id='last'[^>]*>/));
}

for (const type of ['result', 'error']) {
  test(`XEP-0199 §4.3: a ping behind the burst; its ${type} confirms what was sent before it, nothing after`, async (t) => {
    const there = await pair(t);
    const { id, before } = await ping(there.out);
    assert.deepEqual(before, ['first']);
    say(there.world, 'second');
    await answers(there, id, type);
    assert.deepEqual(await again(there), ['second', 'last']);
    assert.deepEqual(bounced(there.world), []);
  });
}

test('without an answer nothing is confirmed', async (t) => {
  const there = await pair(t);
  await ping(there.out);
  assert.deepEqual(await again(there), ['first', 'last']);
});

for (const [who, from, to] of [
  ['somebody else', 'mantua.lit', 'montague.lit'],
  ['somebody there', 'juliet@capulet.lit', 'montague.lit'],
] as const) {
  test(`an answer of ${who} confirms nothing`, async (t) => {
    const there = await pair(t);
    const { id } = await ping(there.out);
    const peer = from === 'mantua.lit' ? await there.world.verified(from) : there.back;
    peer.send(`<iq type='result' id='${id}' from='${from}' to='${to}'/>`);
    await settled();
    assert.deepEqual(await again(there), ['first', 'last']);
  });
}

test('pings are no more than one at a time, and ten in a second; they and their answers are no use of a link', async (t) => {
  const there = await pair(t);
  const { world, out, back } = there;
  const first = await ping(out);
  say(world, 2);
  await world.clock.advance(5_000);
  assert.equal(idsIn(out.unread).length, 1, 'one is outstanding');
  await answers(there, first.id);
  const second = await ping(out);
  await answers(there, second.id);
  say(world, 3);
  await world.clock.advance(99);
  assert.deepEqual(idsIn(out.unread), ['3']);
  await world.clock.advance(1);
  await ping(out);
  const { links: routes, incoming } = world.server.links.list();
  assert.deepEqual(routes[0]?.carrier?.overhead, { in: 0, out: 3 });
  assert.deepEqual([incoming[0]?.stanzasIn, incoming[0]?.overhead.in], [2, 2]);
  assert.deepEqual(world.arrived, []);
  assert.equal(back.ended, false);
});

test('five stanzas do not wait for the tenth of a second to end', async (t) => {
  const there = await pair(t);
  const { world, out } = there;
  await answers(there, (await ping(out)).id);
  for (let count = 0; count < 4; count++) say(world, count);
  await settled();
  assert.doesNotMatch(out.unread, PING);
  say(world, 4);
  assert.equal((await ping(out)).before.length, 5);
});

test('answers alone are not confirmed: two servers would confirm each other for ever', async (t) => {
  const there = await pair(t);
  const { world, out } = there;
  await answers(there, (await ping(out)).id);
  await world.clock.advance(2_000);
  for (let count = 0; count < 99; count++) say(world, `r${count}`, 'iq', `type='result'`);
  await world.clock.advance(5_000);
  assert.doesNotMatch(out.unread, PING);
  say(world, 'r99', 'iq', `type='result'`);
  assert.equal((await ping(out)).before.length, 100, 'so many are');
});

test('a peer that has answered and does so no more is taken for dead after 30 s', async (t) => {
  const there = await pair(t);
  const { world, out } = there;
  await answers(there, (await ping(out)).id);
  say(world, 2);
  await world.clock.advance(100);
  await ping(out);
  await world.clock.advance(29_900);
  assert.equal(out.ended, false);
  await world.clock.advance(200);
  assert.match(await out.readsToEnd(), /<connection-timeout /);
  assert.ok(world.events.includes('close out capulet.lit timeout'));
  const next = await called(world, '');
  assert.deepEqual(idsIn(await next.reads(/<message id='2'[^>]*>/)), ['2']);
});

test('a peer that never answers keeps its link, and is trusted with what is older than a minute', async (t) => {
  const there = await pair(t);
  const { world, out } = there;
  await ping(out);
  await world.clock.advance(200_000);
  assert.equal(out.ended, false);
  say(world, 'new');
  await settled();
  assert.deepEqual(await again(there), ['new', 'last']);
});

test('and with the oldest when there is too much', async (t) => {
  const there = await pair(t, 's2s_max_unconfirmed = 3');
  await ping(there.out);
  for (const id of [1, 2, 3]) say(there.world, id);
  assert.deepEqual(await again(there), ['1', '2', '3', 'last']);
});

test('s2s_confirm_by_ping = false: no pings, and what was written counts as delivered', async (t) => {
  const there = await pair(t, 's2s_confirm_by_ping = false');
  await there.out.reads(/<message id='first'[^>]*>/);
  await there.world.clock.advance(10_000);
  assert.equal(there.out.unread, '');
  assert.deepEqual(await again(there), ['last']);
});

test('a reload of the module forgets nothing', async (t) => {
  const there = await pair(t);
  await ping(there.out);
  await there.world.server.commands.run('module reload', { name: 'smacks' }, { by: 'test' });
  await there.world.clock.advance(2_000);
  const { id } = await ping(there.out);
  say(there.world, 'second');
  await answers(there, id);
  assert.deepEqual(await again(there), ['second', 'last']);
});

test('a ping from another sender confirms like ours, unless its id is longer than 256 characters', async (t) => {
  for (const length of [256, 257]) {
    const there = await pair(t);
    await answers(there, (await ping(there.out)).id);
    say(there.world, 'second');
    const id = 'x'.repeat(length);
    there.world.send(
      `<iq type='get' id='${id}' from='montague.lit' to='capulet.lit'><ping xmlns='urn:xmpp:ping'/></iq>`,
    );
    await there.world.clock.advance(1_000);
    const pings = [...there.out.unread.matchAll(new RegExp(PING, 'g'))].map((match) => match[1]);
    assert.deepEqual([pings[0], pings.length], [id, length === 256 ? 1 : 2]);
  }
});
