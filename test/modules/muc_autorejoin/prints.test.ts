// Fingerprints: what counts as another content.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contentPrint, idPrint } from '../../../modules/muc_autorejoin/memory/prints.ts';
import { parseXml } from '../../support/match.ts';

const ITEM = `<x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant'/></x>`;
const SAME: readonly (readonly [what: string, content: string, other: string])[] = [
  ['attributes in another order', ITEM, ITEM.replace(/(affiliation='none') (role='\w+')/, '$2 $1')],
  ['other quotes', ITEM, ITEM.replaceAll("'", '"')],
];
const DIFFERENT: readonly (readonly [what: string, content: string, other: string])[] = [
  ['another value', ITEM, ITEM.replace('none', 'member')],
  ['values of two attributes exchanged', `<a b='1' c='2'/>`, `<a b='2' c='1'/>`],
  ['the value in another attribute', `<a b='1'/>`, `<a c='1'/>`],
  ['part of a key in its value', `<a bc='1'/>`, `<a b='c1'/>`],
  ['part of a name in its text', `<ab>c</ab>`, `<a>bc</a>`],
  ['another text', `<status>away</status>`, `<status>here</status>`],
  ['children in another order', `<show>away</show><status/>`, `<status/><show>away</show>`],
  ['a child one level higher', `<a><b/></a>`, `<a/><b/>`],
  ['one child more', `<show>away</show>`, `<show>away</show><status/>`],
];

for (const [what, content, other] of SAME) {
  test(`the same content: ${what}`, () => assert.equal(print(content), print(other)));
}

for (const [what, content, other] of DIFFERENT) {
  test(`another content: ${what}`, () => assert.notEqual(print(content), print(other)));
}

test('attributes of the stanza do not count', () => {
  const [one, two] = ['a', 'b'].map((id) =>
    contentPrint(parseXml(`<presence id='${id}'>${ITEM}</presence>`), 7),
  );
  assert.equal(one, two);
});

test('the seed counts', () => {
  const stanza = parseXml(`<presence>${ITEM}</presence>`);
  assert.notEqual(contentPrint(stanza, 7), contentPrint(stanza, 8));
});

function print(content: string): number {
  return contentPrint(parseXml(`<presence>${content}</presence>`), 7);
}

test('ids have different prints, in each half of them', () => {
  const ids = Array.from({ length: 10_000 }, (_, i) => `b3f1a2c4-9d8e-7f6a-5b4c-${`${i}`.padStart(12, '0')}`);
  const prints = new Set(ids.map(idPrint));
  assert.equal(prints.size, ids.length);
  for (const part of [(print: number) => print % 2 ** 32, (print: number) => Math.floor(print / 2 ** 32)]) {
    const parts = new Set([...prints].map(part));
    assert.ok(parts.size > 9_900, `${parts.size} of ${ids.length} halves differ`);
  }
  assert.ok([...prints].every((print) => print > 0 && Number.isSafeInteger(print)));
});
