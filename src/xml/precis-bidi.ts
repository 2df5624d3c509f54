// The Bidi Rule (RFC 5893 §2), which makes the display of a name with right-to-left characters unambiguous.
//
// Regular expressions do not support Bidi_Class. It is derived here from the blocks that Unicode reserves for
// right-to-left scripts and from general categories, which is exact for letters, marks and digits in use.

const RTL_BLOCKS = '\\u0590-\\u08FF\\uFB1D-\\uFDFF\\uFE70-\\uFEFF\\u{10800}-\\u{10FFF}\\u{1E800}-\\u{1EFFF}';
const ARABIC_NUMBERS =
  '\\u0600-\\u0605\\u0660-\\u0669\\u066B\\u066C\\u06DD\\u0890\\u0891\\u08E2\\u{10D30}-\\u{10D39}\\u{10E60}-\\u{10E7E}';
const EUROPEAN_NUMBERS = '0-9\\u06F0-\\u06F9';
const NONSPACING = '\\p{Mn}\\p{Me}';

/** R or AL. */
const RTL_LETTERS = `[[${RTL_BLOCKS}]--[${NONSPACING}${ARABIC_NUMBERS}${EUROPEAN_NUMBERS}\\p{S}]]`;
/** L. */
const LTR_LETTERS = `[[\\p{L}\\p{Mc}\\p{Nd}\\p{Nl}]--[${RTL_BLOCKS}${EUROPEAN_NUMBERS}]]`;

/** A character of class R, AL or AN: the rule applies to a text that has one. */
export const RIGHT_TO_LEFT = new RegExp(`${RTL_LETTERS}|[${ARABIC_NUMBERS}]`, 'v');

const FIRST = new RegExp(`^${RTL_LETTERS}`, 'v');
const LAST = new RegExp(`(?:${RTL_LETTERS}|[${EUROPEAN_NUMBERS}${ARABIC_NUMBERS}])[${NONSPACING}]*$`, 'v');
const LEFT_TO_RIGHT = new RegExp(LTR_LETTERS, 'v');
const EUROPEAN = new RegExp(`[${EUROPEAN_NUMBERS}]`, 'v');
const ARABIC = new RegExp(`[${ARABIC_NUMBERS}]`, 'v');

/** Whether a text with a right-to-left character satisfies the rule. */
export function isBidiLabel(text: string): boolean {
  // Conditions 1 and 5: the first character of such a text cannot be left-to-right.
  if (!FIRST.test(text)) return false;
  // Condition 2, 3, 4.
  if (LEFT_TO_RIGHT.test(text)) return false;
  if (!LAST.test(text)) return false;
  return !(EUROPEAN.test(text) && ARABIC.test(text));
}
