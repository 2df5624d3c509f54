// Addresses that would be slow to prepare: they mean what they always meant, and cost little.

import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { prepareLocal, prepareResource } from '../../../src/xml/jid.ts';
import { isIdentifier } from '../../../src/xml/precis.ts';
import { contextsAreFine } from '../../../src/xml/precis-context.ts';
import { settled } from '../../support/duplex.ts';
import { startServer } from '../../support/server.ts';
import { Random } from '../../support/xml/random.ts';
import { startWorld } from '../s2s/harness.ts';

const SEED = 20_261_128;
/** Each out of order with the next (Unicode §3.11), so that normalization has much to sort. */
const marks = (count: number) =>
  Array.from({ length: count }, (_, n) => '\u0323\u0307\u0302'[n % 3]).join('');

describe('the results equal those of the slow definitions', () => {
  it('RFC 8264 §9.17: identifiers contain no code point that NFKC changes, except such as ß', () => {
    const found: string[] = [];
    for (let code = 0x80; code < 0x110000; code++) {
      if (code >= 0xd800 && code < 0xe000) continue;
      const char = String.fromCodePoint(code);
      if (char.normalize('NFKC') !== char && isIdentifier(char)) found.push(code.toString(16));
    }
    assert.deepEqual(found, []);
  });

  it('RFC 5892 appendix A: code points need their context', () => {
    const chars = [
      ...'al··\u0375αא\u05F3\u05F4\u0661\u0669\u06F1\u06F9\u200C\u200D\u094D\u30FBカب\u0627\u0621\u064B\u0302',
    ];
    let broken = 0;
    for (let n = 0; n < 50_000; n++) {
      const random = new Random(SEED, n);
      const text = random.some(chars, 7);
      assert.equal(contextsAreFine(text), contextsByDefinition(text), JSON.stringify(text));
      if (!contextsByDefinition(text)) broken++;
    }
    assert.ok(broken > 10_000 && broken < 45_000, `${broken} break a rule`);
  });

  it('RFC 7622 §3.3, §3.4: a part that fits when composed is accepted decomposed too', () => {
    for (const char of composed()) {
      const whole = char.repeat(Math.floor(1023 / Buffer.byteLength(char)));
      for (const prepare of [prepareLocal, prepareResource]) {
        const prepared = resultOf(prepare, whole);
        // Some are refused in any length, such as jamo in a local part.
        if (prepared === undefined || resultOf(prepare, char.normalize('NFD')) === undefined) continue;
        assert.equal(resultOf(prepare, whole.normalize('NFD')), prepared, JSON.stringify(char));
      }
    }
  });

  it('RFC 7622 §3.3, §3.4: combining marks are accepted up to 1,023 bytes', () => {
    const fitting = [`a${marks(511)}`, `\u03C9\u0314\u0342\u0345${'\u0302'.repeat(510)}`];
    for (const prepare of [prepareLocal, prepareResource]) {
      for (const text of fitting) {
        assert.equal(prepare(text), text.normalize('NFC'));
        assert.equal(resultOf(prepare, `${text}\u0302\u0302`), undefined);
      }
    }
  });
});

describe('the cost', () => {
  const slow: Record<string, string> = {
    'marks out of order': `a${marks(3000)}`,
    'as many marks out of order as may be valid': `a${marks(514)}`,
    'marks out of order between letters': `a${marks(200)}`.repeat(7),
    'Arabic digits': '\u0661'.repeat(3000),
    'Arabic digits, as many as may be read': '\u0661'.repeat(1500),
    'full-width letters': '\uFF21'.repeat(1500),
    'letters whose lower case is longer': '\u0130'.repeat(1500),
    'letters with a compatibility form': '\u212B'.repeat(1500),
    'joiners behind marks': `\u0628${'\u0302\u200C'.repeat(700)}`,
    'one joiner behind many marks': `\u0628${'\u0302'.repeat(514)}\u200C\u0628`,
  };
  for (const [what, text] of Object.entries(slow)) {
    it(`${what}: at most 2 ms`, () => {
      const costs = [prepareLocal, prepareResource].map((prepare) => cheapest(() => resultOf(prepare, text)));
      for (const ms of costs) assert.ok(ms < 2, `${ms} ms`);
    });
  }
});

describe('before the login', () => {
  const HEADER = `xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>`;
  const address = `a${marks(1000)}@im.example/a${marks(1000)}`;

  test('RFC 6120 §4.7.2: a client that asks for such an address is told that the host is unknown', async (t) => {
    const server = await startServer(t, { config: `[hosts."im.example"]` });
    const client = server.connect();
    client.send(`<stream:stream xmlns='jabber:client' to='${address}' from='${address}' ${HEADER}`);
    assert.match(`${await client.next()}`, /<host-unknown/);
    await client.closed();
  });

  test('RFC 6120 §4.7.1: the answer omits such a `from`', async (t) => {
    const server = await startServer(t, { config: `[hosts."im.example"]` });
    const client = server.connect();
    client.send(`<stream:stream xmlns='jabber:client' to='im.example' from='${address}' ${HEADER}`);
    assert.equal((await client.next()).name, 'features');
  });

  test('RFC 6120 §4.9.3.7: no server has such an address, in `to` or `from`', async (t) => {
    for (const addresses of [`to='${address}' from='${address}'`, `to='montague.lit' from='${address}'`]) {
      const world = await startWorld(t, { modules: ['dialback'] });
      const peer = world.call();
      peer.send(`<stream:stream xmlns='jabber:server' ${addresses} ${HEADER}`);
      await settled();
      assert.match(await peer.readsToEnd(), /<improper-addressing/);
    }
  });
});

/** Appendix A as it is written: a look behind and ahead for each occurrence. */
function contextsByDefinition(text: string): boolean {
  const chars = [...text];
  const virama = (char = '') => char === '\u094D';
  const joins = (char = '', right = false) => char === 'ب' || (right && char === '\u0627');
  const mark = (char = '') => /\p{Mn}/u.test(char);
  return chars.every((char, i) => {
    const [before, after] = [chars[i - 1], chars[i + 1]];
    const left = chars.slice(0, i).findLast((c) => !mark(c));
    const right = chars.slice(i + 1).find((c) => !mark(c));
    switch (char) {
      case '\u200C':
        return virama(before) || (joins(left) && joins(right, true));
      case '\u200D':
        return virama(before);
      case '·':
        return before === 'l' && after === 'l';
      case '\u0375':
        return /\p{Script=Greek}/u.test(after ?? '');
      case '\u05F3':
      case '\u05F4':
        return /\p{Script=Hebrew}/u.test(before ?? '');
      case '\u30FB':
        return chars.includes('カ');
      default:
        return !/[\u0660-\u0669]/.test(char) || !/[\u06F0-\u06F9]/.test(text);
    }
  });
}

/** Every letter that is composed of others, but for most of the 11,172 of Hangul. */
function* composed(): Generator<string> {
  for (let code = 0x80; code < 0x110000; code++) {
    if (code >= 0xd800 && code < 0xe000) continue;
    if (code >= 0xac00 && code < 0xd7a4 && code % 97 !== 0) continue;
    const char = String.fromCodePoint(code);
    if (char.normalize('NFD') !== char && char.normalize('NFC') === char) yield char;
  }
}

function resultOf(prepare: (text: string) => string, text: string): string | undefined {
  try {
    return prepare(text);
  } catch {
    return undefined;
  }
}

/** Milliseconds of CPU, the least of some runs: others use the machine too. */
function cheapest(run: () => void): number {
  const costs = Array.from({ length: 10 }, () => {
    const begin = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(begin);
    return (user + system) / 1000;
  });
  return Math.min(...costs);
}
