import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionRate } from '../../../src/net/connection-rate.ts';
import { FakeClock } from '../../support/clock.ts';

const HERE = '192.0.2.1';

function start() {
  const clock = new FakeClock();
  const rate = new ConnectionRate({ perAddress: 20, clock });
  let [admitted, refused] = [0, 0];
  const enter = (address: string, count = 1) => {
    [admitted, refused] = [0, 0];
    for (let i = 0; i < count; i++) rate.enter(address, { admit: () => admitted++, refuse: () => refused++ });
  };
  return { clock, rate, enter, seen: () => ({ admitted, refused }) };
}

test('200 users behind one address reconnect within five seconds, and none is refused', async () => {
  const { clock, enter, seen } = start();
  enter(HERE, 200);
  assert.deepEqual(seen(), { admitted: 100, refused: 0 });
  await clock.advance(5_000);
  assert.deepEqual(seen(), { admitted: 200, refused: 0 });
});

test('one address gets its burst and ten seconds of its rate; more is refused', async () => {
  const { clock, rate, enter, seen } = start();
  enter(HERE, 10_000);
  assert.deepEqual(seen(), { admitted: 100, refused: 9_700 });
  assert.equal(rate.waiting, 200);
  enter('192.0.2.2');
  assert.deepEqual(seen(), { admitted: 1, refused: 0 });
  await clock.advance(10_000);
  assert.equal(rate.waiting, 0);
  enter(HERE, 30);
  assert.deepEqual(seen(), { admitted: 0, refused: 0 }, 'the burst has been spent');
  await clock.advance(1_000);
  assert.deepEqual(seen(), { admitted: 20, refused: 0 });
});

test('an IPv6 network counts as one address', () => {
  const { enter, seen } = start();
  for (let i = 0; i < 100; i++) enter(`2001:db8:1:2::${i.toString(16)}`);
  enter('2001:db8:1:2:ffff::', 1);
  assert.deepEqual(seen(), { admitted: 0, refused: 0 });
  enter('2001:db8:1:3::1', 1);
  assert.deepEqual(seen(), { admitted: 1, refused: 0 });
});

test('an IPv6 site gets a quarter of the common limit, from any number of its networks', async () => {
  const { clock, rate, enter, seen } = start();
  let [admitted, refused] = [0, 0];
  const newcomer = { admit: () => admitted++, refuse: () => refused++ };
  const flood = () => {
    for (let i = 0; i < 5_000; i++) rate.enter(`2001:db8:1:${i.toString(16)}::1`, newcomer);
  };
  flood();
  assert.deepEqual([admitted, rate.waiting], [250, 500]);
  for (let second = 0; second < 20; second++) {
    await clock.advance(1_000);
    flood();
    enter('192.0.2.2', 20);
    assert.deepEqual(seen(), { admitted: 20, refused: 0 }, `second ${second}`);
  }
});

test('connections of a proxy on this machine have only the common limit', async () => {
  const { clock, rate, enter, seen } = start();
  enter('127.0.0.1', 10_000);
  assert.deepEqual(seen(), { admitted: 1_000, refused: 7_000 });
  assert.equal(rate.waiting, 2_000);
  await clock.advance(10_000);
  assert.deepEqual(seen(), { admitted: 3_000, refused: 7_000 });
});

test('other loopback addresses have the usual limit', async () => {
  const { enter, seen } = start();
  enter('127.0.0.77', 10_000);
  assert.deepEqual(seen(), { admitted: 100, refused: 9_700 });
});

test('all addresses together have bursts of 1,000 connections, 200 a second, and at most 2,000 that wait', async () => {
  const { clock, rate, enter } = start();
  let [admitted, refused] = [0, 0];
  const newcomer = { admit: () => admitted++, refuse: () => refused++ };
  for (let i = 0; i < 100_000; i++) rate.enter(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, newcomer);
  assert.equal(admitted, 1_000);
  assert.equal(rate.waiting, 2_000);
  assert.equal(rate.addresses, 10_000, 'so many addresses are remembered');
  await clock.advance(10_000);
  assert.equal(admitted, 3_000);
  assert.equal(admitted + refused, 100_000);
  enter('192.0.2.7');
  assert.equal(rate.waiting, 1);
  await clock.advance(5);
  assert.equal(rate.waiting, 0);
});

test('a connection within the limit of its address still waits for the common limit', async () => {
  const { clock, rate, enter, seen } = start();
  for (let i = 0; i < 1_000; i++) rate.enter(`10.0.${i >> 8}.${i & 255}`, { admit() {}, refuse() {} });
  enter(HERE, 102);
  assert.deepEqual(seen(), { admitted: 0, refused: 0 });
  await clock.advance(1_000);
  assert.deepEqual(seen(), { admitted: 102, refused: 0 });
});

test('setting the wall clock back does not keep clients out', async () => {
  const { clock, enter, seen } = start();
  enter(HERE, 100);
  clock.moveWallClock(-86_400_000);
  await clock.advance(5_000);
  enter(HERE, 100);
  assert.deepEqual(seen(), { admitted: 100, refused: 0 });
});
