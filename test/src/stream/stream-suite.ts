// What a stream does on every transport: run by the tests of each framing.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Transport } from '../../../src/net/transport.ts';
import type { Framing } from '../../../src/stream/framing.ts';
import type { StreamHeader } from '../../../src/stream/header.ts';
import { type StreamCloseCause, type StreamOptions, XmlStream } from '../../../src/stream/stream.ts';
import type { Clock } from '../../../src/util/clock.ts';
import { Faults } from '../../../src/util/faults.ts';
import { silentLogger } from '../../../src/util/logger.ts';
import { type Element, xml } from '../../../src/xml/element.ts';
import { StreamError } from '../../../src/xml/errors.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { FakeClock } from '../../support/clock.ts';
import { connectedPair, type RawPeer, settled } from '../../support/duplex.ts';

export const HEADER = `<?xml version='1.0'?><stream:stream from='juliet@im.example.com' to='im.example.com' version='1.0' xml:lang='en' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`;

export interface Seen {
  headers: StreamHeader[];
  elements: string[];
  closes: { error: Error | undefined; cause: StreamCloseCause }[];
}

/** A transport with its framing, and the peer at the other end, which speaks as over TCP. */
export interface Wire {
  readonly transport: Transport;
  readonly peer: RawPeer;
  readonly framing?: Framing;
}

export function tcp(clock: Clock): Wire {
  const { connection, peer } = connectedPair({ clock });
  return { transport: connection, peer };
}

export interface Opened {
  readonly clock: FakeClock;
  readonly transport: Transport;
  readonly peer: RawPeer;
  readonly stream: XmlStream;
  readonly seen: Seen;
}

type OnElement = (element: Element, stream: XmlStream) => void;

/** A stream that answers the peer's header and remembers what it hears. */
export function opener(wire: (clock: Clock) => Wire) {
  return (options: Partial<StreamOptions> = {}, onElement?: OnElement): Opened => {
    const clock = new FakeClock();
    const { transport, peer, framing } = wire(clock);
    const seen: Seen = { headers: [], elements: [], closes: [] };
    const stream: XmlStream = new XmlStream(transport, {
      role: 'receiver',
      namespace: NS.CLIENT,
      clock,
      faults: new Faults(silentLogger),
      from: 'im.example.com',
      ...(framing ? { framing } : {}),
      handler: {
        onHeader: (header) => {
          seen.headers.push(header);
          stream.open({ from: 'im.example.com', id: 's1' });
        },
        onElement: (element) => {
          seen.elements.push(`${element}`);
          onElement?.(element, stream);
        },
        onClose: (error, cause) => seen.closes.push({ error, cause }),
      },
      ...options,
    });
    return { clock, transport, peer, stream, seen };
  };
}

/** The one close that the owner was told. */
export function onlyClose({ closes }: Seen) {
  assert.equal(closes.length, 1, 'onClose is called exactly once');
  return closes[0]!;
}

export const errorOf = (condition: string) =>
  new RegExp(`<stream:error><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>`);

export function streamSuite(wire: (clock: Clock) => Wire): void {
  const open = opener(wire);

  describe('elements', () => {
    test('ignores text that is written after the close', async () => {
      const { peer, stream } = open();
      peer.send(HEADER);
      await settled();
      stream.close(new StreamError('conflict'));
      assert.equal(stream.send(xml('presence')), false);
      stream.open();
      stream.close(new StreamError('reset'));
      stream.restart();
      const text = await peer.readsToEnd();
      assert.match(text, /<\/stream:stream>$/);
      assert.doesNotMatch(text, /<presence|<reset/);
    });

    test('an exception of the owner is an internal-server-error, without internal details', async () => {
      const { peer, seen } = open({}, () => {
        throw new Error('secret detail');
      });
      peer.send(`${HEADER}<presence/>`);
      const text = await peer.readsToEnd();
      assert.match(text, errorOf('internal-server-error'));
      assert.doesNotMatch(text, /secret/);
      assert.equal(onlyClose(seen).cause, 'stream-error');
    });
  });

  describe('the end', () => {
    test('RFC 6120 §4.4: a closing tag is answered in kind', async () => {
      const { peer, seen } = open();
      peer.send(`${HEADER}</stream:stream>`);
      assert.match(await peer.readsToEnd(), /<\/stream:stream>$/);
      assert.deepEqual(onlyClose(seen), { error: undefined, cause: 'clean' });
    });

    test('RFC 6120 §4.4: what the peer sends before its own closing tag is still handled', async () => {
      const { peer, stream, seen } = open();
      peer.send(HEADER);
      await settled();
      stream.close();
      await peer.reads('</stream:stream>');
      assert.equal(peer.ended, false);
      peer.send('<message/></stream:stream>');
      await peer.readsToEnd();
      assert.deepEqual(seen.elements, ['<message/>']);
      assert.deepEqual(onlyClose(seen), { error: undefined, cause: 'local' });
    });

    test('RFC 6120 §4.4: waits at most 5 s for the closing tag of the peer', async () => {
      const { clock, peer, stream, seen } = open();
      peer.send(HEADER);
      await settled();
      stream.close();
      await clock.advance(4_999);
      assert.equal(peer.ended, false);
      await clock.advance(1);
      await peer.readsToEnd();
      assert.equal(onlyClose(seen).cause, 'local');
    });

    test('RFC 6120 §4.9.1.1: an error ends the stream immediately; later elements are ignored', async () => {
      const { peer, stream, seen } = open();
      peer.send(HEADER);
      await settled();
      stream.close(new StreamError('system-shutdown'), 'local');
      assert.equal(onlyClose(seen).cause, 'local');
      peer.send('<message/>');
      assert.match(await peer.readsToEnd(), errorOf('system-shutdown'));
      assert.deepEqual(seen.elements, []);
    });

    test('RFC 6120 §4.9.3: an error of the peer is read and answered with a closing tag', async () => {
      const { peer, seen } = open();
      peer.send(
        `${HEADER}<stream:error><host-gone xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>moved</text></stream:error></stream:stream>`,
      );
      assert.match(await peer.readsToEnd(), /<\/stream:stream>$/);
      const { error, cause } = onlyClose(seen);
      assert.ok(error instanceof StreamError);
      assert.equal(error.condition, 'host-gone');
      assert.equal(error.text, 'moved');
      assert.equal(cause, 'stream-error');
      assert.deepEqual(seen.elements, []);
    });

    test('RFC 6120 §4.9.3.21: reads an unknown condition as undefined-condition', async () => {
      const { peer, seen } = open();
      peer.send(
        `${HEADER}<stream:error><constructor xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`,
      );
      await peer.readsToEnd();
      const { error } = onlyClose(seen);
      assert.ok(error instanceof StreamError && error.condition === 'undefined-condition');
    });

    test('reads at most 1,000 characters of the text of an error', async () => {
      const { peer, seen } = open();
      const xmlns = 'urn:ietf:params:xml:ns:xmpp-streams';
      peer.send(
        `${HEADER}<stream:error><reset xmlns='${xmlns}'/><text xmlns='${xmlns}'>${'x'.repeat(1_001)}</text></stream:error>`,
      );
      await peer.readsToEnd();
      assert.match(`${onlyClose(seen).error}`, /[^x]x{1000}$/);
    });

    test('stream:features are told from others by their namespace', async () => {
      const { peer, seen, stream } = open();
      peer.send(`${HEADER}<error xmlns='urn:example'/><stream:features/>`);
      await settled();
      assert.deepEqual(seen.elements, [
        `<error xmlns='urn:example'/>`,
        `<features xmlns='http://etherx.jabber.org/streams'/>`,
      ]);
      stream.close();
    });

    test('a connection that breaks is a reset, with an error', async () => {
      const { peer, seen } = open();
      peer.send(`${HEADER}<message><body>ha`);
      await settled();
      peer.drop();
      await settled();
      const { error, cause } = onlyClose(seen);
      assert.equal(cause, 'reset');
      assert.ok(error instanceof Error);
    });
  });

  describe('time limits', () => {
    test('a negotiation that takes longer than 60 s is a connection-timeout', async () => {
      const { clock, peer, seen } = open();
      peer.send(HEADER);
      await clock.advance(59_999);
      assert.equal(seen.closes.length, 0);
      await clock.advance(1);
      assert.match(await peer.readsToEnd(), errorOf('connection-timeout'));
    });

    test('a peer that completes stanzas may end every packet inside one', async () => {
      const { clock, peer, stream, seen } = open();
      stream.negotiated();
      peer.send(`${HEADER}<message>`);
      for (let minute = 0; minute < 5; minute++) {
        await clock.advance(50_000);
        peer.send('</message><message>');
      }
      await clock.advance(1_000);
      assert.equal(seen.elements.length, 5);
      assert.equal(seen.closes.length, 0);
      stream.close();
    });

    test('does not close a negotiated stream that is silent between stanzas', async () => {
      const { clock, peer, stream, seen } = open();
      peer.send(`${HEADER}<presence/>`);
      await settled();
      stream.negotiated();
      await clock.advance(24 * 60 * 60 * 1000);
      assert.equal(seen.closes.length, 0);
      assert.equal(clock.pending, 0);
      stream.close();
    });
  });

  describe('restarts and waiting', () => {
    test('RFC 6120 §4.3.3: bytes behind the element that restarts belong to the new stream', async () => {
      const { peer, stream, seen } = open({}, (element, self) => {
        if (element.name === 'go') self.restart();
      });
      peer.send(`${HEADER}<go xmlns='urn:example'/>${HEADER}<presence/>`);
      await peer.reads(`xml:lang='en'>`);
      await peer.reads(`xml:lang='en'>`);
      await settled();
      assert.equal(seen.headers.length, 2);
      assert.deepEqual(seen.elements, [`<go xmlns='urn:example'/>`, '<presence/>']);
      stream.close();
    });

    test('a suspended stream keeps received bytes in order and continues with them', async () => {
      const { peer, stream, seen } = open({}, (element, self) => {
        if (element.name === 'wait') self.suspend();
      });
      peer.send(`${HEADER}<wait xmlns='urn:example'/><message id='1'/><mess`);
      await settled();
      assert.equal(seen.elements.length, 1);
      peer.send(`age id='2'/>`);
      await settled();
      assert.equal(seen.elements.length, 1);
      stream.resume();
      await settled();
      assert.deepEqual(seen.elements.slice(1), [`<message id='1'/>`, `<message id='2'/>`]);
      stream.close();
    });

    test('a pause takes effect after the present element, within a chunk too', async () => {
      const { peer, stream, seen } = open({}, (element, self) => {
        if (element.attrs.id === '2') self.pause('work');
      });
      peer.send(`${HEADER}<a id='1'/><a id='2'/><a id='3'/><a id='4'/><a id='5`);
      await settled();
      assert.equal(seen.elements.length, 2);
      stream.pause('output');
      stream.unpause('work');
      await settled();
      assert.equal(seen.elements.length, 2, 'one reason is left');
      stream.unpause('output');
      peer.send(`'/>`);
      await settled();
      assert.deepEqual(
        seen.elements,
        [1, 2, 3, 4, 5].map((id) => `<a id='${id}'/>`),
      );
      stream.close();
    });

    test('a restart after waiting gives what has arrived meanwhile to the new stream', async () => {
      const { peer, stream, seen } = open({}, (_, self) => self.suspend());
      peer.send(`${HEADER}<auth xmlns='urn:example'/>${HEADER}`);
      await settled();
      assert.equal(seen.headers.length, 1);
      stream.restart();
      await settled();
      assert.equal(seen.headers.length, 2);
      stream.close();
    });

    test('a time limit for the header counts again after a restart', async () => {
      const { clock, peer, stream, seen } = open({}, (_, self) => self.restart());
      stream.negotiated();
      peer.send(`${HEADER}<go xmlns='urn:example'/>`);
      await clock.advance(10_000);
      assert.equal(onlyClose(seen).cause, 'timeout');
      await peer.readsToEnd();
    });
  });

  describe('what a peer can make us hold', () => {
    test('limits that are raised hold for the present stream and after a restart', async () => {
      const { peer, stream, seen } = open({}, (element, self) => {
        if (element.name === 'go') self.restart();
      });
      stream.raiseLimits({
        stanzaBytes: 64 * 1024,
        depth: 9,
        attributes: 9,
        nameBytes: 99,
        namespaceDeclarations: 9,
        nodes: 1 << 20,
      });
      const large = `<message><body>${'x'.repeat(32 * 1024)}</body></message>`;
      peer.send(`${HEADER}${large}<go xmlns='urn:example'/>${HEADER}${large}`);
      await settled(50);
      assert.equal(seen.elements.length, 3);
      stream.close();
    });

    test('limits the time of one peer in a turn: others are read between the stanzas of a chunk', async () => {
      const handled: string[] = [];
      const busy = (name: string) => () => {
        const until = performance.now() + 0.6;
        while (performance.now() < until); // Costs as much as a large stanza.
        handled.push(name);
      };
      const [first, second] = [open({}, busy('first')), open({}, busy('second'))];
      first.peer.send(`${HEADER}${'<a/>'.repeat(100)}`);
      second.peer.send(`${HEADER}<a/>`);
      while (handled.length < 101) await settled(1);
      assert.ok(handled.indexOf('second') <= 6, `the second had to wait for ${handled.indexOf('second')}`);
      first.stream.close();
      second.stream.close();
    });

    test('a peer that sends too fast is read more slowly, and not disconnected', async () => {
      const { clock, peer, stream, seen } = open({ rate: { bytesPerSecond: 1_000, burstBytes: 2_000 } });
      stream.negotiated();
      const stanza = `<message><body>${'x'.repeat(969)}</body></message>`; // 1,000 bytes
      peer.send(HEADER);
      await settled();
      for (let i = 0; i < 5; i++) {
        peer.send(stanza);
        await settled();
      }
      assert.equal(seen.elements.length, 2);
      await clock.advance(600);
      assert.equal(seen.elements.length, 3);
      await clock.advance(10_000);
      assert.equal(seen.elements.length, 5);
      assert.equal(seen.closes.length, 0);
      stream.close();
    });
  });
}
