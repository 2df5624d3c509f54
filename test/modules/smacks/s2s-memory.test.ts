// How much is kept for other servers that do not confirm: by memory, of each account and of all.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Stanza, xml } from '../../../src/xml/element.ts';
import type { World } from '../../src/s2s/harness.ts';
import { settled } from '../../support/duplex.ts';
import { bounced, burst, drop, idsIn, managed, managedWorld, SM, say } from './s2s-peer.ts';

/** Kept as text, whatever its tree would take. */
const COSTLY = 'x'.repeat(1_600_000);

function costly(world: World, id: string | number, from = 'romeo@montague.lit/x'): void {
  send(world, xml('message', { id: `${id}`, from, to: 'juliet@capulet.lit/y' }, xml('x', 'urn:x', COSTLY)));
}

/** Too large for the limits of a stream. */
function send({ server, host }: World, stanza: Stanza): void {
  server.router.route(stanza, host.origin);
}

function reply(world: World, id: string | number, from: string, to: string, content = ''): void {
  send(world, xml('iq', { type: 'result', id: `${id}`, from, to }, xml('x', 'urn:x', content)));
}

test('stanzas of one account that are not confirmed take 6.4 MiB at most; others go on', async (t) => {
  const world = await managedWorld(t);
  say(world, 'first');
  const peer = await managed(world);
  await burst(peer);
  for (let i = 0; i < 6; i++) {
    costly(world, i);
    await settled(); // The peer reads it, so the next one need not wait in the queue.
  }
  assert.deepEqual(bounced(world), ['4 resource-constraint', '5 resource-constraint']);
  const text = world.arrived[0]!.getChild('error')!.getChildText(
    'text',
    'urn:ietf:params:xml:ns:xmpp-stanzas',
  );
  assert.equal(text, 'Too much was sent to other servers, and they have not acknowledged it yet');
  costly(world, 'other', 'mercutio@montague.lit/x');
  assert.deepEqual(idsIn(await peer.reads(`id='other'`)), ['0', '1', '2', '3', 'other']);
  peer.send(`<a ${SM} h='6'/>`);
  await settled();
  costly(world, 'next');
  await peer.reads(`id='next'`);
});

test('what is kept counts no longer once its link has broken, and again when it is sent again', async (t) => {
  const world = await managedWorld(t);
  for (let round = 0; round < 6; round++) {
    world.arrived.length = 0;
    say(world, 'first');
    const peer = await managed(world);
    await peer.reads(`id='first'`);
    for (let i = 0; i < 4; i++) costly(world, `${i}`);
    assert.deepEqual(bounced(world), []);
    await peer.reads(`id='3'`);
    costly(world, 'more');
    assert.deepEqual(bounced(world), ['more resource-constraint']);
    await drop(world, peer);
    const next = await managed(world);
    await next.reads(`id='3'`);
    costly(world, 'more');
    assert.deepEqual(bounced(world), ['more resource-constraint', 'more resource-constraint']);
    next.send(`<a ${SM} h='5'/>`);
    await settled();
    next.send('</stream:stream>');
    await settled();
  }
});

test('what one server does not confirm keeps no reply from another: each link has room for 64 KiB', async (t) => {
  const world = await managedWorld(t);
  reply(world, 'first', 'montague.lit', 'capulet.lit');
  const silent = await managed(world);
  await burst(silent);
  for (let i = 0; i < 10; i++) reply(world, i, 'montague.lit', 'capulet.lit', COSTLY);
  for (let i = 0; i < 3_000; i++) reply(world, 'filler', 'montague.lit', 'capulet.lit');
  await silent.reads(`id='filler'`);
  reply(world, 'other', 'montague.lit', 'escalus.lit');
  const peer = await world.prepared(undefined, { from: 'escalus.lit', id: 'S2' });
  await peer.reads('</db:result>');
  peer.send(`<db:result from='escalus.lit' to='montague.lit' type='valid'/>`);
  await peer.reads(`id='other'`);
});

test('what peers do not acknowledge is bounded over all hosts together', async (t) => {
  const world = await managedWorld(t);
  reply(world, 'first', 'montague.lit', 'capulet.lit');
  const peer = await managed(world);
  await burst(peer);
  for (let i = 0; i < 3; i++) reply(world, i, 'montague.lit', 'capulet.lit', COSTLY);
  await peer.reads(`id='1'`);
  reply(world, 'one', 'verona.lit', 'capulet.lit');
  const other = await world.prepared(undefined, { to: 'verona.lit', id: 'S2' });
  await other.reads('</db:result>');
  other.send(`<db:result from='capulet.lit' to='verona.lit' type='valid'/>`);
  await other.reads(`id='one'`);
  reply(world, 'two', 'verona.lit', 'capulet.lit', COSTLY); // A reply cannot return: it is dropped.
  reply(world, 'three', 'verona.lit', 'capulet.lit');
  assert.deepEqual(idsIn(await other.reads(`id='three'`)), ['three']);
  peer.send(`<a ${SM} h='3'/>`);
  await settled();
  reply(world, 'four', 'verona.lit', 'capulet.lit', COSTLY);
  await other.reads(`id='four'`);
});
