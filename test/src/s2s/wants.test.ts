// Links that modules want although no stanza waits for them: the times of the attempts.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Payload } from '../../../src/api/events.ts';
import { NetError } from '../../../src/net/errors.ts';
import { Wants } from '../../../src/s2s/wants.ts';
import { settled } from '../../support/duplex.ts';
import { HandClock } from '../../support/module-harness.ts';
import { refused, startWorld } from './harness.ts';

const US = 'montague.lit';
const OWNER = {};

/** Wants whose attempts fail after `takesMs`, and the seconds at which they began. */
function failing(t: TestContext, takesMs = 0, random = 0.5) {
  // A mock would remember each of 100,000 calls.
  const original = Math.random;
  Math.random = () => random;
  t.after(() => {
    Math.random = original;
  });
  const clock = new HandClock();
  const began = clock.elapsed();
  const tried: { remote: string; at: number }[] = [];
  const withdrawn: string[] = [];
  const wants: Wants = new Wants({
    clock,
    attempt(_local, remote, failed) {
      tried.push({ remote, at: (clock.elapsed() - began) / 1_000 });
      if (takesMs > 0) clock.after(takesMs, failed);
      else failed();
      return () => void withdrawn.push(remote);
    },
  });
  return { clock, wants, tried, withdrawn, times: () => tried.map(({ at }) => at) };
}

test('a remote that is only wanted is tried after 15 s, 30 s, 1 min, 2 min, 4 min, then every 5 min', (t) => {
  const { clock, wants, times } = failing(t);
  wants.add(US, 'capulet.lit', OWNER, undefined);
  clock.seconds(1_100);
  assert.deepEqual(times(), [15, 45, 105, 225, 465, 765, 1_065]);
});

test('the pauses of a want are up to a fifth longer or shorter', (t) => {
  const short = failing(t, 0, 0);
  short.wants.add(US, 'capulet.lit', OWNER, undefined);
  short.clock.seconds(13);
  assert.deepEqual(short.times(), [12]);
});

test('soon: the pause is a fifth of the outage, at least 2 s and at most 30 s', (t) => {
  const { clock, wants, times } = failing(t, 0, 0);
  wants.add(US, 'capulet.lit', OWNER, { soon: true });
  clock.seconds(600);
  const tries = times();
  const gaps = tries.slice(1).map((at, index) => at - tries[index]!);
  assert.equal(tries[0], 2);
  for (const [index, gap] of gaps.entries()) {
    const expected = Math.min(30, Math.max(2, tries[index]! / 5));
    assert.ok(Math.abs(gap - expected) < 0.2, `${gap} s after ${tries[index]} s`);
  }
  assert.equal(Math.round(gaps.at(-1)!), 30);
});

test('soon: from an hour on the pause is a hundred-and-twentieth of the outage, at most 5 min', (t) => {
  const { clock, wants, times } = failing(t, 0, 0);
  wants.add(US, 'capulet.lit', OWNER, { soon: true });
  clock.seconds(86_400);
  const tries = times();
  assert.equal(tries.length, 580, 'attempts in 24 h');
  const perHour = Array.from(
    { length: 24 },
    (_, hour) => tries.filter((at) => Math.floor(at / 3_600) === hour).length,
  );
  assert.deepEqual(perHour.slice(0, 11), [134, 84, 49, 34, 27, 22, 19, 16, 14, 13, 12]);
  assert.deepEqual(new Set(perHour.slice(10)), new Set([12]));
  const hour = 3_600;
  for (const [index, at] of tries.slice(0, -1).entries()) {
    const pause = tries[index + 1]! - at;
    const longest = at < hour ? 30 : Math.min(300, at / 120);
    assert.ok(pause <= longest + 0.1, `${pause} s after ${at} s`);
  }
});

test('a soon want late in an outage shortens the pause of the others if its own is shorter', (t) => {
  const { clock, wants } = failing(t);
  const next = () => (wants.nextTry(US, 'capulet.lit')! - clock.elapsed()) / 1_000;
  wants.add(US, 'capulet.lit', OWNER, undefined);
  clock.seconds(28_800);
  assert.equal(next(), 165);
  const withdraw = wants.add(US, 'capulet.lit', OWNER, { soon: true });
  assert.equal(next(), 165, 'its own would be 240 s');
  withdraw();
  clock.seconds(165);
  assert.equal(next(), 300);
  wants.add(US, 'capulet.lit', OWNER, { soon: true });
  assert.equal(next(), 28_965 / 120);
});

test('a soon want shortens the pause of the others, and its end does not stop them', (t) => {
  const { clock, wants, times } = failing(t, 0, 0);
  wants.add(US, 'capulet.lit', OWNER, undefined);
  clock.seconds(1);
  const withdraw = wants.add(US, 'capulet.lit', OWNER, { soon: true });
  clock.seconds(2);
  assert.deepEqual(times(), [3]);
  withdraw();
  clock.seconds(300);
  assert.ok(times().length > 1);
});

test('over all links one attempt begins per second, and ten of `soon` wants', (t) => {
  for (const [options, perSecond] of [
    [undefined, 1],
    [{ soon: true }, 10],
  ] as const) {
    const { clock, wants, tried } = failing(t);
    for (let i = 0; i < 500; i++) wants.add(US, `s${i}.lit`, OWNER, options);
    clock.seconds(18);
    tried.splice(0);
    clock.seconds(20);
    assert.equal(tried.length, 20 * perSecond);
    assert.equal(new Set(tried.map(({ remote }) => remote)).size, tried.length, 'in turn');
  }
});

test('one attempt at a time for each remote, for all our domains', (t) => {
  const { clock, wants, times } = failing(t, 100_000);
  wants.add(US, 'capulet.lit', OWNER, { soon: true });
  wants.add('verona.lit', 'capulet.lit', OWNER, { soon: true });
  clock.seconds(100);
  assert.equal(times().length, 1);
  clock.seconds(100);
  assert.equal(times().length, 2);
});

test('an open link, the end of the last want and the unload of the module each end the attempts', (t) => {
  const { clock, wants, times } = failing(t);
  const owner = {};
  wants.add(US, 'open.lit', OWNER, undefined);
  wants.add(US, 'unloaded.lit', owner, undefined);
  const withdraw = [1, 2].map(() => wants.add(US, 'withdrawn.lit', OWNER, undefined));
  wants.opened(US, 'open.lit');
  wants.forget(owner);
  withdraw[0]!();
  withdraw[0]!();
  clock.seconds(16);
  assert.equal(times().length, 1, 'one want is left');
  withdraw[1]!();
  clock.seconds(3_600);
  assert.equal(times().length, 1);
  assert.equal(wants.nextTry(US, 'open.lit'), undefined);
});

test('a want that ends during its attempt withdraws it, and the next want begins anew', (t) => {
  const { clock, wants, times, withdrawn } = failing(t, 20_000);
  const withdraw = wants.add(US, 'capulet.lit', OWNER, { soon: true });
  clock.seconds(3);
  assert.equal(wants.nextTry(US, 'capulet.lit'), undefined, 'under way');
  withdraw();
  assert.deepEqual(withdrawn, ['capulet.lit']);
  wants.add(US, 'capulet.lit', OWNER, { soon: true });
  clock.seconds(3);
  assert.equal(times().length, 2);
});

test('at most 100,000 pairs of domains are wanted', (t) => {
  const { wants } = failing(t);
  for (let i = 0; i <= 100_000; i++) wants.add(US, `s${i}.lit`, OWNER, undefined);
  assert.notEqual(wants.nextTry(US, 's99999.lit'), undefined);
  assert.equal(wants.nextTry(US, 's100000.lit'), undefined);
});

// ── In a server ──────────────────────────────────────────────────────────────────────────────────────────────────

test('a wanted link is opened without a stanza, and that fulfils the want', async (t) => {
  const world = await startWorld(t);
  const link = world.server.links.link(US, 'capulet.lit', OWNER);
  assert.deepEqual([link.state, link.lastReceivedAt], ['unknown', Number.NEGATIVE_INFINITY]);
  const states: string[] = [];
  world.hook('link-open', () => void states.push(link.state));
  link.want({ soon: true });
  assert.deepEqual(world.called, []);
  await world.clock.advance(2_600);
  const peer = await world.accepted();
  await settled();
  assert.deepEqual(world.events, ['open out capulet.lit']);
  assert.deepEqual(states, ['up']);
  assert.deepEqual([link.state, link.nextTry], ['up', undefined]);
  assert.equal(link.lastReceivedAt, world.clock.elapsed());
  peer.drop();
  await settled();
  assert.equal(link.state, 'unknown');
  await world.clock.advance(600_000);
  assert.equal(world.called.length, 1, 'it is not wanted any more');
});

test('a wanted link that cannot be opened has an error, and is tried again', async (t) => {
  const world = await startWorld(t);
  world.answer = refused;
  const link = world.server.links.link(US, 'capulet.lit', OWNER);
  const failed: Payload<'link-fail'>[] = [];
  world.hook('link-fail', (event) => void failed.push(event));
  const withdraw = link.want();
  await world.clock.advance(19_000);
  await settled();
  assert.deepEqual([world.called.length, failed.length, link.state], [1, 1, 'down']);
  assert.match(link.error!, /refused/);
  assert.ok(link.nextTry! > world.clock.elapsed());
  await world.clock.advance(37_000);
  assert.equal(world.called.length, 2);
  withdraw();
  await world.clock.advance(3_600_000);
  assert.equal(world.called.length, 2);
});

test('a peer that calls us fulfils the want: we do not call it', async (t) => {
  const world = await startWorld(t);
  const link = world.server.links.link(US, 'capulet.lit', OWNER);
  link.want({ soon: true });
  await world.verified();
  const calls = world.called.length; // Its claim was verified.
  assert.equal(link.state, 'up');
  await world.clock.advance(600_000);
  assert.equal(world.called.length, calls);
});

test('while stanzas wait, a want adds no attempt', async (t) => {
  const world = await startWorld(t);
  world.send(`<message id='1' from='romeo@montague.lit/x' to='juliet@capulet.lit'/>`);
  const peer = await world.accepted();
  await peer.reads('<message');
  await world.clock.advance(20_000);
  peer.drop();
  await settled();
  let underWay = 0;
  world.answer = () => {
    assert.equal(++underWay, 1);
    return new Promise((_, reject) => {
      world.clock.after(3_000, () => {
        underWay--;
        reject(new NetError('connect-failed', 'connection refused'));
      });
    });
  };
  world.send(`<message id='2' from='romeo@montague.lit/x' to='juliet@capulet.lit'/>`);
  world.server.links.link(US, 'capulet.lit', OWNER).want({ soon: true });
  await world.clock.advance(60_000);
  assert.ok(world.called.length > 3);
});

test('a domain that the policy refuses is not called', async (t) => {
  const world = await startWorld(t, { config: `s2s_block = ["capulet.lit"]` });
  world.server.links.link(US, 'capulet.lit', OWNER).want({ soon: true });
  await world.clock.advance(120_000);
  assert.deepEqual(world.called, []);
});
