// Feeds documents to the parser in pieces and tells what came out, as text.

import { isCut } from '../../../src/xml/cut.ts';
import { StreamError } from '../../../src/xml/errors.ts';
import { DEFAULT_LIMITS, type ParserLimits, XmlParser } from '../../../src/xml/parser.ts';
import { openTag } from '../../../src/xml/serialize.ts';

export const HEADER =
  "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='im.example' version='1.0'>";

export interface Outcome {
  /** The header, each element and the end, in order. */
  events: string[];
  /** The condition of the stream error; `undefined` when the document was taken as it is. */
  error: string | undefined;
  midStanza: boolean;
}

/** Feeds pieces one after the other; what is written after an error must change nothing. */
export function feed(pieces: Iterable<Buffer>, limits: ParserLimits = DEFAULT_LIMITS): Outcome {
  const outcome: Outcome = { events: [], error: undefined, midStanza: false };
  const parser = new XmlParser(
    {
      onOpen: (root, contentNamespace) => outcome.events.push(`${openTag(root)} ${contentNamespace}`),
      onElement: (element) => outcome.events.push(isCut(element) ? `cut ${element}` : `${element}`),
      onClose: () => outcome.events.push('end'),
    },
    limits,
  );
  for (const piece of pieces) {
    try {
      parser.write(piece);
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      outcome.error = error.condition;
      break;
    }
  }
  outcome.midStanza = parser.midStanza;
  return outcome;
}

export function* whole(bytes: Buffer): Generator<Buffer> {
  yield bytes;
}

export function* piecesOf(bytes: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield Buffer.from(bytes.subarray(at, at + size));
}

/** Cut at the given positions; those beyond the end count as the end. */
export function* cutAt(bytes: Buffer, positions: number[]): Generator<Buffer> {
  let from = 0;
  for (const position of [...positions, bytes.length].sort((a, b) => a - b)) {
    const to = Math.min(position, bytes.length);
    if (to > from) yield Buffer.from(bytes.subarray(from, to));
    from = Math.max(from, to);
  }
}

export function bytesOf(document: string | Buffer): Buffer {
  return typeof document === 'string' ? Buffer.from(document) : document;
}
