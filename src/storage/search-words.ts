// Search for words in a body: whole words, or the beginnings of words. Case and accents do not count.

/** Shorter words match whole words only. */
const MIN_PREFIX_LETTERS = 3;

/** Scripts that do not separate words by spaces. Words with such letters match anywhere. */
const UNSEPARATED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]/u;

/** The words of a text, folded. */
export function wordsOf(text: string): string[] {
  return fold(text).match(/[\p{L}\p{N}\p{Co}]+/gu) ?? [];
}

/** Whether an index of words cannot find this word. */
export function isUnseparated(word: string): boolean {
  return UNSEPARATED.test(word);
}

/** The words that a search for these texts compares. */
export function soughtWords(texts: readonly string[]): string[] {
  return texts.flatMap(wordsOf);
}

/** Whether a word finds those that begin with it, too. */
export function isBeginning(word: string): boolean {
  return [...word].length >= MIN_PREFIX_LETTERS;
}

/** Whether all words occur in the text. @param words from `soughtWords` */
export function matchesWords(text: string, words: readonly string[]): boolean {
  const found = wordsOf(text);
  const folded = words.some(isUnseparated) ? fold(text) : '';
  return words.every((word) => {
    if (isUnseparated(word)) return folded.includes(word);
    return found.some((other) => (isBeginning(word) ? other.startsWith(word) : other === word));
  });
}

/** Σ in lower case depends on what follows, so that the beginning of a word would differ from the word. */
function fold(text: string): string {
  return text.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase().replaceAll('ς', 'σ');
}
