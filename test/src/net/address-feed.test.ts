import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AddressFeed } from '../../../src/net/address-feed.ts';
import type { Address, Answer } from '../../../src/net/dns.ts';
import { FakeClock } from '../../support/clock.ts';

function answer(family: 4 | 6, ...addresses: string[]): Answer<Address> {
  return { records: addresses.map((address) => ({ address, family })), exists: true, authenticated: false };
}

function lookups() {
  const [six, four] = [Promise.withResolvers<Answer<Address>>(), Promise.withResolvers<Answer<Address>>()];
  const clock = new FakeClock();
  const feed = new AddressFeed({ six: six.promise, four: four.promise }, clock);
  return { six, four, clock, feed };
}

async function all(feed: AddressFeed): Promise<string[]> {
  const found: string[] = [];
  for (let next = await feed.next(); next; next = await feed.next()) found.push(next.address);
  return found;
}

/** Whether it is settled once everything that is due has run. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const open = Symbol('open');
  const turn = new Promise((resolve) => setImmediate(resolve, open));
  return (await Promise.race([promise, turn])) !== open;
}

test('RFC 8305 §4: IPv6 and IPv4 addresses alternate, IPv6 first', async () => {
  const { six, four, feed } = lookups();
  four.resolve(answer(4, '192.0.2.1', '192.0.2.2', '192.0.2.3'));
  six.resolve(answer(6, '2001:db8::1', '2001:db8::2'));
  assert.deepEqual(await all(feed), ['2001:db8::1', '192.0.2.1', '2001:db8::2', '192.0.2.2', '192.0.2.3']);
  assert.equal(feed.problem, undefined);
});

test('RFC 8305 §3: IPv6 addresses do not wait for the others', async () => {
  const { six, feed } = lookups();
  six.resolve(answer(6, '2001:db8::1'));
  assert.equal((await feed.next())?.address, '2001:db8::1');
});

test('RFC 8305 §3: other addresses wait 50 ms for those of IPv6', async () => {
  const { six, four, clock, feed } = lookups();
  four.resolve(answer(4, '192.0.2.1', '192.0.2.2'));
  const first = feed.next();
  assert.equal(await isSettled(first), false);
  await clock.advance(49);
  assert.equal(await isSettled(first), false);
  await clock.advance(1);
  assert.equal((await first)?.address, '192.0.2.1');
  six.resolve(answer(6, '2001:db8::1'));
  await isSettled(six.promise);
  assert.deepEqual(await all(feed), ['2001:db8::1', '192.0.2.2'], 'late ones take their turn');
});

test('RFC 8305 §3: IPv6 addresses that are a little late are still first', async () => {
  const { six, four, clock, feed } = lookups();
  four.resolve(answer(4, '192.0.2.1'));
  const first = feed.next();
  await isSettled(first);
  await clock.advance(49);
  six.resolve(answer(6, '2001:db8::1'));
  assert.equal((await first)?.address, '2001:db8::1');
});

test('RFC 8305 §3: does not wait for IPv6 when the name has no IPv6 address', async () => {
  for (const fail of [false, true]) {
    const { six, four, feed } = lookups();
    if (fail) six.reject(new Error('no answer'));
    else six.resolve(answer(6));
    four.resolve(answer(4, '192.0.2.1'));
    assert.deepEqual(await all(feed), ['192.0.2.1']);
  }
});

test('a lookup ends when both questions are answered, and names the error', async () => {
  const { six, four, feed } = lookups();
  four.reject(new Error('no answer about A'));
  const first = feed.next();
  assert.equal(await isSettled(first), false);
  six.resolve(answer(6));
  assert.equal(await first, undefined);
  assert.equal(feed.problem, 'no answer about A');
  const none = lookups();
  none.six.resolve(answer(6));
  none.four.resolve(answer(4));
  assert.equal(await none.feed.next(), undefined);
  assert.equal(none.feed.problem, 'has no address');
});

test('at most eight addresses of one name are tried', async () => {
  const { six, four, feed } = lookups();
  six.resolve(answer(6, ...Array.from({ length: 20 }, (_, index) => `2001:db8::${index}`)));
  four.resolve(answer(4, '192.0.2.1'));
  const found = await all(feed);
  assert.equal(found.length, 8);
  assert.ok(found.includes('192.0.2.1'));
});
