import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AddressReader } from '../../modules/dialback/addresses.ts';
import type { S2SStream } from '../../src/api/session.ts';
import { xml } from '../../src/xml/element.ts';
import { FakeClock } from '../support/clock.ts';

const PEER = { authenticatedAt: 0, remoteSite: '192.0.2.1' } as S2SStream;

test('XEP-0220 §2.1: an address with a local part or a resource is refused before its parts are prepared', () => {
  const reader = new AddressReader({ clock: new FakeClock() });
  const long = 'ا'.repeat(400);
  const begin = process.cpuUsage();
  for (let i = 0; i < 3_000; i++) {
    for (const from of [`${long}${i}@capulet.lit`, `capulet.lit/${long}${i}`])
      assert.throws(
        () => reader.read(xml('db:result', { from, to: 'montague.lit' }), PEER),
        /improper-addressing/,
      );
  }
  const { user, system } = process.cpuUsage(begin);
  assert.ok(user + system < 200_000, `${(user + system) / 1000} ms`);
  const addresses = reader.read(xml('db:result', { from: 'Capulet.lit', to: 'montague.lit' }), PEER);
  assert.deepEqual(addresses, { from: 'capulet.lit', to: 'montague.lit' });
});
