// The measured libraries: parsers from bytes of a stream to one tree for each stanza; serializers from trees to text or bytes.

import { Element as LtxElement, Parser as LtxParser } from 'ltx';
import { SaxesParser } from 'saxes';
import { Element } from '../../src/xml/element.ts';
import { XmlParser } from '../../src/xml/parser.ts';
import { serialize } from '../../src/xml/serialize.ts';

/** Makes a parser that calls back for every stanza. */
type MakeParser<E> = (onStanza: (stanza: E) => void) => (chunk: Buffer) => void;

const enjambParser: MakeParser<Element> = (onStanza) => {
  const parser = new XmlParser({ onOpen() {}, onElement: onStanza, onClose() {} });
  return (chunk) => parser.write(chunk);
};

/** ltx's parser makes one tree of the whole stream. The stanzas are removed from the root after every chunk. */
const ltxParser: MakeParser<LtxElement> = (onStanza) => {
  let root: LtxElement | undefined;
  class RememberedRoot extends LtxElement {
    constructor(name: string, attrs?: Record<string, string>) {
      super(name, attrs);
      root ??= this;
    }
  }
  const parser = new LtxParser({ Element: RememberedRoot });
  return (chunk) => {
    parser.write(chunk);
    // The last stanza may be incomplete, so it is reported when the next one begins.
    for (const child of root!.children.splice(0, root!.children.length - 1)) onStanza(child);
  };
};

/** saxes with namespaces and a decoder that refuses invalid UTF-8: a strict alternative. */
const saxesParser: MakeParser<Element> = (onStanza) => {
  const parser = new SaxesParser({ xmlns: true, position: false });
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const open: Element[] = [];
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', (tag) => {
    const attrs: Record<string, string> = {};
    for (const name in tag.attributes) attrs[name] = tag.attributes[name]!.value;
    const element = new Element(tag.name, attrs);
    if (open.length > 1) open[open.length - 1]!.append(element);
    open.push(element);
  });
  parser.on('text', (text) => {
    if (open.length > 1) open[open.length - 1]!.append(text);
  });
  parser.on('closetag', () => {
    const element = open.pop()!;
    if (open.length === 1) onStanza(element);
  });
  return (chunk) => {
    parser.write(decoder.decode(chunk, { stream: true }));
  };
};

export const PARSERS = { enjamb: enjambParser, ltx: ltxParser, 'saxes, namespaces': saxesParser };

/** Serializers. Each one gets the trees of the parser of its own library. */
export const SERIALIZERS = {
  enjamb: { parser: enjambParser, write: (stanza: Element) => serialize(stanza) },
  ltx: { parser: ltxParser, write: (stanza: LtxElement) => stanza.toString() },
};
