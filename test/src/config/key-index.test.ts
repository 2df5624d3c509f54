import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { KeyIndex, type Path } from '../../../src/config/key-index.ts';

/** `line:column` of a path in a text. */
function place(text: string, path: Path): string {
  const position = new KeyIndex(text).positionOf(path);
  return position === undefined ? 'nowhere' : `${position.line}:${position.column}`;
}

test('keys, quoted keys and dotted keys have the place of their own part', () => {
  const text = 'one = 1\n"two three" = 2\n\'four.five\' = 3\nsix . seven."ei\\u0067ht" = 4\n';
  assert.equal(place(text, ['one']), '1:1');
  assert.equal(place(text, ['two three']), '2:1');
  assert.equal(place(text, ['four.five']), '3:1');
  assert.equal(place(text, ['six']), '4:1');
  assert.equal(place(text, ['six', 'seven']), '4:7');
  assert.equal(place(text, ['six', 'seven', 'eight']), '4:13');
});

test('keys below a header belong to its table', () => {
  const text = 'a = 1\n[hosts."x.y"] # comment\n  a = 2\n\n[ limits . c2s ]\nrate = 1\n';
  assert.equal(place(text, ['hosts', 'x.y']), '2:8');
  assert.equal(place(text, ['hosts', 'x.y', 'a']), '3:3');
  assert.equal(place(text, ['limits', 'c2s', 'rate']), '6:1');
});

test('ignores keys inside strings and comments', () => {
  const text =
    'a = """\nb = 1\n\\"""\n[c]\n"""\nd = \'\'\'\n[e]\n\'\'\' # f = 1\ng = "h = 1 # \\" i"\nj = 1\n';
  for (const key of ['b', 'c', 'e', 'f', 'h', 'i']) assert.equal(place(text, [key]), 'nowhere', key);
  assert.equal(place(text, ['d']), '6:1');
  assert.equal(place(text, ['g']), '9:1');
  assert.equal(place(text, ['j']), '10:1');
});

test('items of lists and keys of inline tables have places, over several lines too', () => {
  const text = 'a = [\n  "x]", # ]\n  [1, 2],\n  { b = 3, c.d = [4] },\n]\ne = 5\n';
  assert.equal(place(text, ['a', 0]), '2:3');
  assert.equal(place(text, ['a', 1, 1]), '3:7');
  assert.equal(place(text, ['a', 2, 'b']), '4:5');
  assert.equal(place(text, ['a', 2, 'c', 'd', 0]), '4:19');
  assert.equal(place(text, ['e']), '6:1');
});

test('arrays of tables count their items', () => {
  const text = '[[a]]\nb = 1\n[[a]]\nb = 2\n[a.c]\nd = 3\n[[a.e]]\nf = 4\n';
  assert.equal(place(text, ['a', 0, 'b']), '2:1');
  assert.equal(place(text, ['a', 1, 'b']), '4:1');
  assert.equal(place(text, ['a', 1, 'c', 'd']), '6:1');
  assert.equal(place(text, ['a', 1, 'e', 0, 'f']), '8:1');
});

test('a missing key has the place of the nearest table around it', () => {
  assert.equal(place('[a.b]\nc = 1', ['a', 'b', 'x', 'y']), '1:4');
  assert.equal(place('[a.b]\nc = 1', ['z']), 'nowhere');
});

test('windows line ends and a last line without an end make no difference', () => {
  assert.equal(place('a = 1\r\n[b]\r\nc = 2', ['b', 'c']), '3:1');
});

test('reads any text in linear time', () => {
  const pieces = ['a', '=', '"', "'", '"""', "'''", '[', ']', '{', '}', ',', '.', '#', '\n', '\\', ' ', '1'];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 60 }), (parts) => {
      new KeyIndex(parts.join(''));
    }),
    { numRuns: 2000 },
  );
  const begin = process.cpuUsage();
  new KeyIndex('a = "'.repeat(20_000));
  new KeyIndex(`a = ${'['.repeat(500)}`);
  const { user, system } = process.cpuUsage(begin);
  assert.ok(user + system < 2_000_000, `${(user + system) / 1000} ms`);
});
