// Streams that other servers open, before and after authentication.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Handler } from '../../../src/api/events.ts';
import type { RawPeer } from '../../support/duplex.ts';
import { settled } from '../../support/duplex.ts';
import { assertXml, parseXml } from '../../support/match.ts';
import { header, startWorld } from './harness.ts';

const MESSAGE = `<message from='juliet@capulet.lit/x' to='romeo@montague.lit'/>`;

async function endsWith(peer: RawPeer, condition: string): Promise<void> {
  const text = await peer.readsToEnd();
  assert.match(text, new RegExp(`<stream:error><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>`));
  assert.ok(text.endsWith('</stream:error></stream:stream>'), text);
}

// ── Headers ────────────────────────────────────────────────────────────────────────────────────────────────────

test('RFC 6120 §4.7: our header answers that of the peer, with a new id, and features follow', async (t) => {
  const world = await startWorld(t);
  const ids = new Set<string>();
  for (let i = 0; i < 2; i++) {
    const peer = world.call();
    peer.send(header({ to: 'MONTAGUE.lit', id: 'theirs' }));
    const text = await peer.reads('</stream:features>');
    const [, attributes = ''] = /<stream:stream ([^>]*)>/.exec(text)!;
    assert.match(attributes, / from='montague.lit' to='capulet.lit' id='[\w-]{20}' version='1.0'/);
    assert.match(attributes, /xmlns='jabber:server'/);
    assert.match(attributes, /xmlns:db='jabber:server:dialback'/);
    ids.add(/ id='([^']*)'/.exec(attributes)![1]!);
    assert.match(text, /<dialback xmlns='urn:xmpp:features:dialback'><errors\/><\/dialback>/);
    assert.doesNotMatch(text, /mechanisms|starttls/, 'there is no certificate');
  }
  assert.equal(ids.size, 2);
});

test('RFC 6120 §4.9.3: a wrong header ends the stream with an error that says why', async (t) => {
  const world = await startWorld(t);
  const cases: [condition: string, text: string][] = [
    ['host-unknown', header({ to: 'nobody.lit' })],
    ['improper-addressing', header({ to: '' })],
    ['improper-addressing', header({ to: 'romeo@montague.lit' })],
    ['improper-addressing', header({ to: '@' })],
    ['improper-addressing', header({ from: 'juliet@capulet.lit' })],
    ['invalid-namespace', header({ xmlns: 'jabber:client' })],
    ['invalid-namespace', header().replaceAll('http://etherx.jabber.org/streams', 'urn:x')],
    ['unsupported-version', header({ version: 'one' })],
    ['not-well-formed', '<stream:stream <'],
    ['not-well-formed', 'GET / HTTP/1.1\r\n'],
  ];
  for (const [condition, text] of cases) {
    const peer = world.call();
    peer.send(text);
    await endsWith(peer, condition);
  }
  assert.deepEqual(world.events, []);
});

test('RFC 6120 §4.7.5: a server from before XMPP 1.0 gets no features, and may use dialback', async (t) => {
  const world = await startWorld(t);
  const peer = world.call();
  peer.send(header({ version: '' }));
  await peer.reads(/<stream:stream [^>]*>/);
  peer.send(`<db:result from='capulet.lit' to='montague.lit'>key</db:result>`);
  await world.prepared();
  assert.equal(peer.unread, '');
  assert.deepEqual(world.called, ['capulet.lit']);
});

// ── Before authentication ──────────────────────────────────────────────────────────────────────────────────────

test('RFC 6120 §4.9.3.12: a stanza before authentication is not-authorized, and not routed', async (t) => {
  const world = await startWorld(t);
  const peer = await world.opened();
  peer.send(MESSAGE);
  await endsWith(peer, 'not-authorized');
  assert.deepEqual(world.arrived, []);
});

test('modules see no element and no end of an unauthenticated stream', async (t) => {
  const world = await startWorld(t);
  world.hook('s2s-out', () => assert.fail('s2s-out for a stranger'));
  world.countWith({
    sent: () => assert.fail('a stanza is sent to a stranger'),
    received: () => assert.fail('a stanza of a stranger is seen'),
    handled: () => assert.fail('a stanza of a stranger is counted'),
    closing: () => assert.fail('the end of a stranger is told'),
  });
  for (let i = 0; i < 3; i++) {
    const peer = await world.opened();
    if (i === 0) peer.send('</stream:stream>');
    if (i === 1) peer.drop();
    if (i === 2) peer.send(`<db:result from='capulet.lit' to='nobody.lit'>key</db:result>${MESSAGE}`);
    await peer.readsToEnd();
  }
  await settled();
  assert.deepEqual(world.events, []);
  assert.deepEqual(world.called, []);
});

test('RFC 6120 §4.9.3.24: an unknown element ends the stream', async (t) => {
  const world = await startWorld(t);
  const peer = await world.opened();
  peer.send(`<thing xmlns='urn:x'/>`);
  await endsWith(peer, 'unsupported-stanza-type');
});

test('before authentication, header, each element and the whole negotiation have time limits', async (t) => {
  const world = await startWorld(t);
  const silent = world.call();
  const half = await world.opened();
  half.send(`<db:result from='cap`);
  const idle = await world.opened();
  await world.clock.advance(10_000);
  await endsWith(silent, 'connection-timeout');
  assert.equal(half.ended, false);
  await world.clock.advance(50_000);
  await endsWith(half, 'connection-timeout');
  await endsWith(idle, 'connection-timeout');
});

test('RFC 6120 §13.12: an element that is too large before authentication ends the stream, complete or not', async (t) => {
  const world = await startWorld(t);
  const peer = await world.opened();
  peer.send(`<db:result from='capulet.lit' to='montague.lit'>${'k'.repeat(20_000)}`);
  await endsWith(peer, 'policy-violation');
  for (const [condition, garbage] of [
    ['bad-format', Buffer.from([0xff, 0xfe, 0x00, 0x3c])],
    ['not-well-formed', Buffer.from('<a></b>')],
    ['restricted-xml', Buffer.from('<!-- -->')],
  ] as const) {
    const other = await world.opened();
    other.send(garbage);
    await endsWith(other, condition);
  }
});

// ── Required TLS, and SASL without it ──────────────────────────────────────────────────────────────────────────

test('RFC 6120 §5.3.1: a host that requires TLS offers and accepts nothing else before', async (t) => {
  const world = await startWorld(t, { config: 's2s_require_encryption = true' });
  for (const [condition, text] of [
    ['policy-violation', `<db:result from='capulet.lit' to='montague.lit'>key</db:result>`],
    ['policy-violation', `<db:verify from='capulet.lit' to='montague.lit' id='1'>key</db:verify>`],
    ['not-authorized', MESSAGE],
  ] as const) {
    const peer = world.call();
    peer.send(header());
    const greeting = await peer.reads('</stream:features>');
    assert.ok(
      greeting.endsWith(
        `<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>`,
      ),
      greeting,
    );
    peer.send(text);
    await endsWith(peer, condition);
  }
  assert.deepEqual(world.called, []);
});

test('RFC 6120 §5.4.2.2: STARTTLS on a server without a certificate fails, and ends the stream', async (t) => {
  const world = await startWorld(t);
  const peer = await world.opened();
  peer.send(`<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`);
  await peer.reads(`<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>`);
  peer.send('</stream:stream>');
  assert.equal(await peer.readsToEnd(), '');
});

test('XEP-0178 §3: EXTERNAL in plaintext is refused, and three attempts end the stream', async (t) => {
  const world = await startWorld(t);
  const peer = await world.opened();
  const auth = (mechanism: string) =>
    peer.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='${mechanism}'>=</auth>`);
  auth('EXTERNAL');
  await peer.reads(`<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><encryption-required/></failure>`);
  auth('PLAIN');
  await peer.reads(`<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><invalid-mechanism/></failure>`);
  auth('EXTERNAL');
  await peer.reads(`<encryption-required/></failure>`);
  await endsWith(peer, 'policy-violation');
});

// ── Stanzas of an authenticated server ─────────────────────────────────────────────────────────────────────────

test('a stanza of an authenticated server arrives unchanged', async (t) => {
  const world = await startWorld(t);
  const peer = await world.verified();
  peer.send(
    `<message from='juliet@capulet.lit/x' to='romeo@montague.lit' id='1'><body>O &amp; O</body></message>`,
  );
  await settled();
  assertXml(
    world.arrived[0]!,
    `<message from='juliet@capulet.lit/x' to='romeo@montague.lit' id='1'><body>O &amp; O</body></message>`,
  );
});

test('RFC 6120 §8.1.2.2: a stanza from another domain is invalid-from', async (t) => {
  const world = await startWorld(t);
  for (const from of [
    'evil.lit',
    'juliet@evil.lit/x',
    'sub.capulet.lit',
    'montague.lit',
    'romeo@montague.lit',
  ]) {
    const peer = await world.verified();
    peer.send(`<message from='${from}' to='romeo@montague.lit'/>`);
    await endsWith(peer, 'invalid-from');
  }
  assert.deepEqual(world.arrived, []);
});

test('RFC 6120 §8.1.1.2, §8.1.2.2: a stanza without `from` or without `to` is improper-addressing', async (t) => {
  const world = await startWorld(t);
  for (const text of [
    `<message to='romeo@montague.lit'/>`,
    `<message from='juliet@capulet.lit'/>`,
    '<presence/>',
  ]) {
    const peer = await world.verified();
    peer.send(text);
    await endsWith(peer, 'improper-addressing');
  }
});

test('RFC 6120 §8.1.1.2: a stanza for a domain that was not authenticated on this stream is host-unknown', async (t) => {
  const world = await startWorld(t);
  for (const to of ['romeo@verona.lit', 'nobody.lit', 'capulet.lit']) {
    const peer = await world.verified();
    peer.send(`<message from='juliet@capulet.lit' to='${to}'/>`);
    await endsWith(peer, 'host-unknown');
  }
  assert.deepEqual(world.arrived, []);
});

test('RFC 7622 §3: the address of the sender is passed on in prepared form', async (t) => {
  const world = await startWorld(t);
  const peer = await world.verified();
  const spellings = ['juliet@CAPULET.LIT', 'Juliet@capulet.lit.', 'JULIET@capulet。lit'];
  for (const from of spellings) peer.send(`<message from='${from}/Balcony' to='romeo@montague.lit'/>`);
  await settled();
  assert.deepEqual(
    world.arrived.map(({ attrs }) => attrs.from),
    spellings.map(() => 'juliet@capulet.lit/Balcony'),
  );
});

test('a malformed address costs the stanza, not the stream', async (t) => {
  const world = await startWorld(t);
  const peer = await world.verified();
  peer.send(`<message from='@capulet.lit' to='romeo@montague.lit' id='1'/>`);
  peer.send(`<message from='juliet@capulet.lit' to='@montague.lit' id='2'/>`);
  peer.send(`<message from='juliet@capulet.lit' to='romeo@montague.lit' id='3'/>`);
  const back = await world.accepted();
  const error = await back.reads('</message>');
  assert.match(
    error,
    /<message type='error' id='2' from='@montague.lit' to='juliet@capulet.lit'><error type='modify'><jid-malformed /,
  );
  assert.deepEqual(
    world.arrived.map(({ attrs }) => attrs.id),
    ['3'],
  );
});

test('RFC 6120 §8.3.1, §8.3.3.8: the error comes from the address of the request, even a malformed one', async (t) => {
  const world = await startWorld(t);
  const peer = await world.verified();
  const zwj = 'hall@montague.lit/🏳️\u200D🌈';
  peer.send(`<message from='juliet@capulet.lit' to='@montague.lit' id='1'/>`);
  peer.send(`<presence from='juliet@capulet.lit/x' to='${zwj}' id='2'>
    <x xmlns='http://jabber.org/protocol/muc'><password>secret</password></x></presence>`);
  peer.send(`<message from='juliet@capulet.lit/x' to='a b@@/c' id='3'/>`);
  const back = await world.accepted();
  const malformed = (text: string) => `<error type='modify'>
    <jid-malformed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>
    <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>${text}</text></error>`;
  assertXml(
    parseXml(stanzaIn(await back.reads('</message>'))),
    `<message type='error' id='1' from='@montague.lit' to='juliet@capulet.lit'>
      ${malformed('The part before the @ is empty')}</message>`,
  );
  assertXml(
    parseXml(stanzaIn(await back.reads('</presence>'))),
    `<presence type='error' id='2' from='${zwj}' to='juliet@capulet.lit/x'>
      <x xmlns='http://jabber.org/protocol/muc'/>
      ${malformed('The part after the /, such as a nickname, has characters that addresses cannot have: U+FE0F, U+200D')}</presence>`,
  );
  // Without a domain of ours, the stream's own domain answers.
  assertXml(
    parseXml(stanzaIn(await back.reads('</message>'))),
    `<message type='error' id='3' from='montague.lit' to='juliet@capulet.lit/x'>
      ${malformed('The domain of the address is malformed')}</message>`,
  );
});

/** The last stanza of the text, without the beginning of the stream. */
function stanzaIn(text: string): string {
  return text.slice(Math.max(text.lastIndexOf('<message'), text.lastIndexOf('<presence')));
}

test('RFC 6120 §8.2.3: an iq of a wrong form is refused, and the stream goes on', async (t) => {
  const world = await startWorld(t);
  const peer = await world.verified();
  peer.send(`<iq from='capulet.lit' to='montague.lit' type='get'><q xmlns='urn:q'/></iq>`);
  peer.send(`<iq from='capulet.lit' to='montague.lit' type='ask' id='2'><q xmlns='urn:q'/></iq>`);
  peer.send(`<presence from='juliet@capulet.lit' to='romeo@montague.lit' type='dancing' id='3'/>`);
  peer.send(MESSAGE);
  const back = await world.accepted();
  for (const kind of ['iq', 'iq', 'presence']) {
    assert.match(await back.reads(`</${kind}>`), /<error type='modify'><bad-request /);
  }
  await settled();
  assert.equal(world.arrived.length, 1);
});

test('authentication raises the size limit of stanzas', async (t) => {
  const world = await startWorld(t);
  const peer = await world.verified();
  const message = (size: number) =>
    `<message from='juliet@capulet.lit' to='romeo@montague.lit'><body>${'x'.repeat(size)}</body></message>`;
  peer.send(message(200_000));
  await settled();
  assert.equal(world.arrived.length, 1);
  peer.send(message(600_000));
  await endsWith(peer, 'policy-violation');
  assert.equal(world.events.at(-1), 'close in capulet.lit stream-error');
});

test('an incomplete stanza ends the stream after a time', async (t) => {
  const world = await startWorld(t);
  const peer = await world.verified();
  peer.send('<message from=');
  await world.clock.advance(59_000);
  assert.equal(peer.ended, false);
  await world.clock.advance(1_000);
  await endsWith(peer, 'connection-timeout');
  assert.equal(world.events.at(-1), 'close in capulet.lit timeout');
});

test('reading pauses at 257 stanzas under way from one server, until some are done', async (t) => {
  const world = await startWorld(t);
  const peer = await world.verified('capulet.lit', 'verona.lit');
  const finish: (() => void)[] = [];
  const slow: Handler<'message/bare'> = (event) => {
    event.waitUntil(new Promise<void>((resolve) => finish.push(resolve)));
    return 'handled';
  };
  world.server.router.hosts.get('verona.lit')!.hooks.add('message/bare', slow, 'guard', 'test');
  peer.send(MESSAGE.replace('romeo@montague.lit', 'escalus@verona.lit').repeat(300));
  await settled(50);
  assert.equal(finish.length, 257);
  for (const done of finish) done();
  await settled(50);
  assert.equal(finish.length, 300);
  for (const done of finish) done(); // The server waits for it when it stops.
});

test('a server that exceeds its rate is read more slowly', async (t) => {
  const world = await startWorld(t, { config: `limits = { s2s = { rate = "1 KiB/s", burst = "4 KiB" } }` });
  const peer = await world.verified();
  const count = 20;
  for (let i = 0; i < count; i++) {
    peer.send(
      `<message from='juliet@capulet.lit' to='romeo@montague.lit'><body>${'x'.repeat(1_000)}</body></message>`,
    );
    await settled();
  }
  const atOnce = world.arrived.length;
  assert.ok(atOnce > 0 && atOnce < 8, `${atOnce} arrived immediately`);
  await world.clock.advance(60_000);
  assert.equal(world.arrived.length, count);
});

test('the rate is 64 KiB/s before authentication, and the configured one after', async (t) => {
  const world = await startWorld(t, { config: `limits = { s2s = { rate = "4 MiB/s", burst = "16 MiB" } }` });
  const questions = `<db:verify from='capulet.lit' to='montague.lit' id='1'>${'k'.repeat(100)}</db:verify>`;
  const answered = async (peer: RawPeer) => {
    peer.unread = '';
    peer.send(questions.repeat(4_000));
    await settled(500);
    return peer.unread.split('<db:verify ').length - 1;
  };
  const stranger = await world.opened();
  const count = await answered(stranger);
  assert.ok(count > 200 && count < 400, `${count} answers`);
  await world.clock.advance(10_000);
  assert.ok((await answered(await world.verified())) === 4_000);
});

test('the streams of one peer share one rate', async (t) => {
  const world = await startWorld(t, { config: `limits = { s2s = { rate = "1 KiB/s", burst = "16 KiB" } }` });
  const peers = [await world.verified(), await world.verified(), await world.verified()];
  const message = `<message from='juliet@capulet.lit' to='romeo@montague.lit'><body>${'x'.repeat(1_000)}</body></message>`;
  for (const peer of peers) peer.send(message.repeat(20));
  await settled(100);
  const atOnce = world.arrived.length;
  assert.ok(atOnce > 8 && atOnce < 30, `${atOnce} arrived immediately`);
  await world.clock.advance(120_000);
  assert.equal(world.arrived.length, 60);
});

test('a peer that does not read its answers is disconnected', async (t) => {
  const world = await startWorld(t, { connection: { maxQueuedBytes: 64 * 1024 } });
  const peer = await world.opened();
  peer.stopReading();
  const verify = `<db:verify from='capulet.lit' to='montague.lit' id='1'>${'k'.repeat(500)}</db:verify>`;
  for (let i = 0; i < 20_000 && !peer.socket.destroyed; i++) {
    peer.send(verify);
    if (i % 50 === 0) await settled(1);
    if (world.server.links.list().incoming.length === 0) break;
  }
  assert.equal(world.server.links.list().incoming.length, 0);
});
