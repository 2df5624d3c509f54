// Stanzas whose children are held as text until somebody looks.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { xml } from '../../../src/xml/element.ts';
import { flatBytes } from '../../../src/xml/flat.ts';
import { LazyElement } from '../../../src/xml/lazy.ts';
import { parseXml } from '../../support/match.ts';

const TEXT = `<message xmlns:e='urn:e' id='1&amp;2' from='a@b/ü' to='c@d' xml:lang='de'><body>1 &lt; 2 ü€😀</body>
<x xmlns='urn:x'><y e:z='ä&apos;'/></x></message>`;

const lazy = () => new LazyElement(parseXml(TEXT).flattened);

test('a lazy element reads and writes as the original', () => {
  const tree = parseXml(TEXT);
  assert.equal(lazy().toString(), tree.toString());
  assert.deepEqual({ ...lazy().attrs }, { ...tree.attrs });
  assert.equal(lazy().getChildText('body'), '1 < 2 ü€😀');
  assert.equal(lazy().getChild('x', 'urn:x')?.getNS(), 'urn:x');
  assert.equal(lazy().getChild('body')?.getNS(), undefined);
  assert.equal(new LazyElement(xml('presence').flattened).toString(), '<presence/>');
});

test('a lazy element is flattened already', () => {
  const { flattened } = parseXml(TEXT);
  assert.equal(new LazyElement(flattened).flattened, flattened);
});

test('copies with other attributes or children do not change the original', () => {
  const original = lazy();
  const before = original.toString();
  assert.equal(original.with({ id: 'new' }).toString(), before.replace('1&amp;2', 'new'));
  assert.equal(original.with({ id: undefined }).attrs.id, undefined);
  const more = original.plus(xml('delay', 'urn:xmpp:delay'));
  assert.equal(more.toString(), before.replace('</message>', `<delay xmlns='urn:xmpp:delay'/></message>`));
  assert.equal(original.toString(), before);
});

test('a lazy element takes a small part of the memory of its tree, at most the estimate', () => {
  const text = `<message id='1' from='romeo@montague.lit/orchard' to='juliet@capulet.lit'>${'<a/>'.repeat(100)}</message>`;
  const tree = memoryOf(() => parseXml(text));
  const kept = memoryOf(() => new LazyElement(parseXml(text).flattened), 5_000);
  assert.ok(kept < flatBytes(parseXml(text).flattened) + 100, `${kept}`);
  assert.ok(kept * 10 < tree, `${kept} of ${tree}`);
});

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Of one, in bytes. */
function memoryOf(make: () => unknown, count = 500): number {
  make();
  collect();
  const before = process.memoryUsage().heapUsed;
  const kept = Array.from({ length: count }, make);
  collect();
  const bytes = (process.memoryUsage().heapUsed - before) / count;
  assert.equal(kept.length, count);
  return bytes;
}
