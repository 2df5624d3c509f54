// Search for words in a body: whole words, or the beginnings of words. Case and accents do not count.

/** Shorter words match whole words only. */
const MIN_PREFIX_LETTERS = 3;

/** Anybody can send long texts, and each word costs the index some 70 µs when it leaves. In characters. */
const MAX_SEARCHED_LENGTH = 8 * 1024;
const MAX_SEARCHED_WORDS = 500;

/** Scripts that do not separate words by spaces. Words with such letters match anywhere. */
const UNSEPARATED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]/u;

/** The words of a text, folded. */
export function wordsOf(text: string): string[] {
  return fold(text).match(/[\p{L}\p{N}\p{Co}]+/gu) ?? [];
}

/** The words by which a body is found: the first 500 different ones in its first 8,192 characters. */
export function searchedWords(body: string): string[] {
  return [...new Set(wordsOf(searchedPart(body)))].slice(0, MAX_SEARCHED_WORDS);
}

/** Whether an index of words cannot find this word. */
export function isUnseparated(word: string): boolean {
  return UNSEPARATED.test(word);
}

/**
 * The words that a search for these texts compares, each once. Without the beginnings of others: they are found with them, and
 * the index would collect all words that have them.
 */
export function soughtWords(texts: readonly string[]): string[] {
  const words = [...new Set(texts.flatMap(wordsOf))];
  const isFoundWith = (word: string, other: string) =>
    other !== word && isBeginning(word) && !isUnseparated(other) && other.startsWith(word);
  return words.filter((word) => !words.some((other) => isFoundWith(word, other)));
}

/** Whether a word finds those that begin with it, too. */
export function isBeginning(word: string): boolean {
  return [...word].length >= MIN_PREFIX_LETTERS;
}

/** Whether all words occur in the body. @param words from `soughtWords` */
export function matchesWords(body: string, words: readonly string[]): boolean {
  const found = searchedWords(body);
  const folded = words.some(isUnseparated) ? fold(searchedPart(body)) : '';
  return words.every((word) => {
    if (isUnseparated(word)) return folded.includes(word);
    return found.some((other) => (isBeginning(word) ? other.startsWith(word) : other === word));
  });
}

function searchedPart(body: string): string {
  return body.slice(0, MAX_SEARCHED_LENGTH);
}

/**
 * Marks go before the normalisation too, which sorts them, in a time that grows with the square of their number. Σ in lower case
 * depends on what follows, so that the beginning of a word would differ from the word.
 */
function fold(text: string): string {
  return withoutMarks(withoutMarks(text).normalize('NFKD')).toLowerCase().replaceAll('ς', 'σ');
}

function withoutMarks(text: string): string {
  return text.replaceAll(/\p{M}/gu, '');
}
