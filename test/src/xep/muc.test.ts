import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasStatus, isSelfPresence } from '../../../src/xep/muc.ts';
import { parseElement } from '../../../src/xml/copy.ts';

const X = "xmlns='http://jabber.org/protocol/muc#user'";
const presence = (inside: string) =>
  parseElement(`<presence from='hall@rooms.lit/Romeo'>${inside}</presence>`);

test('XEP-0045 §7.2.2: status 110 marks the own presence', () => {
  assert.equal(isSelfPresence(presence(`<x ${X}><item/><status code='100'/><status code='110'/></x>`)), true);
  assert.equal(isSelfPresence(presence(`<x ${X}><status code='100'/></x>`)), false);
  assert.equal(isSelfPresence(presence(`<x xmlns='urn:other'><status code='110'/></x>`)), false);
  assert.equal(isSelfPresence(presence(`<x ${X}><status xmlns='urn:other' code='110'/></x>`)), false);
  assert.equal(isSelfPresence(presence('')), false);
});

test('hasStatus compares whole codes', () => {
  const x = presence(`<x ${X}><status code='1100'/><status/></x>`).elements()[0]!;
  assert.equal(hasStatus(x, '110'), false);
  assert.equal(hasStatus(x, '1100'), true);
});
