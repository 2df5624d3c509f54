// Whatever comes, and however it is cut: thousands of documents, good and damaged. (test/interop tries many more, with
// another parser besides.)

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseElement } from '../../../src/xml/copy.ts';
import type { Element } from '../../../src/xml/element.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { serialize } from '../../../src/xml/serialize.ts';
import { complaintOfSaxes } from '../../support/xml/differential.ts';
import { documentOf } from '../../support/xml/documents.ts';
import { ourOpinion, treeOf } from '../../support/xml/opinion.ts';
import { Random } from '../../support/xml/random.ts';
import { cutAt, whole } from './feed.ts';

const COUNT = 4000;
const SEED = 20_261_122;

const documents = Array.from({ length: COUNT }, (_, n) => documentOf(SEED, n));
const opinions = documents.map((document) => ourOpinion(whole(document)));

/** Every element that came out of any of them. */
const elements = opinions.flatMap((opinion) => opinion.elements);

it('the documents are a useful sample: many are accepted, and many are refused', () => {
  const taken = opinions.filter(({ why }) => why === '').length;
  assert.ok(taken > COUNT / 4 && taken < (COUNT * 3) / 4, `${taken} of ${COUNT}`);
  assert.ok(elements.length > COUNT / 2, `${elements.length} elements`);
});

it('documents that saxes refuses are refused, and accepted ones have the same meaning', () => {
  for (const [n, document] of documents.entries()) {
    assert.equal(complaintOfSaxes(document, opinions[n]!), undefined, `document ${n}: ${document}`);
  }
});

it('every division of the bytes gives the same elements and the same error', () => {
  for (const [n, document] of documents.entries()) {
    const random = new Random(SEED, n);
    const cuts = Array.from({ length: random.below(12) }, () => random.below(document.length + 1));
    const cut = ourOpinion(cutAt(document, cuts));
    assert.equal(cut.why, opinions[n]!.why, `document ${n}: ${document}`);
    assert.deepEqual(cut.trees, opinions[n]!.trees, `document ${n}: ${document}`);
  }
});

describe('round trips', () => {
  it('a parsed and written element is parsed to the same element', () => {
    for (const parsed of elements) {
      const again = parseElement(serialize(parsed));
      assert.deepEqual(treeOf(again, NS.CLIENT), treeOf(parsed, NS.CLIENT));
      assert.equal(serialize(parseElement(serialize(again))), serialize(again));
    }
  });

  it('every part of a stanza is well-formed by itself', () => {
    const partsOf = (parsed: Element): Element[] => [parsed, ...parsed.elements().flatMap(partsOf)];
    for (const part of elements.flatMap(partsOf)) {
      const xmlns = part.getNS() ?? NS.CLIENT;
      const alone = parseElement(serialize(part.with({ xmlns })));
      assert.deepEqual(treeOf(alone, NS.CLIENT), treeOf(part, xmlns));
    }
  });
});
