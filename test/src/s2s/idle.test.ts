// Unused streams, which are closed after s2s_idle_time.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type RawPeer, settled } from '../../support/duplex.ts';
import { parseXml } from '../../support/match.ts';
import { startWorld, type World } from './harness.ts';

const MESSAGE = `<message id='1' from='juliet@capulet.lit' to='romeo@montague.lit'/>`;

function send(world: World, id: string | number): void {
  world.send(`<message id='${id}' from='romeo@montague.lit' to='juliet@capulet.lit'/>`);
}

const MINUTE_MS = 60_000;
const PING = `<ping xmlns='urn:xmpp:ping'/>`;

async function link(world: World): Promise<RawPeer> {
  send(world, 1);
  const peer = await world.accepted();
  await peer.reads(/<message[^>]*>/);
  return peer;
}

test('a stream that is unused for s2s_idle_time is closed in order, with its cause', async (t) => {
  const world = await startWorld(t);
  const incoming = await world.verified();
  const outgoing = await link(world);
  await world.clock.advance(9 * MINUTE_MS);
  incoming.send(MESSAGE);
  await world.clock.advance(1.6 * MINUTE_MS);
  await outgoing.reads('</stream:stream>');
  outgoing.send('</stream:stream>');
  await settled();
  assert.equal(world.events.at(-1), 'close out capulet.lit idle');
  assert.equal(incoming.ended, false);
  await world.clock.advance(9 * MINUTE_MS);
  await world.clock.advance(1.6 * MINUTE_MS);
  await incoming.reads('</stream:stream>');
});

test('overhead does not keep a stream open; a module that needs the link does', async (t) => {
  const world = await startWorld(t, { config: 's2s_idle_time = "1 minute"' });
  const peer = await link(world);
  const needed: string[] = [];
  let isNeeded = true;
  world.hook('link-needed', ({ remote }) => {
    needed.push(remote);
    return isNeeded ? 'needed' : undefined;
  });
  const { carrier: session } = world.server.links.list().links[0]!;
  for (let i = 1; i <= 4; i++) {
    session!.send(parseXml(`<iq type='get' id='ka${i}' from='montague.lit' to='capulet.lit'>${PING}</iq>`));
    await world.clock.advance(30_000);
  }
  assert.ok(needed.length > 0 && needed.every((remote) => remote === 'capulet.lit'));
  assert.equal(session!.isOpen, true);
  isNeeded = false;
  await world.clock.advance(15_000);
  assert.equal(session!.isOpen, false);
  await peer.reads('</stream:stream>');
});

test('RFC 6120 §10.1: a stanza for a stream that is closing as idle opens the next one', async (t) => {
  const world = await startWorld(t, { config: 's2s_idle_time = "1 minute"' });
  const peer = await link(world);
  await world.clock.advance(76_000);
  await peer.reads('</stream:stream>');
  send(world, 2);
  const next = await world.accepted();
  peer.send('</stream:stream>');
  await next.reads(`<message id='2'`);
  assert.deepEqual(world.arrived, []);
});

for (const days of [-1, 1]) {
  test(`a wall clock that is set by ${days} day: a stream is closed after s2s_idle_time, not before and not later`, async (t) => {
    const world = await startWorld(t);
    await link(world);
    await world.clock.advance(MINUTE_MS);
    world.clock.moveWallClock(days * 86_400_000);
    await world.clock.advance(8 * MINUTE_MS);
    assert.deepEqual(world.events, ['open out capulet.lit']);
    await world.clock.advance(2 * MINUTE_MS);
    world.drop();
    await settled();
    assert.equal(world.events.at(-1), 'close out capulet.lit idle');
  });
}
