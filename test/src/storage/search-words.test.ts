import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  isBeginning,
  isUnseparated,
  matchesWords,
  searchedWords,
  soughtWords,
  wordsOf,
} from '../../../src/storage/search-words.ts';

test('words are the letters and digits between anything else, without case and accents', () => {
  const texts: [string, string[]][] = [
    ['', []],
    [' -*"\u0000\u200b ', []],
    ["Don't panic, 42 times!", ['don', 't', 'panic', '42', 'times']],
    ['star-crossed_lovers', ['star', 'crossed', 'lovers']],
    ['ÉLAN e\u0301lan İstanbul', ['elan', 'elan', 'istanbul']],
    ['ΟΔΟΣ οδός', ['οδοσ', 'οδοσ']],
    ['ﬁ Ⅷ ½ ２', ['fi', 'viii', '1', '2', '2']],
    ['🌹rose🌹', ['rose']],
  ];
  for (const [text, words] of texts) assert.deepEqual(wordsOf(text), words, text);
});

test('a word of three letters or more is also the beginning of others; letters are not code units', () => {
  assert.deepEqual(['li', 'lig', '𐐨𐐨', '𐐨𐐨𐐨'].map(isBeginning), [false, true, false, true]);
  const isIn = (text: string, ...sought: string[]) => matchesWords(text, soughtWords(sought));
  assert.equal(isIn('lighter', 'light'), true);
  assert.equal(isIn('light', 'lighter'), false);
  assert.equal(isIn('light', 'li'), false);
  assert.equal(isIn('li light', 'li'), true);
  assert.equal(isIn('soft light', 'LÍG soft'), true);
  assert.equal(isIn('soft light', 'soft', 'dark'), false);
  assert.equal(isIn('anything'), true);
});

test('F3: Han, Kana, Hangul, Thai, Lao and Khmer match in the middle of words', () => {
  for (const word of wordsOf('漢字 ひらがな カタカナ 한글 ภาษาไทย ພາສາລາວ ភាសាខ្មែរ'))
    assert.equal(isUnseparated(word), true, word);
  for (const word of wordsOf('light свет φως אור نور प्रकाश')) assert.equal(isUnseparated(word), false, word);
  const isIn = (text: string, sought: string) => matchesWords(text, soughtWords([sought]));
  assert.equal(isIn('窓の光は東', '光は'), true);
  assert.equal(isIn('窓の光は東', '光東'), false);
  assert.equal(isIn('ﾊﾝｶｸ', 'ハンカ'), true, 'narrow Kana');
});

test('marks are removed before the normalisation sorts them: 120,000 accents take no longer than letters', () => {
  const accents = '\u0301\u0316'.repeat(60_000); // Of two classes, each out of order.
  const start = performance.now();
  assert.deepEqual(wordsOf(`a${accents}b`), ['ab']);
  assert.ok(performance.now() - start < 1_000);
});

test('a mark is nothing but marks when it is decomposed, so removing it first changes no word', () => {
  for (let code = 0; code <= 0x10ffff; code++) {
    const letter = String.fromCodePoint(code);
    if (/\p{M}/u.test(letter)) assert.match(letter.normalize('NFKD'), /^\p{M}+$/u, code.toString(16));
  }
});

test('a body is found by its first 500 different words, within 8,192 characters', () => {
  const words = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => `w${from + n}`);
  assert.deepEqual(searchedWords(`w0 ${words(0, 501).join(' ')}`), words(0, 500));
  assert.deepEqual(searchedWords(`${'-'.repeat(8_190)}abc`), ['ab']);
  const text = words(0, 501).join(' ');
  assert.deepEqual(
    ['w499', 'w500'].map((word) => matchesWords(text, soughtWords([word]))),
    [true, false],
  );
  assert.equal(matchesWords(`${'-'.repeat(8_191)}光は`, soughtWords(['光は'])), false);
});

test('a word is sought once, and not with a word of which it is the beginning', () => {
  assert.deepEqual(soughtWords(['light Light lig lights', 'li']), ['lights', 'li']);
  assert.deepEqual(soughtWords(['abc abc漢字']), ['abc', 'abc漢字'], 'found in the middle of words');
});
