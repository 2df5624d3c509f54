import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { flatCopy, parseElement } from '../../../src/xml/copy.ts';
import { type Attrs, type Element, xml } from '../../../src/xml/element.ts';
import { StreamError } from '../../../src/xml/errors.ts';
import { serialize } from '../../../src/xml/serialize.ts';

const TEXT = `<presence from='romeo@montague.lit/orchard' type='subscribe'><status>Ünïcode &amp; &lt;so on&gt;</status><x xmlns='urn:example:x' a='it&apos;s'><y/>text<z/></x></presence>`;

test('an element read back from its own text is the same', () => {
  const element = parseElement(TEXT);
  assert.equal(element.toString(), TEXT);
  assert.equal(element.getNS(), undefined, 'a stanza is in the content namespace of any stream');
  assert.equal(element.getChild('x', 'urn:example:x')?.getChild('y')?.getNS(), 'urn:example:x');
});

test('XEP-0297 §3: a child in jabber:client keeps its namespace at every depth', () => {
  for (const text of [
    `<message><message xmlns='jabber:client' id='1'><body>text</body></message></message>`,
    `<message><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'><body/></message></forwarded></message>`,
  ])
    assert.equal(serialize(parseElement(text)), text);
});

test('a stanza that declares jabber:client is in the content namespace', () => {
  const message = parseElement(`<message xmlns='jabber:client' id='1'><body>text</body></message>`);
  assert.equal(serialize(message), `<message id='1'><body>text</body></message>`);
  assert.equal(message.getChildText('body'), 'text');
});

test('text that is not one complete element is refused', () => {
  for (const text of ['', 'text', '<a/><b/>', '<a>', '<stream:error/>'.slice(0, 5)]) {
    assert.throws(() => parseElement(text), Error, text);
  }
  assert.throws(() => parseElement('<a></b>'), StreamError);
});

test('our own text is read at every size: the limits are for peers', () => {
  const attributes = (prefix: string, count: number): Attrs =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`${prefix}${n}`, 'u']));
  const written: Record<string, Element> = {
    bytes: xml('message', {}, xml('body', {}, 'x'.repeat(1 << 20))),
    attributes: xml('message', attributes('a', 300)),
    prefixes: xml('message', attributes('xmlns:p', 40), xml('x', attributes('xmlns:q', 40))),
    names: xml('message', {}, xml('n'.repeat(2000), { ['k'.repeat(2000)]: '' })),
    depth: nested(1024),
  };
  for (const [what, element] of Object.entries(written)) {
    assert.equal(serialize(parseElement(serialize(element))), serialize(element), what);
  }
  assert.throws(() => parseElement(serialize(nested(1025))), StreamError, 'trees are walked by recursion');
});

test('a flat copy is equal, and independent of the original at every depth', () => {
  const original = parseElement(TEXT);
  const copy = flatCopy(original);
  assert.equal(copy.toString(), TEXT);
  original.getChild('x', 'urn:example:x')!.children.length = 0;
  original.attrs.type = 'changed';
  assert.equal(copy.toString(), TEXT);
  assert.equal(copy.getChild('status')?.parent, copy);
});

test('removing an attribute does not slow down the others', () => {
  setFlagsFromString('--allow-natives-syntax');
  const isFast = new Function('object', 'return %HasFastProperties(object)') as (object: object) => boolean;
  const message = xml('message', { id: '1', from: 'a@b', to: 'c@d' });
  const attrs = { ...message.attrs };
  delete attrs.from;
  assert.equal(isFast(attrs), false, 'what this is about');
  assert.equal(isFast(message.with({ from: undefined }).attrs), true);
  assert.deepEqual(message.with({ from: undefined, to: 'e@f' }).attrs, { id: '1', to: 'e@f' });
});

function nested(depth: number): Element {
  let element = xml('a');
  for (let n = 1; n < depth; n++) element = xml('a', {}, element);
  return element;
}
