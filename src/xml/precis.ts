// PRECIS (RFC 8264, RFC 8265): the validity and equality of user names and passwords.

import { isBidiLabel, RIGHT_TO_LEFT } from './precis-bidi.ts';
import { CONTEXTUAL, contextsAreFine } from './precis-context.ts';

// RFC 8264 §9. The categories by letter: A LetterDigits, R OtherLetterDigits, N Spaces, O Symbols, P Punctuation;
// I OldHangulJamo, M PrecisIgnorableProperties. Unassigned code points and controls have no category.
const OLD_HANGUL_JAMO = '\\u1100-\\u11FF\\uA960-\\uA97C\\uD7B0-\\uD7C6\\uD7CB-\\uD7FB';
const IGNORABLE = '\\p{Default_Ignorable_Code_Point}\\p{Noncharacter_Code_Point}';
const EXCEPTIONS_DISALLOWED = '\\u0640\\u07FA\\u302E\\u302F\\u3031-\\u3035\\u303B';
const EXCEPTIONS_VALID = '\\u00DF\\u03C2\\u06FD\\u06FE\\u0F0B\\u3007';
const DISALLOWED = `${OLD_HANGUL_JAMO}${IGNORABLE}${EXCEPTIONS_DISALLOWED}`;
const LETTER_DIGITS = '\\p{Ll}\\p{Lu}\\p{Lo}\\p{Nd}\\p{Lm}\\p{Mn}\\p{Mc}';
const OTHERS = '\\p{Lt}\\p{Nl}\\p{No}\\p{Me}\\p{Zs}\\p{S}\\p{P}';

/** Texts of code points that the class allows; `contextsAreFine` checks the contextual ones. */
const IDENTIFIER = new RegExp(
  `^[[[${LETTER_DIGITS}]--[${DISALLOWED}]]${EXCEPTIONS_VALID}!-~${CONTEXTUAL}]*$`,
  'v',
);
const FREEFORM = new RegExp(`^[[[${LETTER_DIGITS}${OTHERS}]--[${DISALLOWED}]]${CONTEXTUAL}]*$`, 'v');

/** Half-width and full-width forms, which width mapping replaces (RFC 8264 §5.2.1). */
const WIDE_OR_NARROW = /[\uFF01-\uFFEF\u3000]/g;
const OTHER_WIDTH = otherWidth();
const SPACES = /\p{Zs}/gu;

/** The most times that a profile may be reapplied before the string is refused (RFC 8264 §7). */
const MAX_ROUNDS = 4;

/** Whether every code point is PVALID in the IdentifierClass (RFC 8264 §4.2), or satisfies its contextual rule. */
export function isIdentifier(text: string): boolean {
  return IDENTIFIER.test(text) && !hasCompatibilityForm(text) && contextsAreFine(text);
}

/** Whether every code point is in the FreeformClass (RFC 8264 §4.3), or satisfies its contextual rule. */
function isFreeform(text: string): boolean {
  return FREEFORM.test(text) && contextsAreFine(text);
}

/** The profile UsernameCaseMapped (RFC 8265 §3.3); `undefined` if the text is not a valid user name. */
export function usernameCaseMapped(text: string): string | undefined {
  return untilStable(text, mapUsername);
}

/** The profile OpaqueString (RFC 8265 §4.2), for passwords and resources; `undefined` if the text is not valid. */
export function opaqueString(text: string): string | undefined {
  return untilStable(text, mapOpaque);
}

function mapUsername(text: string): string | undefined {
  const narrow = text.replace(WIDE_OR_NARROW, (char) => OTHER_WIDTH.get(char)!);
  // Preparation precedes case mapping, which maps some forbidden characters to allowed ones.
  if (!isIdentifier(narrow)) return undefined;
  const name = narrow.toLowerCase().normalize('NFC');
  if (name !== narrow && !isIdentifier(name)) return undefined;
  return RIGHT_TO_LEFT.test(name) && !isBidiLabel(name) ? undefined : name;
}

function mapOpaque(text: string): string | undefined {
  const mapped = text.replace(SPACES, ' ').normalize('NFC');
  return isFreeform(mapped) ? mapped : undefined;
}

function untilStable(text: string, map: (text: string) => string | undefined): string | undefined {
  let present: string | undefined = text;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const next: string | undefined = map(present);
    if (next === undefined || next === '') return undefined;
    if (next === present) return next;
    present = next;
  }
  return undefined;
}

/** HasCompat (RFC 8264 §9.17): whether NFKC changes a code point beyond ASCII. */
function hasCompatibilityForm(text: string): boolean {
  // Most texts have no candidate. NFKC is slow for a text with marks out of order, so the candidates are tested first.
  if (!CANDIDATE.test(text) || text.normalize('NFKC') === text) return false;
  for (const [char] of text.matchAll(CANDIDATES)) {
    if (isChanged(char)) return true;
  }
  return false;
}

/** Code points that NFKC with case folding changes (UAX #44): capitals, and every code point with HasCompat. */
const CANDIDATE = new RegExp(`[\\p{CWKCF}--[${EXCEPTIONS_VALID}${CONTEXTUAL}!-~]]`, 'v');
const CANDIDATES = new RegExp(CANDIDATE, 'gv');

/** Whether NFKC changes a code point. Bounded by the number of candidates in Unicode, some thousands. */
const changed = new Map<string, boolean>();

function isChanged(char: string): boolean {
  let is = changed.get(char);
  if (is === undefined) {
    is = char.normalize('NFKC') !== char;
    changed.set(char, is);
  }
  return is;
}

function otherWidth(): ReadonlyMap<string, string> {
  const chars = ['\u3000', ...Array.from({ length: 0xef }, (_, n) => String.fromCharCode(0xff01 + n))];
  return new Map(chars.map((char) => [char, char.normalize('NFKC')]));
}
