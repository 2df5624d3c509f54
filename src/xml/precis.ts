// PRECIS (RFC 8264, RFC 8265): which strings may name or open something, and which of them are the same.

import { isBidiLabel, RIGHT_TO_LEFT } from './precis-bidi.ts';
import { CONTEXTUAL, contextsAreFine } from './precis-context.ts';

// RFC 8264 §9. The categories by letter: A LetterDigits, R OtherLetterDigits, N Spaces, O Symbols, P Punctuation;
// I OldHangulJamo, M PrecisIgnorableProperties. Unassigned code points and controls are in none of them.
const OLD_HANGUL_JAMO = '\\u1100-\\u11FF\\uA960-\\uA97C\\uD7B0-\\uD7C6\\uD7CB-\\uD7FB';
const IGNORABLE = '\\p{Default_Ignorable_Code_Point}\\p{Noncharacter_Code_Point}';
const EXCEPTIONS_DISALLOWED = '\\u0640\\u07FA\\u302E\\u302F\\u3031-\\u3035\\u303B';
const EXCEPTIONS_VALID = '\\u00DF\\u03C2\\u06FD\\u06FE\\u0F0B\\u3007';
const DISALLOWED = `${OLD_HANGUL_JAMO}${IGNORABLE}${EXCEPTIONS_DISALLOWED}`;
const LETTER_DIGITS = '\\p{Ll}\\p{Lu}\\p{Lo}\\p{Nd}\\p{Lm}\\p{Mn}\\p{Mc}';
const OTHERS = '\\p{Lt}\\p{Nl}\\p{No}\\p{Me}\\p{Zs}\\p{S}\\p{P}';

/** Code points that the class may hold; those that need a context are looked at one by one. */
const IDENTIFIER = new RegExp(
  `^[[[${LETTER_DIGITS}]--[${DISALLOWED}]]${EXCEPTIONS_VALID}!-~${CONTEXTUAL}]*$`,
  'v',
);
const FREEFORM = new RegExp(`^[[[${LETTER_DIGITS}${OTHERS}]--[${DISALLOWED}]]${CONTEXTUAL}]*$`, 'v');

/** Half-width and full-width forms, with what width mapping makes of each (RFC 8264 §5.2.1). */
const WIDE_OR_NARROW = /[\uFF01-\uFFEF\u3000]/g;
const OTHER_WIDTH = otherWidth();
const SPACES = /\p{Zs}/gu;

/** How often a profile may change its own result before the string is refused (RFC 8264 §7). */
const MAX_ROUNDS = 4;

/** Whether every code point is PVALID in the IdentifierClass (RFC 8264 §4.2), or fits its context. */
export function isIdentifier(text: string): boolean {
  return IDENTIFIER.test(text) && !hasCompatibilityForm(text) && contextsAreFine(text);
}

/** Whether every code point is in the FreeformClass (RFC 8264 §4.3), or fits its context. */
function isFreeform(text: string): boolean {
  return FREEFORM.test(text) && contextsAreFine(text);
}

/** The profile UsernameCaseMapped (RFC 8265 §3.3); `undefined` for what is no user name. */
export function usernameCaseMapped(text: string): string | undefined {
  return untilStable(text, mapUsername);
}

/** The profile OpaqueString (RFC 8265 §4.2), also for passwords; `undefined` for what is none. */
export function opaqueString(text: string): string | undefined {
  return untilStable(text, mapOpaque);
}

function mapUsername(text: string): string | undefined {
  const narrow = text.replace(WIDE_OR_NARROW, (char) => OTHER_WIDTH.get(char)!);
  // Preparation comes first: lower case turns some that are not allowed into others that are.
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

/** HasCompat (RFC 8264 §9.17): a code point that NFKC changes, other than those of ASCII. */
function hasCompatibilityForm(text: string): boolean {
  // Most texts have no candidate. NFKC of a whole text is slow if its marks are out of order, so it comes second.
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
