// What a parser and the serializer have to stand.

import type { Element } from '../../../src/xml/element.ts';
import { xml } from '../../../src/xml/element.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { openTag, serialize } from '../../../src/xml/serialize.ts';
import { type Complaint, compare } from './differential.ts';
import type { Expat } from './expat.ts';
import { type OurOpinion, type OurParser, sameTrees, type Tree, treeOf } from './opinion.ts';
import { Random } from './random.ts';

/** Where a server sends what it has received, or made. */
const HEADERS = [NS.CLIENT, NS.SERVER].map((xmlns) =>
  openTag(
    xml('stream:stream', { xmlns, 'xmlns:stream': NS.STREAM, 'xmlns:db': NS.DIALBACK, version: '1.0' }),
  ),
);

export class Trial {
  readonly #parser: OurParser;
  readonly #expat: Expat;

  constructor(parser: OurParser, expat: Expat) {
    this.#parser = parser;
    this.#expat = expat;
  }

  /**
   * Documents that come from a peer: all parsers agree, wherever the bytes are cut, and what we write of the elements
   * in them is read by all as what was received.
   */
  async received(documents: readonly Buffer[]): Promise<{ opinions: OurOpinion[]; complaints: Complaint[] }> {
    const opinions = documents.map((document) => this.#parser([document]));
    const [compared, forwarded] = await Promise.all([
      compare(documents, opinions, this.#parser, this.#expat),
      this.sent(opinions.map(({ elements }) => elements)),
    ]);
    const complaints = documents.map((document, i) => {
      const unread = forwarded[i] && `forwarded as ${forwarded[i].document}: ${forwarded[i].complaint}`;
      return compared[i] ?? this.#inPieces(document, opinions[i]!) ?? unread;
    });
    return { opinions, complaints };
  }

  /** Elements that are written to a stream are read by all as what they are, what XML cannot hold apart. */
  async sent(
    elements: readonly (readonly Element[])[],
  ): Promise<({ complaint: string; document: Buffer } | undefined)[]> {
    const documents: Buffer[] = [];
    const expected: Tree[][] = [];
    for (const [i, some] of elements.entries()) {
      const which = i % HEADERS.length;
      const text = `${HEADERS[which]}${some.map(serialize).join('')}</stream:stream>`;
      documents.push(Buffer.from(text));
      expected.push(some.map((element) => treeOf(element, which === 0 ? NS.CLIENT : NS.SERVER, legal)));
    }
    const opinions = documents.map((document) => this.#parser([document]));
    const complaints = await compare(documents, opinions, this.#parser, this.#expat);
    return documents.map((document, i) => {
      const { why, trees } = opinions[i]!;
      const complaint =
        complaints[i] ??
        (why === '' ? undefined : `we refuse it: ${why}`) ??
        (sameTrees(trees, expected[i]!) ? undefined : 'means something else');
      return complaint === undefined ? undefined : { complaint, document };
    });
  }

  #inPieces(document: Buffer, whole: OurOpinion): Complaint {
    const random = new Random(
      document.length,
      document.reduce((sum, byte) => (sum * 31 + byte) | 0, 0),
    );
    const cut = this.#parser(pieces(document, random));
    if (cut.why !== whole.why) return `in pieces: ${cut.why || 'taken'}, and not ${whole.why || 'taken'}`;
    return sameTrees(cut.trees, whole.trees) ? undefined : 'in pieces: other elements';
  }
}

/** A few pieces, or very many. */
function* pieces(document: Buffer, random: Random): Generator<Buffer> {
  const most = random.pick([1, 7, 60, document.length]);
  for (let at = 0; at < document.length; ) {
    const end = at + 1 + random.below(most);
    yield document.subarray(at, end);
    at = end;
  }
}

/** XML 1.0 §2.2: what is no character of XML is replaced. */
function legal(text: string): string {
  return text.toWellFormed().replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD');
}
