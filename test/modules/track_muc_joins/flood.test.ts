// Bounds on what one account can make the server store, and on the connections that this causes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { worthKeeping } from '../../../modules/track_muc_joins/join.ts';
import { type HarnessClient, type HarnessPeer, harness } from '../../support/module-harness.ts';

const ENTERS = `<x xmlns='http://jabber.org/protocol/muc'/>`;

function passesThrough(client: HarnessClient, { domain }: HarnessPeer): void {
  client.says(`<presence to='hall@${domain}/Romeo'>${ENTERS}</presence>`);
  client.says(`<presence to='hall@${domain}/Romeo' type='unavailable'/>`);
}

test('leaves for thousands of unreachable servers cause one connection attempt a second', async (t) => {
  const h = await harness(t);
  const romeo = h.client('romeo@montague.lit/orchard');
  const peers = Array.from({ length: 3_000 }, (_, index) => h.peer(`rooms${index}.capulet.lit`));
  for (const peer of peers) {
    peer.reachable = false;
    passesThrough(romeo, peer);
  }
  h.clock.seconds(2 * 3_600);
  for (const peer of peers) peer.failures = 0;
  h.clock.seconds(30_000);
  const calls = peers.reduce((sum, { failures }) => sum + failures, 0);
  assert.ok(calls > 20_000 && calls < 35_000, `${calls} calls in 30,000 s`);
});

test('the leaves of one account are bounded, and do not displace those of other accounts', async (t) => {
  const h = await harness(t);
  const peer = h.peer('rooms.capulet.lit');
  peer.reachable = false;
  const juliet = h.client('juliet@montague.lit/balcony');
  passesThrough(juliet, peer);
  for (let index = 0; index < 6; index++) {
    const romeo = h.client(`romeo@montague.lit/${index}`);
    for (let room = 0; room < 1_000; room++) {
      romeo.says(`<presence to='${room}@${peer.domain}/Romeo'>${ENTERS}</presence>`);
      romeo.says(`<presence to='${room}@${peer.domain}/Romeo' type='unavailable'/>`);
    }
    h.clock.seconds(1);
  }
  peer.reachable = true;
  peer.openOut();
  h.clock.seconds(120);
  const from = peer.received.map(({ attrs }) => attrs.from ?? '');
  assert.equal(from.filter((full) => full.startsWith('juliet@')).length, 1);
  assert.equal(from.filter((full) => full.startsWith('romeo@')).length, 5_000);
  assert.ok(!from.includes('romeo@montague.lit/0'), 'the oldest were dropped');
});

test('leaves for a domain that was unreachable for a day are dropped', async (t) => {
  const h = await harness(t);
  const peer = h.peer('rooms.capulet.lit');
  peer.reachable = false;
  passesThrough(h.client('romeo@montague.lit/orchard'), peer);
  h.clock.seconds(25 * 3_600);
  const tried = peer.failures;
  h.clock.seconds(3_600);
  peer.reachable = true;
  peer.openOut();
  h.clock.seconds(120);
  assert.deepEqual([peer.failures - tried, peer.received.length], [0, 0]);
});

test('does not track joins with very long addresses', async (t) => {
  const h = await harness(t);
  const romeo = h.client('romeo@montague.lit/orchard');
  for (const length of [100, 900]) romeo.joins(`${'x'.repeat(length)}@rooms.capulet.lit/Romeo`);
  romeo.joins(`hall@rooms.capulet.lit/${'R'.repeat(900)}`);
  assert.deepEqual([...(romeo.state.mucJoins?.keys() ?? [])], [`${'x'.repeat(100)}@rooms.capulet.lit`]);
  assert.equal(h.peer('rooms.capulet.lit').received.length, 3, 'the joins are routed nevertheless');
});

test('plain presence to many addresses: only the most recent ones may become joins', async (t) => {
  const h = await harness(t);
  const romeo = h.client('romeo@montague.lit/orchard');
  for (let i = 0; i < 300; i++) romeo.says(`<presence to='user${i}@capulet.lit/x'/>`);
  romeo.says(`<presence to='${'x'.repeat(900)}@capulet.lit/x'/>`);
  const addressed = [...(romeo.state.mucAddressed?.keys() ?? [])];
  assert.deepEqual([addressed.length, addressed.at(-1)], [200, 'user299@capulet.lit']);
});

test('does not store an id of more than 256 characters', () => {
  assert.deepEqual(
    [256, 257].map((length) => worthKeeping('x'.repeat(length))?.length),
    [256, undefined],
  );
});
