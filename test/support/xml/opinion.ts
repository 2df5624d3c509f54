// What a parser makes of a document, in one form for all of them: names resolved, order kept, neighbouring texts as one.

import type { Element } from '../../../src/xml/element.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { XmlParser } from '../../../src/xml/parser.ts';

/** An element with resolved names: `{namespace}local`. */
export interface Tree {
  name: string;
  attributes: Record<string, string>;
  children: (Tree | string)[];
}

const HEADER_PREFIXES: Record<string, string> = { stream: NS.STREAM, db: NS.DIALBACK };

export interface Opinion {
  /** The root without its children, once its tag is complete. */
  root: Tree | undefined;
  /** The first-level elements that were complete before the end or the refusal. */
  trees: Tree[];
  /** Why the document was refused; empty when it was taken to its end. */
  why: string;
}

export interface OurOpinion extends Opinion {
  readonly elements: readonly Element[];
}

/** A parser that is on trial. */
export type OurParser = (pieces: Iterable<Buffer>) => OurOpinion;

/** What our parser says to a document in pieces, and the elements themselves. */
export function ourOpinion(pieces: Iterable<Buffer>): OurOpinion {
  const elements: Element[] = [];
  let root: Tree | undefined;
  let content = '';
  let ended = false;
  const parser = new XmlParser({
    onOpen: (header, contentNamespace = '') => {
      content = contentNamespace;
      root = treeOf(header, '');
    },
    onElement: (element) => elements.push(element),
    onClose: () => {
      ended = true;
    },
  });
  let why = '';
  try {
    for (const piece of pieces) parser.write(piece);
    if (!ended) why = 'unfinished';
  } catch (error) {
    why = (error as { condition?: string }).condition ?? `${(error as Error).stack}`;
  }
  return { root, trees: elements.map((element) => treeOf(element, content)), why, elements };
}

/**
 * Every element is resolved with its own declarations alone, and inherits nothing but the default namespace; literal
 * prefixes in names are those of stream headers. `textOf` is what becomes of values and of text.
 */
export function treeOf(element: Element, inherited: string, textOf = (text: string) => text): Tree {
  const xmlns = element.attrs.xmlns ?? inherited;
  const [tag = '', header] = element.name.split(':').reverse();
  const attributes: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(element.attrs)) {
    if (value === undefined || name === 'xmlns' || name.startsWith('xmlns:')) continue;
    const [local = '', prefix] = name.split(':').reverse();
    const space = prefix === undefined ? '' : prefix === 'xml' ? NS.XML : element.attrs[`xmlns:${prefix}`];
    attributes[`{${space}}${local}`] = textOf(value);
  }
  const children: Tree['children'] = [];
  for (const child of element.children) {
    addChild(children, typeof child === 'string' ? textOf(child) : treeOf(child, xmlns, textOf));
  }
  return { name: `{${header === undefined ? xmlns : HEADER_PREFIXES[header]}}${tag}`, attributes, children };
}

export function addChild(children: Tree['children'], child: Tree | string): void {
  const last = children.length - 1;
  if (typeof child !== 'string') children.push(child);
  else if (typeof children[last] === 'string') children[last] += child;
  else if (child !== '') children.push(child);
}

export function sameTree(one: Tree | string | undefined, other: Tree | string | undefined): boolean {
  if (one === undefined || other === undefined || typeof one === 'string' || typeof other === 'string') {
    return one === other;
  }
  const names = Object.keys(one.attributes);
  return (
    one.name === other.name &&
    names.length === Object.keys(other.attributes).length &&
    names.every((name) => one.attributes[name] === other.attributes[name]) &&
    sameTrees(one.children, other.children)
  );
}

export function sameTrees(ones: readonly (Tree | string)[], others: readonly (Tree | string)[]): boolean {
  return ones.length === others.length && ones.every((one, index) => sameTree(one, others[index]));
}
