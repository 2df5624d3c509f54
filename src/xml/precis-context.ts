// Code points that are allowed only in some contexts: the contextual rules of RFC 5892 appendix A.

/** For use inside a character class. */
export const CONTEXTUAL = '\\u00B7\\u0375\\u05F3\\u05F4\\u0660-\\u0669\\u06F0-\\u06F9\\u200C\\u200D\\u30FB';

const ANY = new RegExp(`[${CONTEXTUAL}]`, 'v');

/** Canonical_Combining_Class Virama, which regular expressions do not support. */
const VIRAMA =
  '\\u094D\\u09CD\\u0A4D\\u0ACD\\u0B4D\\u0BCD\\u0C4D\\u0CCD\\u0D3B\\u0D3C\\u0D4D\\u0DCA\\u0E3A\\u0EBA\\u0F84\\u1039' +
  '\\u103A\\u1714\\u1715\\u1734\\u17D2\\u1A60\\u1B44\\u1BAA\\u1BAB\\u1BF2\\u1BF3\\u2D7F\\uA806\\uA82C\\uA8C4\\uA953' +
  '\\uA9C0\\uAAF6\\uABED\\u{10A3F}\\u{11046}\\u{11070}\\u{1107F}\\u{110B9}\\u{11133}\\u{11134}\\u{111C0}\\u{11235}' +
  '\\u{112EA}\\u{1134D}\\u{11442}\\u{114C2}\\u{115BF}\\u{1163F}\\u{116B6}\\u{1172B}\\u{11839}\\u{1193D}\\u{1193E}' +
  '\\u{119E0}\\u{11A34}\\u{11A47}\\u{11A99}\\u{11C3F}\\u{11D44}\\u{11D45}\\u{11D97}';

/** Arabic letters of the two main blocks with Joining_Type R, which join on the right only. */
const RIGHT_JOINING =
  '\\u0622-\\u0625\\u0627\\u0629\\u062F-\\u0632\\u0648\\u0671-\\u0673\\u0675-\\u0677\\u0688-\\u0699\\u06C0' +
  '\\u06C3-\\u06CB\\u06CD\\u06CF\\u06D2\\u06D3\\u06D5\\u06EE\\u06EF\\u0759-\\u075B\\u076B\\u076C\\u0771\\u0773' +
  '\\u0774\\u0778\\u0779';
const ARABIC = '[[\\u0620-\\u064A\\u066E-\\u06FF\\u0750-\\u077F]&&\\p{Lo}]';
const NOT_JOINING = '\\u0621\\u0674';
const DUAL_JOINING = `[${ARABIC}--[${RIGHT_JOINING}${NOT_JOINING}]]`;
const JOINING = `[${ARABIC}--[${NOT_JOINING}]]`;

// Each pattern matches one violation of its rule. The code point precedes the lookarounds, which otherwise would run at
// every position.
const BROKEN = [
  // A.1, ZERO WIDTH NON-JOINER: after a virama, or between letters that it keeps apart.
  new RegExp(`\\u200C(?<!(?:${DUAL_JOINING}\\p{Mn}*|[${VIRAMA}])\\u200C)`, 'v'),
  new RegExp(`\\u200C(?<![${VIRAMA}]\\u200C)(?!\\p{Mn}*${JOINING})`, 'v'),
  // A.2, ZERO WIDTH JOINER: after a virama.
  new RegExp(`(?<![${VIRAMA}])\\u200D`, 'v'),
  // A.3, MIDDLE DOT: between two of the letter l.
  /(?<!l)\u00B7|\u00B7(?!l)/,
  // A.4, GREEK KERAIA: before a Greek character.
  /\u0375(?!\p{Script=Greek})/u,
  // A.5, A.6, HEBREW GERESH and GERSHAYIM: after a Hebrew character.
  /(?<!\p{Script=Hebrew})[\u05F3\u05F4]/u,
];
const ARABIC_INDIC_DIGIT = /[\u0660-\u0669]/;
const EXTENDED_DIGIT = /[\u06F0-\u06F9]/;
const JAPANESE = /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u;

/** Whether each contextual code point in a text satisfies its rule. */
export function contextsAreFine(text: string): boolean {
  if (!ANY.test(text)) return true;
  // A.7, KATAKANA MIDDLE DOT: somewhere in a Japanese label.
  if (text.includes('\u30FB') && !JAPANESE.test(text)) return false;
  // A.8, A.9: the two kinds of Arabic digits do not mix.
  if (ARABIC_INDIC_DIGIT.test(text) && EXTENDED_DIGIT.test(text)) return false;
  return !BROKEN.some((rule) => rule.test(text));
}
