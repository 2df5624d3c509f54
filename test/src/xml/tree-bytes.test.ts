import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { treeBytes } from '../../../src/xml/tree-bytes.ts';
import { parseXml } from '../../support/match.ts';

const KINDS: Record<string, string> = {
  'empty elements': '<a/>'.repeat(5_000),
  'elements with an attribute': `<a b='c'/>`.repeat(5_000),
  nested: '<a><b><c/></b></a>'.repeat(2_000),
  'short texts': '<a>text</a>'.repeat(5_000),
  'one text': 'ü'.repeat(100_000),
};

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** What the heap grows by for each of some elements of this content. */
function measured(content: string): number {
  const kept = [];
  const text = `<message>${content}</message>`;
  parseXml(text); // Once before: compiled, names known.
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < 8; i++) kept.push(parseXml(text));
  collect();
  return (process.memoryUsage().heapUsed - before) / kept.length;
}

test('the estimated memory of an element is at least the real one, and not many times as much', () => {
  for (const [kind, content] of Object.entries(KINDS)) {
    const weight = treeBytes(parseXml(`<message>${content}</message>`));
    const ratio = weight / measured(content);
    assert.ok(ratio > 0.9 && ratio < 3, `${kind}: ${ratio}`);
  }
});
