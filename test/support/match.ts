// XML in, XML out, as text: compares what was sent with what a test expects to read.

import assert from 'node:assert/strict';
import { Element, type Node } from '../../src/xml/element.ts';
import { XmlParser } from '../../src/xml/parser.ts';

/** Reads one element, in the namespaces of a client's stream. */
export function parseXml(text: string): Element {
  const found: Element[] = [];
  const parser = new XmlParser({
    onOpen() {},
    onElement: (element) => found.push(element),
    onClose() {},
  });
  parser.write(
    Buffer.from(
      `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>${text.trim()}`,
    ),
  );
  assert.equal(found.length, 1, `one element expected in: ${text}`);
  return found[0]!;
}

/**
 * Asserts that an element is what the text says. Attribute order and white space between elements count for
 * nothing; `{any}` stands for any value or text; attributes of `actual` that the text does not name are an error,
 * except `id` and `xml:lang` of the top element when the text leaves them out.
 */
export function assertXml(actual: Element, expected: string): void {
  const why = difference(actual, parseXml(expected), true);
  if (why !== undefined) {
    assert.fail(`${why}\n  got:      ${actual}\n  expected: ${expected.trim().replaceAll(/\s+/g, ' ')}`);
  }
}

/** Whether an element is what the text says, see {@link assertXml}. */
export function matchesXml(actual: Element, expected: string): boolean {
  return difference(actual, parseXml(expected), true) === undefined;
}

function difference(actual: Element, expected: Element, top = false): string | undefined {
  const name = `<${expected.name}/>`;
  if (actual.getName() !== expected.name) return `<${actual.name}/> instead of ${name}`;
  if (actual.getNS() !== expected.getNS()) return `${name} is in ${actual.getNS()}`;
  for (const key of new Set([...Object.keys(actual.attrs), ...Object.keys(expected.attrs)])) {
    if (key === 'xmlns') continue;
    const [got, want] = [actual.attrs[key], expected.attrs[key]];
    if (want === undefined && top && (key === 'id' || key === 'xml:lang')) continue;
    if (want === '{any}' ? got === undefined : got !== want) return `${name} has ${key}=${got}, not ${want}`;
  }
  const [gotChildren, wantChildren] = [significant(actual), significant(expected)];
  if (gotChildren.length !== wantChildren.length) {
    return `${name} has ${gotChildren.length} children, not ${wantChildren.length}`;
  }
  for (const [index, want] of wantChildren.entries()) {
    const got = gotChildren[index]!;
    const why = compareNodes(got, want, name);
    if (why !== undefined) return why;
  }
  return undefined;
}

function compareNodes(got: Node, want: Node, where: string): string | undefined {
  if (typeof want === 'string') {
    const fits = typeof got === 'string' && (want === '{any}' || got.trim() === want.trim());
    return fits ? undefined : `${where} holds ${got}, not ${want}`;
  }
  return typeof got === 'string' ? `${where} holds text "${got}"` : difference(got, want);
}

function significant(element: Element): Node[] {
  const joined: Node[] = [];
  for (const child of element.children) {
    const last = joined.at(-1);
    if (typeof child === 'string' && typeof last === 'string') joined[joined.length - 1] = last + child;
    else joined.push(child);
  }
  return joined.filter((child) => child instanceof Element || child.trim() !== '');
}
