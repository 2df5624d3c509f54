import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  isBeginning,
  isUnseparated,
  matchesWords,
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
