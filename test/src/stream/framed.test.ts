// A stream with one element in each frame, whose parser is not restarted.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Clock } from '../../../src/util/clock.ts';
import { settled } from '../../support/duplex.ts';
import { framedPair } from '../../support/framed.ts';
import { FRAMED } from '../../support/frames.ts';
import { errorOf, HEADER, onlyClose, opener, streamSuite, type Wire } from './stream-suite.ts';

const framed = (clock: Clock): Wire & { frame?(text: string): void } => {
  const pair = framedPair({ clock });
  frame = pair.frame;
  return { ...pair, framing: FRAMED };
};
/** Of the pair made last. */
let frame: (text: string) => void;
const open = opener(framed);

describe('one element a frame', () => streamSuite(framed));

const rows: [what: string, frames: string[], condition: string][] = [
  ['two elements', ['<message/><message/>'], 'bad-format'],
  ['half an element', ['<message>'], 'bad-format'],
  ['white space', [' '], 'bad-format'],
  ['text', ['<message/>text'], 'bad-format'],
  ['a second header', [`<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' version='1.0'/>`], 'bad-format'],
];
for (const [what, frames, condition] of rows) {
  test(`a frame with ${what} ends the stream with ${condition}`, async () => {
    const { peer, seen } = open();
    peer.send(HEADER);
    await peer.reads(`xml:lang='en'>`);
    for (const text of frames) frame(text);
    assert.match(await peer.readsToEnd(), errorOf(condition));
    assert.equal(onlyClose(seen).cause, 'stream-error');
  });
}

test('an element before the header ends the stream with invalid-namespace, inside a stream of ours', async () => {
  const { peer, seen } = open();
  frame(`<message xmlns='jabber:client'/>`);
  const text = await peer.readsToEnd();
  assert.match(text, /<stream:stream [^>]*from='im.example.com'/);
  assert.match(text, /<invalid-namespace /);
  assert.deepEqual(seen.elements, []);
});

test('an element before the header of a restarted stream ends it', async () => {
  const { peer, seen } = open({}, (_, stream) => stream.restart());
  peer.send(`${HEADER}<go xmlns='urn:example'/><message/>`);
  assert.match(await peer.readsToEnd(), /<invalid-namespace /);
  assert.equal(seen.elements.length, 1);
});

test('a frame that is parsed in several steps is one frame', async () => {
  const { peer, stream, seen } = open();
  stream.raiseLimits({ ...stream.limits, stanzaBytes: 64 * 1024 });
  peer.send(HEADER);
  await peer.reads(`xml:lang='en'>`);
  frame(`<message xmlns='jabber:client'><body>${'x'.repeat(20_000)}</body></message>`);
  frame(`<presence xmlns='jabber:client'/>`);
  await settled(50);
  assert.equal(seen.elements.length, 2);
  assert.equal(seen.elements[1], '<presence/>');
  stream.close();
});

test('TLS cannot be started', async () => {
  const { stream } = open();
  assert.equal(stream.canStartTls, false);
  await assert.rejects(stream.startTls({ side: 'client', servername: 'x' }), { code: 'starttls-refused' });
});
