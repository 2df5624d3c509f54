import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LoginLimit, LoginLimits, type LoginSource } from '../../../src/sasl/login-limits.ts';
import { FakeClock } from '../../support/clock.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** An attacker may try 50 times from one address, and 100 times on one account, 10 of them from one network. */
function setUp() {
  const clock = new FakeClock();
  const limits = new LoginLimits(clock, { perAddress: 50, perAccount: 100, windowMs: 10 * MINUTE });
  const isRefused = (account: string, source: LoginSource) => {
    try {
      limits.check(account, source);
      return false;
    } catch (error) {
      assert.equal((error as { condition?: string }).condition, 'temporary-auth-failure');
      return true;
    }
  };
  /** Guesses as long as it is let; tells how often that was, and what was told for the log. */
  const guess = (account: string, source: LoginSource, times = 1_000) => {
    const told: LoginLimit[] = [];
    let guesses = 0;
    for (; guesses < times && !isRefused(account, source); guesses++) {
      const limit = limits.failed(account, source);
      if (limit) told.push(limit);
    }
    return { guesses, told };
  };
  return { clock, limits, isRefused, guess };
}

const at = (address: string, network = address): LoginSource => ({ address, network });
const v4 = (index: number) => at(`192.0.2.${index}`);
const ROMEO = 'romeo@montague.lit';
const HOME = at('203.0.113.7');

test('one address may fail ten times on one account, then once a minute', async () => {
  const { clock, isRefused, guess } = setUp();
  assert.deepEqual(guess(ROMEO, v4(1)), { guesses: 10, told: ['account-from-network'] });
  await clock.advance(MINUTE - 1);
  assert.ok(isRefused(ROMEO, v4(1)));
  await clock.advance(1);
  assert.deepEqual(guess(ROMEO, v4(1)), { guesses: 1, told: ['account-from-network'] });
  await clock.advance(10 * MINUTE);
  assert.equal(guess(ROMEO, v4(1)).guesses, 10);
});

test('one address may fail fifty times over all accounts, then once in twelve seconds', async () => {
  const { clock, isRefused, guess } = setUp();
  const guessEach = () => {
    let total = 0;
    for (let index = 0; index < 100; index++) total += guess(`user${index}@montague.lit`, v4(1), 1).guesses;
    return total;
  };
  assert.equal(guessEach(), 50);
  assert.ok(isRefused('new@montague.lit', v4(1)));
  assert.ok(!isRefused('new@montague.lit', v4(2)), 'others are not concerned');
  await clock.advance(12_000);
  assert.equal(guessEach(), 1);
});

test('one account may have a hundred failures from all addresses, then ten a minute', async () => {
  const { clock, isRefused, guess } = setUp();
  const guessFromEach = () => {
    let total = 0;
    const told: LoginLimit[] = [];
    for (let index = 0; index < 200; index++) {
      const { guesses, told: more } = guess(ROMEO, v4(index), 3);
      total += guesses;
      told.push(...more);
    }
    return { total, told };
  };
  assert.deepEqual(guessFromEach(), { total: 100, told: ['account'] });
  assert.ok(isRefused(ROMEO, v4(250)));
  assert.ok(!isRefused('juliet@montague.lit', v4(250)), 'others are not concerned');
  await clock.advance(MINUTE);
  assert.equal(guessFromEach().total, 10);
});

test('no address and no IPv6 site can lock out users elsewhere', () => {
  const { isRefused, guess } = setUp();
  let guesses = guess(ROMEO, v4(1)).guesses;
  for (let index = 0; index < 5_000; index++) {
    const network = at(`2001:db8:1:${index.toString(16)}::/64`, '2001:db8:1::/48');
    guesses += guess(ROMEO, network, 3).guesses;
  }
  assert.equal(guesses, 20, 'ten for the address, ten for the site');
  assert.ok(!isRefused(ROMEO, HOME));
  assert.ok(!isRefused(ROMEO, at('2001:db8:2:1::/64', '2001:db8:2::/48')));
});

test('simultaneous guesses wait, and do not count against the account', async () => {
  const { clock, limits, isRefused } = setUp();
  for (let index = 0; index < 1_000; index++) limits.failed(ROMEO, v4(1));
  assert.ok(!isRefused(ROMEO, HOME));
  await clock.advance(60 * MINUTE);
  assert.ok(isRefused(ROMEO, v4(1)), 'a thousand guesses are what an hour and more allows');
  await clock.advance(17 * 60 * MINUTE);
  assert.ok(!isRefused(ROMEO, v4(1)));
});

test('while a botnet guesses, users can log in from known addresses', async () => {
  const { clock, limits, isRefused, guess } = setUp();
  limits.succeeded(ROMEO, HOME);
  for (let index = 0; index < 200; index++) guess(ROMEO, v4(index));
  for (let index = 0; index < 100; index++) guess(`user${index}@montague.lit`, HOME, 1);
  assert.ok(isRefused(ROMEO, v4(250)), 'the account is closed to strangers');
  assert.ok(isRefused('juliet@montague.lit', HOME), 'and the address to other accounts');
  assert.ok(!isRefused(ROMEO, HOME));
  await clock.advance(30 * DAY);
  for (let index = 0; index < 200; index++) guess(ROMEO, v4(index));
  assert.ok(isRefused(ROMEO, HOME), 'nobody is at home anywhere for ever');
});

test('a known address may fail a hundred times without effect on others, and a success resets it', () => {
  const { limits, isRefused, guess } = setUp();
  limits.succeeded(ROMEO, HOME);
  assert.deepEqual(guess(ROMEO, HOME), { guesses: 100, told: ['account'] });
  assert.ok(!isRefused(ROMEO, v4(1)));
  assert.ok(!isRefused('juliet@montague.lit', HOME));
  limits.succeeded(ROMEO, HOME);
  assert.equal(guess(ROMEO, HOME).guesses, 100);
});

test('logging in to an own account does not help to guess passwords of others', () => {
  const { limits, guess } = setUp();
  let guesses = 0;
  for (let index = 0; index < 200; index++) {
    guesses += guess(`user${index}@montague.lit`, v4(1), 1).guesses;
    limits.succeeded('tybalt@montague.lit', v4(1));
  }
  assert.equal(guesses, 50);
});

test('0 switches a limit off', () => {
  const limits = new LoginLimits(new FakeClock(), { perAddress: 0, perAccount: 0, windowMs: MINUTE });
  for (let index = 0; index < 1_000; index++) {
    limits.check(ROMEO, HOME);
    assert.equal(limits.failed(ROMEO, HOME), undefined);
  }
});

test('20,000 addresses of successful logins are remembered; the oldest is forgotten', () => {
  const { limits, guess } = setUp();
  const place = (n: number) => at(`198.${18 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`);
  for (let n = 0; n <= 20_000; n++) limits.succeeded(`user${n}@montague.lit`, place(n));
  assert.equal(guess('user0@montague.lit', place(0)).guesses, 10, 'as anybody there');
  assert.equal(guess('user1@montague.lit', place(1)).guesses, 100, 'as one who is at home');
});
