// XEP-0313 §4.3, XEP-0059: the page that a query wants, and what the client is told of it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readMamQuery } from '../../../src/xep/mam.ts';
import { mamEnvelopeBytes, mamFinOf, mamPageRequest } from '../../../src/xep/mam-page.ts';
import { parseElement } from '../../../src/xml/copy.ts';
import { StanzaError } from '../../../src/xml/errors.ts';

const MIB = 1024 * 1024;
const LIMITS = { maxResults: 250, envelopeBytes: 300, includesTotal: true };

const query = (set?: string) =>
  readMamQuery(
    parseElement(
      `<query xmlns='urn:xmpp:mam:2'>${set === undefined ? '' : `<set xmlns='http://jabber.org/protocol/rsm'>${set}</set>`}</query>`,
    ),
  );
const wanted = (set?: string, limits = {}) => mamPageRequest(query(set), { ...LIMITS, ...limits });

test('XEP-0313 §4.3.1: a client that leaves the choice gets 100 messages; nobody gets more than the server allows', () => {
  assert.equal(wanted().limit, 100);
  assert.equal(wanted('').limit, 100);
  assert.equal(wanted('<max>30</max>').limit, 30);
  assert.equal(wanted('<max>1000</max>').limit, 250);
  assert.equal(wanted(undefined, { maxResults: 50 }).limit, 50);
});

test('XEP-0059 §2.7: a maximum of 0 asks for the number alone', () => {
  const { limit, wantsCount } = wanted('<max>0</max>');
  assert.deepEqual([limit, wantsCount], [0, true]);
  assert.equal(wanted('<max>0</max>', { includesTotal: false }).wantsCount, false);
});

for (const [set, expected] of [
  ['', { isBackwards: false }],
  ['<after/>', { isBackwards: false }],
  ['<after>a</after>', { isBackwards: false, after: 'a' }],
  ['<before/>', { isBackwards: true }],
  ['<before>b</before>', { isBackwards: true, before: 'b' }],
  ['<before/><after>a</after>', { isBackwards: true, after: 'a' }],
  ['<before>b</before><after>a</after>', { isBackwards: true, before: 'b', after: 'a' }],
  ['<index>7</index>', { isBackwards: false, index: 7 }],
  ['<index>1000000</index>', { isBackwards: false, index: 1_000_000 }],
] as const) {
  test(`XEP-0059 §2: the page that ${set === '' ? 'an empty set' : set} wants`, () => {
    const { limit, maxBytes, wantsCount, ...page } = wanted(set);
    assert.deepEqual(page, expected);
  });
}

for (const set of [
  '<index>1000001</index>',
  '<index>1</index><after>a</after>',
  '<index>1</index><before/>',
  '<index/>',
  '<max/>',
  '<max>-1</max>',
  '<max>1.5</max>',
]) {
  test(`XEP-0059 §2: ${set} is a bad-request`, () => {
    assert.throws(
      () => wanted(set),
      (error) =>
        error instanceof StanzaError && error.condition === 'bad-request' && error.text !== undefined,
    );
  });
}

test('a page has at most 1 MiB, with the envelopes of its results', () => {
  for (const envelopeBytes of [250, 2_000, 20_000, 200_000, 2 * MIB]) {
    const { limit, maxBytes } = wanted('<max>250</max>', { envelopeBytes });
    assert.ok(limit >= 1, 'at least one message');
    assert.ok(envelopeBytes > MIB || maxBytes >= MIB / 2, 'texts have half of it');
    assert.ok(limit * envelopeBytes + Math.max(0, maxBytes) <= Math.max(MIB, envelopeBytes));
  }
  assert.equal(wanted('<max>250</max>').limit, 250);
});

test('the size of an envelope is that of a result without its message', () => {
  const attrs = { to: 'juliet@capulet.lit/balcony' };
  const bytes = mamEnvelopeBytes('ü', attrs);
  assert.equal(bytes - mamEnvelopeBytes(undefined, attrs), Buffer.byteLength(" queryid='ü'"));
});

for (const [set, index] of [
  [undefined, '0'],
  ['<max>2</max>', '0'],
  ['<after/>', '0'],
  ['<after>a</after>', undefined],
  ['<before/>', undefined],
  ['<before>b</before>', undefined],
  ['<index>7</index>', '7'],
] as const) {
  test(`XEP-0059 §2.6: the index of the first message on the page of ${set ?? 'no set'} is ${index ?? 'left out'}`, () => {
    const fin = mamFinOf(query(set), { rows: [{ id: 'a' }, { id: 'b' }], isComplete: false, count: 9 });
    const result = fin.getChild('set', 'http://jabber.org/protocol/rsm');
    assert.equal(result?.getChild('first')?.attrs.index, index);
    assert.equal(result?.getChildText('first'), 'a');
    assert.equal(result?.getChildText('last'), 'b');
    assert.equal(result?.getChildText('count'), '9');
  });
}

test('XEP-0059 §2.2: an empty page has a set without first and last', () => {
  const fin = mamFinOf(query('<index>7</index>'), { rows: [], isComplete: true, count: 3 });
  assert.equal(
    `${fin}`,
    `<fin xmlns='urn:xmpp:mam:2' complete='true'><set xmlns='http://jabber.org/protocol/rsm'><count>3</count></set></fin>`,
  );
});
