// Elements kept as text.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { unflatten } from '../../../src/xml/copy.ts';
import { type Element, xml } from '../../../src/xml/element.ts';
import { type FlatElement, serializeFlat } from '../../../src/xml/flat.ts';
import { preserialized, serialize, share } from '../../../src/xml/serialize.ts';

const message = () =>
  xml('message', { to: 'juliet@capulet.lit/balcony', type: 'chat' }, xml('body', {}, 'Ünïcode & <so on>'));

test('a flattened element has the attributes, and the children as text', () => {
  const content = '<body>Ünïcode &amp; &lt;so on&gt;</body>';
  assert.deepEqual(message().flattened, {
    name: 'message',
    attrs: { to: 'juliet@capulet.lit/balcony', type: 'chat' },
    content,
    contentBytes: Buffer.byteLength(content),
  } satisfies FlatElement);
  assert.deepEqual(xml('presence').flattened, { name: 'presence', attrs: {}, content: '', contentBytes: 0 });
});

test('a flattened element is written and read like the original', () => {
  const tree: fc.Arbitrary<Element> = fc.letrec<{ tree: Element }>((tie) => ({
    tree: fc
      .tuple(
        fc.constantFrom('message', 'x', 'body'),
        fc.dictionary(fc.constantFrom('to', 'id'), fc.constantFrom('a', "it's", 'é&<')),
        fc.array(fc.oneof({ maxDepth: 3 }, fc.constantFrom('text', '&', 'ü'), tie('tree')), { maxLength: 4 }),
      )
      .map(([name, attrs, children]) => xml(name, attrs, ...children)),
  })).tree;
  fc.assert(
    fc.property(tree, (element) => {
      const text = serialize(element);
      assert.equal(serializeFlat(element.flattened), text);
      assert.equal(serialize(element), text, 'the element itself is written as before');
      assert.equal(serialize(unflatten(element.flattened)), text);
    }),
  );
});

test('copies share one text, whichever was flattened or serialised first', () => {
  const shared = share(message());
  const flat = ['a@b', 'c@d'].map((to) => shared.with({ to }).flattened);
  assert.deepEqual(
    flat.map(({ attrs }) => attrs.to),
    ['a@b', 'c@d'],
  );
  let reads = 0;
  const body = xml('body', {}, 'text');
  Object.defineProperty(body.attrs, 'x', { enumerable: true, get: () => `${++reads}` });
  const original = xml('message', {}, body);
  void original.with({ to: 'a@b' }).flattened;
  void original.with({ to: 'c@d' }).flattened;
  assert.match(`${original}`, /<body x='1'>/);
  assert.equal(reads, 1);
});

test('text that was serialised before is included', () => {
  const result = xml('message', {}, preserialized(xml('result', 'urn:xmpp:mam:2'), '<forwarded/>'));
  const flat = result.flattened;
  assert.equal(flat.content, "<result xmlns='urn:xmpp:mam:2'><forwarded/></result>");
  assert.equal(preserialized(xml('message'), '<body/>').flattened.content, '<body/>');
});
