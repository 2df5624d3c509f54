// Streams that we open: negotiation, waiting stanzas, failures, and the pause after them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { StanzaError } from '../../../src/xml/errors.ts';
import { type RawPeer, settled } from '../../support/duplex.ts';
import { assertXml, parseXml } from '../../support/match.ts';
import { assertFaults } from '../../support/server.ts';
import { DIALBACK_FEATURE, header, noSuchDomain, refused, startWorld, type World } from './harness.ts';

const ROMEO = 'romeo@montague.lit/orchard';
const STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas';
const EXTERNAL = `<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism></mechanisms></stream:features>`;

function message(id: string | number, to = 'juliet@capulet.lit'): string {
  return `<message id='${id}' from='${ROMEO}' to='${to}'/>`;
}

/** The errors that romeo got, as `id condition type`. */
function bounced({ arrived }: World): string[] {
  return arrived.map(({ attrs, children }) => {
    const [error] = children;
    const [condition] = typeof error === 'object' ? error.elements() : [];
    return `${attrs.id} ${condition?.name} ${typeof error === 'object' ? error.attrs.type : ''}`;
  });
}

async function idsUpTo(peer: RawPeer, last: string | number): Promise<string[]> {
  const text = await peer.reads(`<message id='${last}'`);
  return [...text.matchAll(/<message id='([^']*)'/g)].map((match) => match[1]!);
}

// ── Negotiation ────────────────────────────────────────────────────────────────────────────────────────────────

test('RFC 6120 §4.7: our header names both domains, and dialback follows the features', async (t) => {
  const world = await startWorld(t);
  world.send(message(1));
  const peer = await world.nextCall();
  const ours = await peer.reads(/<stream:stream [^>]*>/);
  assert.match(ours, / from='montague.lit' to='capulet.lit' version='1.0'/);
  assert.match(ours, /xmlns:db='jabber:server:dialback'/);
  peer.send(header({ id: 'S1' }));
  await settled();
  assert.equal(peer.unread, '', 'we send nothing before the features');
  peer.send(DIALBACK_FEATURE);
  assert.match(
    await peer.reads('</db:result>'),
    /^<db:result from='montague.lit' to='capulet.lit'>[0-9a-f]{64}<\/db:result>$/,
  );
  await settled();
  assert.equal(peer.unread, '', 'before the answer no stanza is sent (XEP-0220 §2.1.1)');
  peer.send(`<db:result from='capulet.lit' to='montague.lit' type='valid'/>`);
  await peer.reads(`<message id='1' from='${ROMEO}' to='juliet@capulet.lit'/>`);
});

test('RFC 6120 §10.1: waiting stanzas leave in order, before later ones', async (t) => {
  const world = await startWorld(t);
  for (let i = 0; i < 500; i++) world.send(message(i));
  const peer = await world.claimed();
  for (let i = 500; i < 900; i++) world.send(message(i));
  world.hook('link-open', () => world.send(message('opened')));
  peer.send(`<db:result from='capulet.lit' to='montague.lit' type='valid'/>`);
  await settled();
  world.send(message('last'));
  const ids = await idsUpTo(peer, 'last');
  assert.deepEqual(ids, [...Array.from({ length: 900 }, (_, i) => `${i}`), 'opened', 'last']);
  assert.deepEqual(world.called, ['capulet.lit']);
});

test('each pair of domains has its own stream', async (t) => {
  const world = await startWorld(t);
  world.send(message(1));
  world.send(message(2, 'rooms.capulet.lit'));
  world.server.router.route(parseXml(`<message from='benvolio@verona.lit' to='capulet.lit'/>`), {
    kind: 'host',
    domain: 'verona.lit',
  });
  await settled();
  assert.deepEqual(world.called, ['capulet.lit', 'rooms.capulet.lit', 'capulet.lit']);
});

test('a stream with a server from before XMPP 1.0 needs no features', async (t) => {
  const world = await startWorld(t);
  world.send(message(1));
  const peer = await world.prepared('', { version: '' });
  await peer.reads('</db:result>');
  peer.send(`<db:result from='capulet.lit' to='montague.lit' type='valid'/>`);
  await peer.reads(`<message id='1'`);
});

test('EXTERNAL is not tried in plaintext', async (t) => {
  const world = await startWorld(t);
  world.send(message(1));
  const peer = await world.prepared(EXTERNAL);
  assert.match(await peer.reads('</db:result>'), /^<db:result/);
});

test('every stanza returns once when the peer ends or breaks the negotiation', async (t) => {
  const cases: Record<string, string> = {
    'a stream error': `<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>`,
    'a closing tag': '</stream:stream>',
    'unsolicited SASL success': `<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>`,
    'an unsolicited TLS failure': `<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`,
    'an unknown element': `<thing xmlns='urn:x'/>`,
    garbage: '<a></b>',
    'too much': `<thing xmlns='urn:x'>${'x'.repeat(20_000)}`,
    'a stanza': `<message from='juliet@capulet.lit' to='romeo@montague.lit'/>`,
    'a dialback claim': `<db:result from='capulet.lit' to='montague.lit'>key</db:result>`,
    'dialback refused': `<db:result from='capulet.lit' to='montague.lit' type='invalid'/>`,
    'a dialback error': `<db:result from='capulet.lit' to='montague.lit' type='error'><error type='cancel'><item-not-found xmlns='${STANZAS}'/></error></db:result>`,
    'an answer from another domain': `<db:result from='evil.lit' to='montague.lit' type='valid'/>`,
    'an answer to another domain': `<db:result from='capulet.lit' to='verona.lit' type='valid'/>`,
  };
  for (const [name, text] of Object.entries(cases)) {
    await t.test(name, async (t) => {
      const world = await startWorld(t);
      world.send(message(1));
      world.send(`<iq type='get' id='2' from='${ROMEO}' to='capulet.lit'><q xmlns='urn:q'/></iq>`);
      const peer = await world.claimed();
      peer.send(text);
      await peer.readsToEnd();
      await settled();
      assert.deepEqual(bounced(world), ['1 remote-server-timeout wait', '2 remote-server-timeout wait']);
      assert.deepEqual(world.events, ['failed capulet.lit for now']);
      assert.equal(world.server.links.list().links[0]?.carrier, undefined);
    });
  }
});

test('features without the result of dialback do not open the stream', async (t) => {
  const world = await startWorld(t);
  world.send(message(1));
  const peer = await world.claimed();
  peer.send('<stream:features/><stream:features/>');
  await settled();
  assert.equal(peer.unread, '');
  assert.deepEqual(world.events, []);
});

test('a peer that stops during the negotiation is given up after 30 s', async (t) => {
  for (const says of ['', '<stream:str', header({ id: 'S1' }), header({ id: 'S1' }) + DIALBACK_FEATURE]) {
    const world = await startWorld(t);
    world.send(message(1));
    const peer = await world.nextCall();
    peer.send(says);
    await settled();
    assert.deepEqual(world.arrived, []);
    await world.clock.advance(30_000);
    assert.deepEqual(bounced(world), ['1 remote-server-timeout wait'], says);
    assert.ok(peer.ended);
    assert.equal(world.events.at(-1), 'failed capulet.lit for now');
  }
});

test('every stanza returns when the peer hangs up during the negotiation', async (t) => {
  const world = await startWorld(t);
  world.send(message(1));
  const peer = await world.claimed();
  peer.drop();
  await settled();
  assert.deepEqual(bounced(world), ['1 remote-server-timeout wait']);
  assert.deepEqual(world.events, ['failed capulet.lit for now']);
});

test('many stanzas return in order, 500 in one turn of the event loop', async (t) => {
  const world = await startWorld(t);
  for (let id = 1; id <= 1_200; id++) world.send(message(id));
  const peer = await world.claimed();
  const perTurn: number[] = [];
  peer.drop();
  for (let seen = 0; seen < 1_200; seen = world.arrived.length) {
    await setImmediate();
    const returned = world.arrived.length - seen;
    if (returned > 0) perTurn.push(returned);
  }
  assert.deepEqual(perTurn, [500, 500, 200]);
  assert.deepEqual(
    world.arrived.map(({ attrs }) => attrs.id),
    Array.from({ length: 1_200 }, (_, i) => `${i + 1}`),
  );
});

test('without dialback and EXTERNAL the stream fails once, also if it is prepared already', async (t) => {
  const world = await startWorld(t, { modules: [] });
  const asked = world.server.links.connect('montague.lit', 'capulet.lit');
  const peer = await world.prepared();
  await asked;
  world.send(message(1));
  await peer.readsToEnd();
  assert.deepEqual(bounced(world), ['1 remote-server-timeout wait']);
  assert.match(world.server.links.list().links[0]!.lastError!.message, /dialback is off/);
});

test('RFC 6120 §5.3.1, §13.7: the security options apply to servers that we call', async (t) => {
  for (const [config, why] of [
    ['s2s_require_encryption = true', /does not encrypt/],
    ['s2s_secure_auth = true', /not encrypted, and s2s_secure_auth is on/],
  ] as const) {
    const world = await startWorld(t, { config });
    world.send(message(1));
    const peer = await world.prepared();
    await peer.readsToEnd();
    assert.doesNotMatch(peer.unread, /db:result/);
    assert.deepEqual(bounced(world), ['1 remote-server-timeout wait']);
    assert.match(world.server.links.list().links[0]!.lastError!.message, why);
  }
});

// ── Failures ───────────────────────────────────────────────────────────────────────────────────────────────────

test('a server that cannot be reached: all waiting stanzas return as remote-server-timeout, type wait', async (t) => {
  const world = await startWorld(t);
  world.answer = refused;
  world.send(message(1));
  world.send(`<presence id='2' from='${ROMEO}' to='hall@capulet.lit/Romeo'/>`);
  world.send(`<iq type='set' id='3' from='${ROMEO}' to='capulet.lit'><q xmlns='urn:q'/></iq>`);
  await settled();
  assertXml(
    world.arrived[0]!,
    `<message type='error' id='1' from='juliet@capulet.lit' to='${ROMEO}'>
       <error type='wait'><remote-server-timeout xmlns='${STANZAS}'/>
         <text xmlns='${STANZAS}' xml:lang='en'>capulet.lit could not be reached</text></error></message>`,
  );
  assert.deepEqual(bounced(world), [
    '1 remote-server-timeout wait',
    '2 remote-server-timeout wait',
    '3 remote-server-timeout wait',
  ]);
  assert.deepEqual(world.events, ['failed capulet.lit for now']);
  assert.deepEqual(world.called, ['capulet.lit']);
});

test('a domain that does not exist: remote-server-not-found, also during the pause after it', async (t) => {
  const world = await startWorld(t);
  world.answer = noSuchDomain;
  world.send(message(1));
  await settled();
  world.send(message(2));
  assert.deepEqual(bounced(world), ['1 remote-server-not-found cancel', '2 remote-server-not-found cancel']);
  assert.deepEqual(world.events, ['failed capulet.lit for good']);
  assert.equal(world.called.length, 1);
});

test('RFC 6120 §8.3.1: undeliverable errors and results do not return', async (t) => {
  const world = await startWorld(t);
  world.answer = refused;
  const error = `<error type='cancel'><gone xmlns='${STANZAS}'/></error>`;
  world.send(`<message type='error' id='1' from='${ROMEO}' to='capulet.lit'>${error}</message>`);
  world.send(`<presence type='error' id='2' from='${ROMEO}' to='capulet.lit'>${error}</presence>`);
  world.send(`<iq type='error' id='3' from='${ROMEO}' to='capulet.lit'>${error}</iq>`);
  world.send(`<iq type='result' id='4' from='${ROMEO}' to='capulet.lit'/>`);
  world.send(message(5));
  await settled();
  assert.deepEqual(bounced(world), ['5 remote-server-timeout wait']);
});

test('stanzas beyond 10,000 waiting ones of an account return, and the 10,000 stay', async (t) => {
  const world = await startWorld(t);
  for (let i = 0; i < 10_002; i++) world.send(message(i));
  assert.deepEqual(bounced(world), ['10000 resource-constraint wait', '10001 resource-constraint wait']);
  const peer = await world.accepted();
  assert.equal((await idsUpTo(peer, 9_999)).length, 10_000);
});

test('stanzas beyond 4 MiB of waiting ones return', async (t) => {
  const world = await startWorld(t);
  const large = (id: number) =>
    `<message id='${id}' from='user${id % 2}@montague.lit/x' to='capulet.lit'><body>${id} ${'x'.repeat(400_000)}</body></message>`;
  for (let i = 0; i < 12; i++) world.send(large(i));
  assert.deepEqual(bounced(world), ['10 resource-constraint wait', '11 resource-constraint wait']);
});

test('RFC 6120 §3.3: the pause after each failure is longer than the one before', async (t) => {
  const world = await startWorld(t);
  world.answer = refused;
  const attempt = async () => {
    world.send(message('x'));
    await settled();
    return world.called.length;
  };
  assert.equal(await attempt(), 1);
  assert.equal(await attempt(), 1, 'immediately');
  const pauses: number[] = [];
  for (let calls = 1; calls < 9; calls++) {
    let waited = 0;
    while ((await attempt()) === calls) {
      await world.clock.advance(100);
      waited += 100;
    }
    pauses.push(waited);
  }
  assert.ok(pauses[0]! >= 300 && pauses[0]! <= 700, `${pauses}`);
  assert.ok(pauses[2]! >= 1_500 && pauses[2]! <= 2_600, `${pauses}`);
  assert.ok(Math.max(...pauses) <= 12_600, `${pauses}`);
  assert.ok(pauses.at(-1)! >= 7_400, `${pauses}`);
  world.answer = undefined;
  await world.clock.advance(13_000);
  world.arrived.length = 0;
  world.send(message('after'));
  const peer = await world.accepted();
  await idsUpTo(peer, 'after');
  assert.deepEqual(world.arrived, []);
  assert.equal(world.server.links.list().links[0]?.lastError, undefined);
});

test('the pause after a failure holds for dialback too, so that claims do not cause attempts', async (t) => {
  const world = await startWorld(t);
  world.answer = refused;
  await assert.rejects(world.server.links.connect('montague.lit', 'capulet.lit'), /connection refused/);
  await assert.rejects(world.server.links.connect('montague.lit', 'capulet.lit'), /connection refused/);
  assert.equal(world.called.length, 1);
});

// ── The ends of streams ────────────────────────────────────────────────────────────────────────────────────────

test('RFC 6120 §10.1: a stanza for a closing stream takes a new one, after the old one has ended', async (t) => {
  const world = await startWorld(t);
  world.send(message(1));
  const first = await world.accepted();
  await idsUpTo(first, 1);
  const passed: unknown[] = [];
  world.hook('s2s-out', ({ element }) => void passed.push(element.attrs.id));
  world.server.links.closeDomain('capulet.lit');
  world.send(message(2));
  const second = await world.accepted();
  await settled();
  assert.equal(second.unread, '', 'stanzas that the first has not delivered must go first');
  await first.reads('</stream:stream>');
  first.send('</stream:stream>');
  assert.deepEqual(await idsUpTo(second, 2), ['2']);
  await settled();
  world.send(message(3));
  assert.deepEqual(await idsUpTo(second, 3), ['3'], 'the end of the first does not affect the second');
  assert.deepEqual(world.arrived, []);
  assert.deepEqual(passed, ['2', '3'], 'modules see each stanza once, on the stream that takes it');
});

test('a stanza for a stream that closes before it was open takes a new one', async (t) => {
  const world = await startWorld(t);
  const asked = world.server.links.connect('montague.lit', 'capulet.lit');
  const first = await world.prepared();
  await asked;
  world.server.links.closeDomain('capulet.lit');
  world.send(message(1));
  const second = await world.accepted();
  assert.deepEqual(await idsUpTo(second, 1), ['1']);
  await first.reads('</stream:stream>');
  assert.deepEqual(world.arrived, []);
});

test('a peer that hangs up is called again immediately for the next stanza', async (t) => {
  const world = await startWorld(t);
  for (const end of ['</stream:stream>', undefined]) {
    world.send(message(1));
    const peer = await world.accepted();
    await idsUpTo(peer, 1);
    if (end === undefined) peer.drop();
    else peer.send(end);
    await settled();
  }
  world.send(message(3));
  await idsUpTo(await world.accepted(), 3);
  assert.deepEqual(world.arrived, []);
  assert.equal(world.called.length, 3);
});

test('a stream that was opened for dialback carries stanzas later, or is closed as unused', async (t) => {
  const world = await startWorld(t);
  const asked = world.server.links.connect('montague.lit', 'capulet.lit');
  const peer = await world.prepared();
  const session = await asked;
  assert.equal(await world.server.links.connect('montague.lit', 'capulet.lit'), session);
  await world.clock.advance(25_000);
  assert.equal(peer.unread, '</stream:stream>');
  peer.send('</stream:stream>');
  await peer.readsToEnd();
  assert.deepEqual(world.events, []);
  assert.equal(world.server.links.list().links[0]?.lastError, undefined);
  const again = world.server.links.connect('montague.lit', 'capulet.lit');
  const second = await world.prepared();
  assert.notEqual(await again, session);
  world.send(message(1));
  await second.reads('</db:result>');
  second.send(`<db:result from='capulet.lit' to='montague.lit' type='valid'/>`);
  await idsUpTo(second, 1);
  await world.clock.advance(60_000);
  assert.equal(second.ended, false);
});

test('a peer that reads nothing is given up, and stanzas that do not fit take a new stream', async (t) => {
  const world = await startWorld(t, { connection: { maxQueuedBytes: 256 * 1024 } });
  world.send(message(0));
  const peer = await world.accepted();
  await idsUpTo(peer, 0);
  peer.stopReading();
  const large = (id: number) =>
    `<message id='${id}' from='${ROMEO}' to='capulet.lit'><body>${'x'.repeat(50_000)}</body></message>`;
  for (let id = 1; world.called.length === 1 && id < 100; id++) {
    world.send(large(id));
    await settled(1);
  }
  assert.equal(world.called.length, 2);
  await settled();
  assert.equal(world.events.at(-1), 'close out capulet.lit reset');
  assert.deepEqual(world.arrived, []);
});

// ── Modules that change stanzas ────────────────────────────────────────────────────────────────────────────────

test('s2s-out may take, change and refuse stanzas, also those from the queue', async (t) => {
  const world = await startWorld(t);
  const seen: string[] = [];
  world.hook('s2s-out', (event) => {
    const { id } = event.element.attrs;
    seen.push(`${id}`);
    if (id === '1') return 'handled';
    if (id === '2') throw new StanzaError('policy-violation');
    if (id === '3') throw new Error('secret');
    event.element = event.element.with({ id: `${id}+` });
    return undefined;
  });
  for (const id of [1, 2, 3, 4]) world.send(message(id));
  const peer = await world.accepted();
  assert.deepEqual(await idsUpTo(peer, '4+'), ['4+']);
  assert.deepEqual(seen, ['1', '2', '3', '4'], 'without elements of the negotiation');
  assert.deepEqual(bounced(world), ['2 policy-violation modify', '3 internal-server-error cancel']);
  assertFaults(world.host.faults, { handler: 1 });
  assert.equal(peer.ended, false);
});

test('an exception in a look-up or a connection fails that attempt, and is reported', async (t) => {
  const world = await startWorld(t);
  world.answer = () => Promise.reject(new TypeError('x is undefined'));
  world.send(message(1));
  await settled();
  assert.deepEqual(bounced(world), ['1 remote-server-timeout wait']);
  assertFaults(world.host.faults, { lookup: 1 });
  world.answer = undefined;
  await world.clock.advance(10_000);
  world.send(message(2));
  await (await world.accepted()).reads(`<message id='2'`);
});
