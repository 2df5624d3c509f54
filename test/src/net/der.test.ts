import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decode, decodeAll, encode, oid, sequence, TAG, time, unsigned } from '../../../src/net/der.ts';

test('X.690 §8.1.3: values of every length are read as they were written', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 70_000 }), (length) => {
      const written = encode(TAG.OCTET_STRING, Buffer.alloc(length, 7));
      const value = decode(written);
      assert.equal(value?.body.length, length);
      assert.equal(value?.next, written.length);
    }),
  );
});

test('X.690 §8.3: integers are minimal and never negative', () => {
  assert.equal(unsigned(Buffer.from([0])).toString('hex'), '020100');
  assert.equal(unsigned(Buffer.from([0, 0, 127])).toString('hex'), '02017f');
  assert.equal(unsigned(Buffer.from([128])).toString('hex'), '02020080');
});

test('X.690 §8.19: object identifiers', () => {
  assert.equal(oid('1.2.840.10045.4.3.2').toString('hex'), '06082a8648ce3d040302');
  assert.equal(oid('2.5.29.17').toString('hex'), '0603551d11');
});

test('RFC 5280 §4.1.2.5: UTCTime until 2049, GeneralizedTime from 2050', () => {
  assert.equal(time(Date.UTC(2049, 11, 31, 23, 59, 59)).toString('latin1'), '\x17\x0d491231235959Z');
  assert.equal(time(Date.UTC(2050, 0, 1)).toString('latin1'), '\x18\x0f20500101000000Z');
});

test('lengths beyond the end, indefinite lengths and long tags are refused', () => {
  for (const hex of [
    '',
    '30',
    '3005',
    '300201',
    '3080',
    '3085ffffffffff',
    '3084ffffffff',
    '3082ff',
    '3f0100',
  ]) {
    assert.equal(decode(Buffer.from(hex, 'hex')), undefined, hex);
  }
});

test('a list ends at its limit and at the first malformed value', () => {
  const many = sequence(...Array.from({ length: 10 }, () => unsigned(Buffer.from([1]))));
  const body = decode(many)?.body ?? Buffer.alloc(0);
  assert.equal(decodeAll(body, 4).length, 4);
  assert.equal(decodeAll(Buffer.concat([body, Buffer.from([0x30, 0x7f])]), 100).length, 10);
});
