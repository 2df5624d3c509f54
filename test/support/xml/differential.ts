// Our parser against others: nothing that they refuse is taken, and what both take means the same.
//
// "Taken" is meant element by element: a first-level element is acted upon before the rest of the stream has come, so
// every element that we hand over must be one that the others had complete before they refused anything.

import type { Expat } from './expat.ts';
import { type Opinion, type OurParser, sameTree, sameTrees } from './opinion.ts';
import { saxesOpinion } from './saxes.ts';
import { splitUtf8 } from './utf8.ts';

/** What is not as it should be about one document. */
export type Complaint = string | undefined;

/**
 * What we refuse and both others take, by our condition: each only where the document has what is refused on purpose.
 * (Comments, instructions, document types and text between stanzas the others refuse for us, see `expat_oracle.py`.)
 */
const STRICTER: Record<string, RegExp> = {
  // References and CDATA are text, be it white space (RFC 6120 §11.7 allows white space between stanzas).
  'bad-format': /&#|<!\[CDATA\[/,
  // RFC 6120 §11.6; the others take encodings at their word.
  'unsupported-encoding': /<\?xml[^>]*encoding/,
  // Our trees have no prefixes, and this namespace cannot be a default one (XML Names §3).
  'bad-namespace-prefix': /<xml:/,
  // A name that is no key of an object.
  'policy-violation': /__proto__/,
};

/** Compares a parser's opinions on documents with those of saxes and expat; the complaints are in their order. */
export async function compare(
  documents: readonly Buffer[],
  ours: readonly Opinion[],
  parser: OurParser,
  expat: Expat,
): Promise<Complaint[]> {
  const askAgain = async (again: Buffer) => complaintOf(parser([again]), (await expat.judge([again]))[0]!);
  const asked = expat.judge(documents);
  const saxes = documents.map(saxesOpinion);
  const expats = await asked;
  return Promise.all(
    documents.map(async (document, i) => {
      const [own, second, third] = [ours[i]!, saxes[i]!, expats[i]!];
      const complaint = complaintOfSaxes(document, own, second);
      if (complaint !== undefined) return complaint;
      if (complaintOf(own, third) !== undefined) {
        const remaining = await askAgain(withFourthEditionNames(document));
        if (remaining !== undefined) return `expat: ${remaining}`;
      }
      return needlessRefusal(document, own, [second, third]);
    }),
  );
}

/** What saxes has to say about our opinion on a document. */
export function complaintOfSaxes(
  document: Buffer,
  ours: Opinion,
  theirs = saxesOpinion(document),
): Complaint {
  const complaint = complaintOf(ours, theirs);
  return complaint === undefined || trimsNamespaces(document) ? undefined : `saxes: ${complaint}`;
}

/** What nobody but us refuses, and not on purpose. */
function needlessRefusal(document: Buffer, ours: Opinion, others: readonly Opinion[]): Complaint {
  if (ours.why === '' || others.some(({ why }) => why !== '')) return undefined;
  return STRICTER[ours.why]?.test(`${document}`) ? undefined : `only we refuse it: ${ours.why}`;
}

function complaintOf(ours: Opinion, theirs: Opinion): Complaint {
  if (ours.why === '' && theirs.why !== '') return `taken by us, refused by it: ${theirs.why}`;
  if (ours.trees.length > theirs.trees.length)
    return `${ours.trees.length} elements taken by us: ${theirs.why}`;
  if (!sameTrees(ours.trees, theirs.trees.slice(0, ours.trees.length)))
    return 'elements with another meaning';
  if (ours.root !== undefined && !sameTree(ours.root, theirs.root)) return 'a header with another meaning';
  return ours.why === '' && theirs.trees.length > ours.trees.length ? 'elements lost by us' : undefined;
}

// ── Where the others are wrong ─────────────────────────────────────────────────────────────────────────────────────

/**
 * GAP of expat: it has the names of the fourth edition of XML 1.0. Therefore it is asked again, as we are, with an
 * ideograph, which names may have in both editions, for every character beyond ASCII.
 */
function withFourthEditionNames(document: Buffer): Buffer {
  const [text, rest] = splitUtf8(document);
  const known = new Map<string, string>();
  const plain = text.replace(/[^\0-\x7f]/gu, (char) => {
    // What XML forbids stays what it is.
    if (/[\uFFFE\uFFFF]/.test(char)) return char;
    if (!known.has(char)) known.set(char, String.fromCodePoint(0x4e00 + known.size));
    return known.get(char)!;
  });
  return Buffer.concat([Buffer.from(plain), rest]);
}

/** GAP of saxes: it cuts white space off namespaces, which are compared as they are (XML Names §2.3). */
function trimsNamespaces(document: Buffer): boolean {
  for (const [, quoted] of `${document}`.matchAll(/xmlns[^=<>]*=\s*('[^']*'|"[^"]*")/g)) {
    const namespace = quoted!
      .slice(1, -1)
      .replace(/&#(?:x([0-9a-fA-F]+)|([0-9]+));/g, (_, hexadecimal, decimal) => {
        const code = decimal === undefined ? Number.parseInt(hexadecimal, 16) : Number(decimal);
        return code <= 0xffff ? String.fromCharCode(code) : '';
      });
    if (namespace !== namespace.trim()) return true;
  }
  return false;
}
