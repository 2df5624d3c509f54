import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type StreamCloseCause, XmlStream } from '../../../src/stream/stream.ts';
import { Faults } from '../../../src/util/faults.ts';
import { silentLogger } from '../../../src/util/logger.ts';
import { xml } from '../../../src/xml/element.ts';
import { StreamError } from '../../../src/xml/errors.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { FakeClock } from '../../support/clock.ts';
import { connectedPair, settled } from '../../support/duplex.ts';
import { errorOf, HEADER, onlyClose, opener, streamSuite, tcp } from './stream-suite.ts';

const open = opener(tcp);

describe('over TCP', () => streamSuite(tcp));

describe('headers', () => {
  test('RFC 6120 §4.7: the header of the peer is read, ours has what it was given', async () => {
    const { peer, stream, seen } = open();
    peer.send(HEADER);
    await peer.reads(
      `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='im.example.com' id='s1' version='1.0' xml:lang='en'>`,
    );
    const [header] = seen.headers;
    assert.equal(header?.from, 'juliet@im.example.com');
    assert.equal(header?.to, 'im.example.com');
    assert.equal(header?.version, '1.0');
    assert.equal(header?.lang, 'en');
    assert.equal(header?.dialback, false);
    assert.equal(stream.header, header);
    stream.close();
  });

  test('XEP-0220 §2.1: the dialback namespace is declared, and seen, on streams between servers', async () => {
    const { peer, stream, seen } = open({ namespace: NS.SERVER });
    stream.open({ from: 'a.example', to: 'b.example', dialback: true });
    assert.match(await peer.reads('>'), /<\?xml/);
    assert.match(await peer.reads('>'), / xmlns='jabber:server' .*xmlns:db='jabber:server:dialback'/);
    peer.send(
      `<stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback' xmlns:stream='http://etherx.jabber.org/streams'>`,
    );
    await settled();
    assert.equal(seen.headers[0]?.dialback, true);
    assert.equal(seen.headers[0]?.version, undefined);
    stream.close();
  });

  test('up to 64 bytes of white space before the XML declaration are skipped, in whatever pieces', async () => {
    for (const pieces of [[' \r\n\t'.repeat(16)], [...'\n'.repeat(64)], ['\n', '', ' ']]) {
      const { peer, stream, seen } = open();
      for (const piece of pieces) {
        peer.send(piece);
        await settled(1);
      }
      peer.send(HEADER);
      await peer.reads(`xml:lang='en'>`);
      assert.equal(seen.headers.length, 1);
      stream.close();
    }
  });

  test('counts the white space before each header anew', async () => {
    const { peer, stream, seen } = open({}, (_, stream) => stream.restart());
    for (let start = 1; start < 4; start++) {
      peer.send(`${' '.repeat(64)}${HEADER}<presence/>`);
      await settled();
      assert.equal(seen.headers.length, start);
    }
    stream.close();
  });

  const refused: [rule: string, header: string, condition: string][] = [
    [
      'XML 1.0 §2.8: a declaration behind 65 bytes of white space',
      `${' '.repeat(65)}${HEADER}`,
      'restricted-xml',
    ],
    ['XML 1.0 §2.8: a declaration behind another one', `<?xml version='1.0'?> ${HEADER}`, 'restricted-xml'],
    ['§4.9.3.13: a declaration behind a zero byte', `\0${HEADER}`, 'not-well-formed'],
    [
      '§4.9.3.10: another stream namespace',
      `<stream:stream to='im.example.com' version='1.0' xmlns='jabber:client' xmlns:stream='http://wrong.example/'>`,
      'invalid-namespace',
    ],
    [
      '§4.9.3.10: another content namespace',
      `<stream:stream to='im.example.com' version='1.0' xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>`,
      'invalid-namespace',
    ],
    ['§4.9.3.10: no namespaces at all', `<stream>`, 'invalid-namespace'],
    [
      '§4.9.3.1: another root element',
      `<stream:river xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`,
      'bad-format',
    ],
    [
      '§4.9.3.25: a version that is no version',
      `<stream:stream version='one' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`,
      'unsupported-version',
    ],
    ['§4.9.3.13: garbage', `GET / HTTP/1.1\r\nHost: im.example.com\r\n\r\n`, 'not-well-formed'],
    ['§4.9.3.13: TLS where XML should be', `\x16\x03\x01\x02\x00\x01\x00`, 'not-well-formed'],
    [
      '§4.9.3.18: a document type',
      `<!DOCTYPE a [<!ENTITY b "c">]><stream:stream xmlns='jabber:client'>`,
      'restricted-xml',
    ],
  ];
  for (const [rule, header, condition] of refused) {
    test(`RFC 6120 ${rule} is ${condition}, told inside a stream of ours`, async () => {
      const { peer, seen } = open();
      peer.send(header);
      const answer = await peer.readsToEnd();
      assert.match(answer, /^<\?xml version='1.0'\?><stream:stream [^>]*from='im.example.com' id='[^']+'/);
      assert.match(answer, new RegExp(`<stream:error><${condition} xmlns='${NS.STREAMS}'/>`));
      assert.match(answer, /<\/stream:error><\/stream:stream>$/);
      const { error, cause } = onlyClose(seen);
      assert.ok(error instanceof StreamError && error.condition === condition);
      assert.equal(cause, 'stream-error');
      assert.deepEqual(seen.headers, []);
    });
  }
});

describe('bytes', () => {
  test('a stream that is closed while it is paused hears the closing tag behind what was held', async () => {
    const { peer, stream, seen } = open({}, (_, self) => self.pause('output'));
    peer.send(`${HEADER}<a/><b/></stream:stream>`);
    await settled();
    stream.close();
    stream.unpause('output');
    await peer.readsToEnd();
    assert.deepEqual(onlyClose(seen), { error: undefined, cause: 'local' });
  });

  test('RFC 6120 §4.6.1: ignores white space between elements', async () => {
    const { peer, stream, seen } = open();
    peer.send(`${HEADER}\n \n<presence/> \r\n\t<message><body>hi</body></message>  `);
    await settled();
    assert.deepEqual(seen.elements, ['<presence/>', '<message><body>hi</body></message>']);
    stream.close();
  });

  test('elements of one turn leave as one write', async () => {
    const { transport, peer, stream } = open();
    const writes: string[] = [];
    peer.socket.on('data', (chunk: Buffer) => writes.push(chunk.toString()));
    peer.send(HEADER);
    await peer.reads(`xml:lang='en'>`);
    writes.length = 0;
    stream.send(xml('presence'));
    stream.send('<message/>');
    assert.ok(transport.queuedBytes > 0);
    await peer.reads('<presence/><message/>');
    assert.deepEqual(writes, ['<presence/><message/>']);
    stream.close();
  });

  test('no header for 10 s is a connection-timeout', async () => {
    const { clock, peer, seen } = open();
    peer.send(`<?xml version='1.0'?><stream:stream to='im.exa`);
    await clock.advance(9_999);
    assert.equal(peer.ended, false);
    await clock.advance(1);
    assert.match(await peer.readsToEnd(), errorOf('connection-timeout'));
    assert.equal(onlyClose(seen).cause, 'timeout');
  });

  test('half a stanza and silence is a connection-timeout after 60 s; dribbling bytes do not help', async () => {
    const { clock, peer, stream, seen } = open();
    stream.negotiated();
    peer.send(`${HEADER}<message><body>`);
    for (let second = 0; second < 59; second++) {
      await clock.advance(1_000);
      peer.send('x');
    }
    assert.equal(seen.closes.length, 0);
    await clock.advance(1_001);
    assert.match(await peer.readsToEnd(), errorOf('connection-timeout'));
    assert.equal(onlyClose(seen).cause, 'timeout');
  });

  test('RFC 6120 §13.12: a gigabyte of < is refused at the first byte that matters', async () => {
    const { peer, seen } = open();
    const chunk = Buffer.alloc(64 * 1024, '<');
    for (let i = 0; i < 64 && seen.closes.length === 0; i++) {
      peer.send(chunk);
      await settled(2);
    }
    assert.equal(onlyClose(seen).cause, 'stream-error');
    assert.match(peer.unread, errorOf('not-well-formed'));
  });

  test('RFC 6120 §4.9.3.14: before authentication 10 KiB make a stanza too large', async () => {
    const { peer, seen } = open();
    peer.send(`${HEADER}<message><body>`);
    const chunk = Buffer.alloc(1024, 'x');
    let sent = 0;
    while (seen.closes.length === 0 && sent < 100) {
      peer.send(chunk);
      sent++;
      await settled(2);
    }
    assert.ok(sent <= 11, `${sent} KiB were taken`);
    assert.match(await peer.readsToEnd(), /<stream:error><policy-violation /);
  });

  test('closes a peer that never reads when its queue is full', async () => {
    const clock = new FakeClock();
    const { connection, peer } = connectedPair({ clock, maxQueuedBytes: 256 * 1024 });
    const closes: StreamCloseCause[] = [];
    const stream = new XmlStream(connection, {
      role: 'receiver',
      namespace: NS.CLIENT,
      clock,
      faults: new Faults(silentLogger),
      handler: { onHeader() {}, onElement() {}, onClose: (_, cause) => closes.push(cause) },
    });
    peer.stopReading();
    stream.open();
    const text = 'x'.repeat(16 * 1024);
    let accepted = 0;
    while (stream.send(text) && accepted < 1_000) accepted++;
    await settled();
    assert.ok(accepted * 16 <= 512, `${accepted * 16} KiB were queued`);
    assert.deepEqual(closes, ['reset']);
    assert.equal(stream.send(text), false);
  });
});
