import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { S2SStream } from '../../../src/api/session.ts';
import { NetError } from '../../../src/net/errors.ts';
import { DIALBACK_FEATURE, startWorld, type World, type WorldOptions } from '../../src/s2s/harness.ts';
import { type RawPeer, settled } from '../../support/duplex.ts';

const MODULES = ['dialback', 'ping', 's2s_keepalive', 'stream_limits'];
const LIMITS = (idleSeconds: number) =>
  `<stream:features><limits xmlns='urn:xmpp:stream-limits:0'><idle-seconds>${idleSeconds}</idle-seconds></limits></stream:features>`;

interface Scene {
  readonly world: World;
  /** The stream that we have opened. */
  readonly out: RawPeer;
  /** The stream that the peer has opened. */
  readonly in: RawPeer;
}

/** montague.lit and capulet.lit are connected both ways. */
async function connected(t: TestContext, needed = true, options: WorldOptions = {}): Promise<Scene> {
  const world = await startWorld(t, { modules: MODULES, ...options });
  if (needed) world.hook('link-needed', () => 'needed');
  const incoming = await world.verified();
  world.send(`<message id='first' from='romeo@montague.lit' to='juliet@capulet.lit'/>`);
  const out = await world.accepted();
  await out.reads(`<message id='first'`);
  await out.reads('/>');
  world.events.length = 0;
  return { world, out, in: incoming };
}

/** The id of the ping that has come. */
async function asked(peer: RawPeer): Promise<string> {
  const text = await peer.reads(/<iq type='get'[^>]*><ping xmlns='urn:xmpp:ping'\/><\/iq>/);
  assert.match(text, /from='montague\.lit' to='capulet\.lit'/);
  return /id='([^']*)'/.exec(text)![1]!;
}

function answer(peer: RawPeer, id: string, type = 'result'): void {
  peer.send(`<iq type='${type}' id='${id}' from='capulet.lit' to='montague.lit'/>`);
}

test('a needed server is asked after 30 s of silence; with its answer the links stay', async (t) => {
  const { world, out, in: incoming } = await connected(t);
  for (let round = 0; round < 5; round++) {
    await world.clock.advance(29_999);
    assert.equal(out.unread, '', 'not yet');
    await world.clock.advance(1);
    const id = await asked(out);
    assert.match(incoming.unread, /^ $/, 'a space on the stream that carries nothing of ours');
    incoming.unread = '';
    answer(incoming, id, round % 2 === 0 ? 'result' : 'error');
    await settled();
  }
  assert.deepEqual(world.events, []);
  assert.equal(out.unread, '');
});

test('no byte within 30 s of the question: all streams with the domain are ended, with cause timeout', async (t) => {
  const { world, out, in: incoming } = await connected(t);
  await world.clock.advance(59_999);
  await asked(out);
  assert.deepEqual(world.events, []);
  await world.clock.advance(1);
  assert.deepEqual(world.events.sort(), ['close in capulet.lit timeout', 'close out capulet.lit timeout']);
  assert.match(await out.readsToEnd(), /<connection-timeout/);
  assert.match(await incoming.readsToEnd(), /<connection-timeout/);
  await world.clock.advance(600_000);
  assert.equal(world.called.length, 2, 'nobody is called for it');
});

test('any byte on any stream is a sign of life', async (t) => {
  const { world, out, in: incoming } = await connected(t);
  for (const peer of [out, incoming, out]) {
    await world.clock.advance(30_000);
    await asked(out);
    await world.clock.advance(5_000);
    peer.send(' ');
    await settled();
  }
  assert.deepEqual(world.events, []);
});

test('a server that is not silent is not asked', async (t) => {
  const { world, out, in: incoming } = await connected(t);
  for (let i = 0; i < 20; i++) {
    await world.clock.advance(20_000);
    incoming.send(`<message from='juliet@capulet.lit' to='romeo@montague.lit'/>`);
    await settled();
  }
  assert.match(out.unread, /^ *$/);
});

test('RFC 6120 §4.6.1: a link that nobody needs gets a space every three minutes, and no question', async (t) => {
  const { world, out, in: incoming } = await connected(t, false);
  await world.clock.advance(9 * 60_000);
  assert.equal(out.unread, ' '.repeat(3));
  assert.equal(incoming.unread, ' '.repeat(3));
  assert.deepEqual(world.events, []);
});

test('a link that becomes needed is asked within 30 s', async (t) => {
  const { world, out } = await connected(t, false);
  await world.clock.advance(100_000);
  world.hook('link-needed', ({ remote }) => (remote === 'capulet.lit' ? 'needed' : undefined));
  await world.clock.advance(30_000);
  await asked(out);
});

test('XEP-0478 §3.1: on a needed link something is sent before the peer takes it for idle', async (t) => {
  const { world, out, in: incoming } = await connected(t);
  out.send(LIMITS(100));
  await settled();
  for (let i = 0; i < 20; i++) {
    await world.clock.advance(10_000);
    incoming.send(' ');
    await settled();
  }
  assert.equal(out.unread.match(/<ping /g)?.length, 2, 'the peer is never without a stanza for 100 s');
});

test('a peer that claims to hang up at once is not sent more than a word a second', async (t) => {
  const { world, out, in: incoming } = await connected(t);
  out.send(LIMITS(0));
  await settled();
  for (let second = 0; second < 60; second++) {
    await world.clock.advance(1_000);
    incoming.send(' ');
    await settled();
  }
  const pings = out.unread.match(/<ping /g)?.length ?? 0;
  assert.ok(pings > 10 && pings <= 60, `${pings} pings in a minute`);
});

test('XEP-0198 §4: a managed stream is asked for an acknowledgement, which is no stanza', async (t) => {
  const world = await startWorld(t, { modules: [...MODULES, 'smacks'] });
  world.hook('link-needed', () => 'needed');
  world.send(`<message id='first' from='romeo@montague.lit' to='juliet@capulet.lit'/>`);
  const out = await world.prepared(
    DIALBACK_FEATURE.replace('</stream:features>', `<sm xmlns='urn:xmpp:sm:3'/></stream:features>`),
  );
  await out.reads('</db:result>');
  out.send(`<db:result from='capulet.lit' to='montague.lit' type='valid'/>`);
  await out.reads(/<enable [^>]*>/);
  out.send(`<enabled xmlns='urn:xmpp:sm:3'/>`);
  await out.reads(`<message id='first'`);
  await out.reads(`<r xmlns='urn:xmpp:sm:3'/>`);
  out.send(`<a xmlns='urn:xmpp:sm:3' h='1'/>`);
  await settled();
  for (let round = 0; round < 3; round++) {
    out.unread = '';
    await world.clock.advance(30_000);
    assert.equal(out.unread, `<r xmlns='urn:xmpp:sm:3'/>`);
    if (round < 2) out.send(`<a xmlns='urn:xmpp:sm:3' h='1'/>`);
    await settled();
  }
  await world.clock.advance(30_000);
  assert.ok(world.events.includes('close out capulet.lit timeout'), world.events.join());
});

test('pings and their answers count as overhead of the streams, and reach nobody', async (t) => {
  const { world, out, in: incoming } = await connected(t);
  const sessions: Record<string, S2SStream> = {};
  world.hook('link-close', ({ stream: session }) => {
    if (session) sessions[session.direction] = session;
  });
  await world.clock.advance(30_000);
  answer(incoming, await asked(out));
  await world.clock.advance(30_000);
  await asked(out);
  assert.deepEqual(world.arrived, []);
  out.drop();
  incoming.drop();
  await settled();
  assert.deepEqual(sessions.out?.overhead, { in: 0, out: 2 });
  assert.equal(sessions.out?.stanzasOut, 3);
  assert.deepEqual(sessions.in?.overhead, { in: 1, out: 0 });
  assert.equal(sessions.in?.stanzasIn, 1);
});

test('an answer in the name of another domain is no answer of whom we asked', async (t) => {
  const { world, out } = await connected(t);
  const other = await world.verified('verona.example');
  await world.clock.advance(30_000);
  const id = await asked(out);
  other.send(`<iq type='result' id='${id}' from='verona.example' to='montague.lit'/>`);
  await world.clock.advance(30_000);
  assert.ok(world.events.includes('close out capulet.lit timeout'));
});

test('where only the peer has a stream, one of ours is made to ask; a question that cannot be sent ends nothing', async (t) => {
  const world = await startWorld(t, { modules: MODULES });
  world.hook('link-needed', () => 'needed');
  await world.verified();
  world.events.length = 0;
  world.answer = () => {
    throw new NetError('connect-failed', 'refused');
  };
  await world.clock.advance(90_000);
  assert.equal(
    world.events.some((line) => line.startsWith('close')),
    false,
    world.events.join(),
  );
  world.answer = undefined;
  const before = world.called.length;
  for (let i = 0; i < 60 && world.called.length === before; i++) await world.clock.advance(1_000);
  const peer = await world.accepted();
  await asked(peer);
});

test('while it is us who do not read, silence proves nothing', async (t) => {
  const { world, out } = await connected(t);
  let finish = (): void => {};
  const work = new Promise<void>((resolve) => {
    finish = resolve;
  });
  world.hook('s2s-out', ({ session }) => {
    for (let i = 0; i < 300; i++) session.hold(work);
  });
  await world.clock.advance(30_000);
  await asked(out);
  for (let i = 0; i < 10; i++) await world.clock.advance(10_000);
  assert.equal(world.events.join(), '');
  finish();
  await settled();
  for (let i = 0; i < 10; i++) await world.clock.advance(10_000);
  assert.ok(world.events.includes('close out capulet.lit timeout'), world.events.join());
});

for (const days of [-1, 1]) {
  test(`a wall clock that is set by ${days} day changes nothing: a dead link is found in time`, async (t) => {
    const { world, out } = await connected(t);
    world.clock.moveWallClock(days * 86_400_000);
    await world.clock.advance(59_000);
    await asked(out);
    world.clock.moveWallClock(-days * 86_400_000);
    for (let i = 0; i < 10; i++) await world.clock.advance(5_000);
    assert.ok(world.events.includes('close out capulet.lit timeout'), world.events.join());
  });
}

test('a process that has slept does not judge by what it could not hear', async (t) => {
  const { world, out, in: incoming } = await connected(t);
  await world.clock.advance(30_000);
  await asked(out);
  const { clock } = world;
  const awake = clock.elapsed.bind(clock);
  t.mock.method(clock, 'elapsed', () => awake() + 3_600_000);
  await clock.advance(30_000);
  assert.deepEqual(world.events, [], 'the timer comes an hour late');
  incoming.send(' ');
  await clock.advance(30_000);
  assert.deepEqual(world.events, []);
});

test('module-reload: the links that are open stay watched', async (t) => {
  const { world, out } = await connected(t);
  await world.server.commands.run(
    'module reload',
    { name: 's2s_keepalive', host: 'montague.lit' },
    { by: 'a test' },
  );
  await world.clock.advance(60_000);
  await asked(out);
  assert.equal(world.events.length, 2, world.events.join());
});
