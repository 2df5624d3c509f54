// A second opinion on documents: saxes, with what it sees brought into the same form as what our parser gives.

import { SaxesParser } from 'saxes';
import type { Element } from '../../../src/xml/element.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { XmlParser } from '../../../src/xml/parser.ts';

/** An element with resolved names: `{namespace}local`. */
export interface Tree {
  name: string;
  attributes: Record<string, string>;
  children: (Tree | string)[];
}

export interface Opinion {
  /** The first-level elements of a document that was taken to its end; `undefined` when it was refused. */
  trees: Tree[] | undefined;
  /** Why it was refused. */
  why: string;
}

export function ourOpinion(pieces: Iterable<Buffer>): Opinion & { elements: Element[] } {
  const elements: Element[] = [];
  let ended = false;
  let content = '';
  const parser = new XmlParser({
    onOpen: (_root, contentNamespace = '') => {
      content = contentNamespace;
    },
    onElement: (element) => elements.push(element),
    onClose: () => {
      ended = true;
    },
  });
  try {
    for (const piece of pieces) parser.write(piece);
  } catch (error) {
    return { trees: undefined, why: (error as { condition?: string }).condition ?? String(error), elements };
  }
  if (!ended) return { trees: undefined, why: 'unfinished', elements };
  return { trees: elements.map((element) => treeOf(element, content)), why: '', elements };
}

/** Every element is resolved with its own declarations alone, and inherits nothing but the default namespace. */
export function treeOf(element: Element, inherited: string): Tree {
  const xmlns = element.attrs.xmlns ?? inherited;
  const attributes: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(element.attrs)) {
    if (name === 'xmlns' || name.startsWith('xmlns:')) continue;
    const [local = '', prefix] = name.split(':').reverse();
    const space = prefix === undefined ? '' : prefix === 'xml' ? NS.XML : element.attrs[`xmlns:${prefix}`];
    attributes[`{${space}}${local}`] = value!;
  }
  const children = element.children.map((child) =>
    typeof child === 'string' ? child : treeOf(child, xmlns),
  );
  return { name: `{${xmlns}}${element.name}`, attributes, children };
}

/** What saxes makes of a whole document, and whether there is more in it than XMPP allows. */
export function secondOpinion(bytes: Buffer): Opinion {
  const path: Tree[] = [];
  const trees: Tree[] = [];
  const parser = new SaxesParser({ xmlns: true, position: false, fragment: false });
  const refuse = (why: string) => () => {
    throw new Error(why);
  };
  const text = (value: string) => {
    const parent = path.at(-1);
    if (path.length < 2 && value.trim() !== '') throw new Error('bad-format');
    if (parent === undefined) return;
    const last = parent.children.length - 1;
    if (typeof parent.children[last] === 'string') parent.children[last] += value;
    else if (value !== '') parent.children.push(value);
  };
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('comment', refuse('restricted-xml'));
  parser.on('doctype', refuse('restricted-xml'));
  parser.on('processinginstruction', refuse('restricted-xml'));
  parser.on('text', text);
  parser.on('cdata', text);
  parser.on('opentag', (tag) => {
    const attributes: Record<string, string> = Object.create(null);
    for (const { uri, local, prefix, name, value } of Object.values(tag.attributes)) {
      if (prefix === 'xmlns' || name === 'xmlns') continue;
      attributes[`{${uri}}${local}`] = value;
    }
    const tree = { name: `{${tag.uri}}${tag.local}`, attributes, children: [] };
    path.at(-1)?.children.push(tree);
    path.push(tree);
  });
  parser.on('closetag', () => {
    const tree = path.pop()!;
    if (path.length === 1) trees.push(tree);
  });
  try {
    // RFC 6120 §11.6: U+FEFF is no byte order mark.
    if (bytes.indexOf('\uFEFF') === 0) throw new Error('not-well-formed');
    parser.write(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)).close();
  } catch (error) {
    return { trees: undefined, why: (error as Error).message };
  }
  return { trees, why: '' };
}
