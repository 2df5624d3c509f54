// A second opinion: saxes with namespaces, behind a decoder that refuses what is not UTF-8.

import { SaxesParser, type SaxesTagNS } from 'saxes';
import { addChild, type Opinion, type Tree } from './opinion.ts';
import { splitUtf8 } from './utf8.ts';

/** What saxes makes of a document; what XML allows and XMPP does not is refused with the condition of RFC 6120. */
export function saxesOpinion(document: Buffer): Opinion {
  const opinion: Opinion = { root: undefined, trees: [], why: '' };
  const parser = new SaxesParser({
    xmlns: true,
    position: false,
    fragment: false,
    defaultXMLVersion: '1.0',
    forceXMLVersion: true,
  });
  listen(parser, opinion);
  try {
    const [text, rest] = splitUtf8(document);
    // RFC 6120 §11.6: U+FEFF is no byte order mark.
    if (text.startsWith('\uFEFF')) throw new Error('not-well-formed');
    parser.write(text);
    if (rest.length > 0) throw new Error('not UTF-8');
    parser.close();
  } catch (error) {
    opinion.why = (error as Error).message || 'refused';
  }
  return opinion;
}

function listen(parser: SaxesParser<{ xmlns: true }>, opinion: Opinion): void {
  const path: Tree[] = [];
  const text = (value: string) => {
    if (path.length < 2 && /[^ \t\r\n]/.test(value)) throw new Error('bad-format');
    if (path.length > 1) addChild(path.at(-1)!.children, value);
  };
  const refuse = () => {
    throw new Error('restricted-xml');
  };
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('comment', refuse);
  parser.on('doctype', refuse);
  parser.on('processinginstruction', refuse);
  parser.on('text', text);
  parser.on('cdata', text);
  parser.on('opentag', (tag) => {
    const tree = treeOf(tag);
    if (path.length === 0) opinion.root = tree;
    else if (path.length > 1) path.at(-1)!.children.push(tree);
    path.push(tree);
  });
  parser.on('closetag', () => {
    const tree = path.pop()!;
    if (path.length === 1) opinion.trees.push(tree);
  });
}

function treeOf(tag: SaxesTagNS): Tree {
  const attributes: Record<string, string> = Object.create(null);
  for (const { uri, local, prefix, name, value } of Object.values(tag.attributes)) {
    if (prefix !== 'xmlns' && name !== 'xmlns') attributes[`{${uri}}${local}`] = value;
  }
  return { name: `{${tag.uri}}${tag.local}`, attributes, children: [] };
}
