// Events, commands and lists about links, and the ends of streams.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommandError, type CommandResult } from '../../../src/admin/commands.ts';
import type { Payload } from '../../../src/api/events.ts';
import { NetError } from '../../../src/net/errors.ts';
import { StreamError } from '../../../src/xml/errors.ts';
import { type RawPeer, settled } from '../../support/duplex.ts';
import { parseXml } from '../../support/match.ts';
import { noSuchDomain, refused, startWorld, type World } from './harness.ts';

const MESSAGE = `<message id='1' from='juliet@capulet.lit' to='romeo@montague.lit'/>`;

function send(world: World, id: string | number, to = 'juliet@capulet.lit'): void {
  world.send(`<message id='${id}' from='romeo@montague.lit' to='${to}'/>`);
}

interface Ending {
  readonly cause: string;
  /** Matches the error in the event. */
  readonly error?: RegExp;
  end(peer: RawPeer, world: World): unknown;
}

const ENDINGS: Record<string, Ending> = {
  'the peer closes its stream': {
    cause: 'clean',
    end: (peer) => peer.send('</stream:stream>'),
  },
  'the peer sends a stream error': {
    cause: 'stream-error',
    error: /^StreamError: system-shutdown/,
    end: (peer) =>
      peer.send(
        `<stream:error><system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`,
      ),
  },
  'we send a stream error': {
    cause: 'stream-error',
    error: /^StreamError: unsupported-stanza-type/,
    end: (peer) => peer.send(`<thing xmlns='urn:x'/>`),
  },
  'the connection breaks': {
    cause: 'reset',
    error: /connection reset/,
    end: (peer) => peer.drop(),
  },
  'the peer hangs up without closing its stream': {
    cause: 'reset',
    error: /^NetError: the peer hung up/,
    end: (peer) => peer.socket.end(),
  },
  'the peer stops in the middle of an element': {
    cause: 'timeout',
    error: /^StreamError: connection-timeout/,
    async end(peer, world) {
      peer.send('<message');
      await world.clock.advance(60_000);
    },
  },
  'an administrator closes it': {
    cause: 'local',
    end: async (peer, world) => {
      world.server.links.closeDomain('capulet.lit');
      await peer.reads('</stream:stream>');
      peer.send('</stream:stream>');
    },
  },
  'an administrator closes it, and the peer does not follow': {
    cause: 'local',
    end: async (_peer, world) => {
      world.server.links.closeDomain('capulet.lit');
      await world.clock.advance(5_000);
    },
  },
  'a module closes it with an error': {
    cause: 'stream-error',
    error: /^StreamError: policy-violation/,
    end: (_peer, world) => {
      const { links, incoming } = world.server.links.list();
      for (const stream of [...links.map(({ carrier }) => carrier), ...incoming]) {
        stream?.close(new StreamError('policy-violation'));
      }
    },
  },
  'a module finds it dead': {
    cause: 'timeout',
    error: /^StreamError: connection-timeout/,
    end: (_peer, world) => {
      for (const stream of world.server.links.streams())
        stream.close(new StreamError('connection-timeout'), 'timeout');
    },
  },
  'a module has no use for it': {
    cause: 'idle',
    end: async (peer, world) => {
      for (const stream of world.server.links.streams()) stream.close(undefined, 'idle');
      await peer.reads('</stream:stream>');
      peer.send('</stream:stream>');
    },
  },
  'the server stops': {
    cause: 'local',
    async end(peer, world) {
      const stopped = world.server.links.close();
      await peer.reads('</stream:stream>');
      peer.send('</stream:stream>');
      await stopped;
    },
  },
};

for (const direction of ['in', 'out'] as const) {
  for (const [name, { cause, error, end }] of Object.entries(ENDINGS)) {
    test(`link-close, once, with its cause: ${name} (${direction})`, async (t) => {
      const world = await startWorld(t);
      const closed: Payload<'link-close'>[] = [];
      let peer: RawPeer;
      if (direction === 'in') peer = await world.verified();
      else {
        send(world, 1);
        peer = await world.accepted();
        await peer.reads('<message');
      }
      const { links, incoming } = world.server.links.list();
      const session = direction === 'in' ? incoming[0] : links[0]?.carrier;
      world.hook('link-close', (event) => void closed.push(event));
      await end(peer, world);
      await settled();
      assert.equal(closed.length, 1);
      assert.equal(closed[0]!.stream, session);
      assert.equal(closed[0]!.remote, 'capulet.lit');
      assert.equal(closed[0]!.cause, cause);
      if (error) assert.match(String(closed[0]!.error), error);
      else if (cause !== 'local') assert.equal(closed[0]!.error, undefined);
      assert.equal(session!.isOpen, false);
      assert.ok(!world.events.some((event) => event.startsWith('failed')), `${world.events}`);
    });
  }
}

test('link-open names the stream, which knows its domains and its age', async (t) => {
  const world = await startWorld(t);
  const opened: Payload<'link-open'>[] = [];
  world.hook('link-open', (event) => void opened.push(event));
  const peer = await world.verified();
  const now = world.clock.elapsed();
  const { remote } = opened[0]!;
  const session = opened[0]!.stream!;
  assert.equal(remote, 'capulet.lit');
  assert.deepEqual(
    [
      session.kind,
      session.direction,
      session.local,
      [...session.remotes],
      session.authenticatedAt,
      session.secure,
    ],
    ['s2s', 'in', 'montague.lit', ['capulet.lit'], now, false],
  );
  await world.clock.advance(1_000);
  peer.send(MESSAGE);
  await settled();
  assert.deepEqual([session.stanzasIn, session.stanzasOut, session.lastReceivedAt], [1, 0, now + 1_000]);
  send(world, 1);
  await (await world.accepted()).reads('<message');
  const out = opened[1]!.stream!;
  assert.deepEqual([out.direction, out.stanzasIn, out.stanzasOut], ['out', 0, 1]);
});

test('link-fail names the error, and whether it is permanent', async (t) => {
  const world = await startWorld(t);
  const failed: Payload<'link-fail'>[] = [];
  world.hook('link-fail', (event) => void failed.push(event));
  world.answer = (remote) => (remote === 'nowhere.lit' ? noSuchDomain() : refused());
  send(world, 1);
  send(world, 2, 'nowhere.lit');
  await settled();
  assert.deepEqual(
    failed.map(({ remote, permanent, error }) => [remote, permanent, (error as NetError).code]),
    [
      ['capulet.lit', false, 'connect-failed'],
      ['nowhere.lit', true, 'no-such-domain'],
    ],
  );
  assert.ok(failed.every(({ error }) => error instanceof NetError));
});

test('a stanza sent by a handler of link-close takes a new stream', async (t) => {
  const world = await startWorld(t);
  send(world, 1);
  const first = await world.accepted();
  await first.reads('<message');
  let count = 0;
  world.hook('link-close', () => {
    if (count++ === 0) send(world, 'again');
  });
  first.drop();
  const second = await world.accepted();
  await second.reads(`<message id='again'`);
  assert.deepEqual(world.arrived, []);
});

test('a stanza sent by a handler of link-fail returns, without another attempt', async (t) => {
  const world = await startWorld(t);
  world.answer = refused;
  world.hook('link-fail', () => send(world, 'again'));
  send(world, 1);
  await settled();
  assert.equal(world.called.length, 1);
  assert.deepEqual(world.arrived.map(({ attrs }) => attrs.id).sort(), ['1', 'again']);
});

// ── Stopping the server ────────────────────────────────────────────────────────────────────────────────────────

test('a stop writes the sent stanzas, tells the peers why, and accepts nothing more', async (t) => {
  const world = await startWorld(t);
  const incoming = await world.verified();
  send(world, 0);
  const open = await world.accepted();
  await open.reads(`<message id='0'`);
  send(world, 1);
  const stopped = world.server.stop();
  send(world, 2);
  assert.match(await open.reads('</stream:stream>'), /<message id='1'[^>]*\/>.*<\/stream:stream>$/);
  open.send('</stream:stream>');
  assert.match(await incoming.readsToEnd(), /<stream:error><system-shutdown .*<\/stream:stream>$/);
  await stopped;
  assert.equal(world.call().ended, false);
  await settled();
  assert.deepEqual(world.called, ['capulet.lit', 'capulet.lit'], 'for the verification and for the message');
});

test('a stop waits for stanzas to a server that is still being called', async (t) => {
  const world = await startWorld(t);
  send(world, 1);
  send(world, 2);
  const peer = await world.claimed();
  t.mock.timers.enable({ apis: ['setTimeout'] }); // The limits of the steps are never reached.
  const stopped = world.server.stop();
  await settled();
  assert.equal(peer.ended, false);
  peer.send(`<db:result from='capulet.lit' to='montague.lit' type='valid'/>`);
  assert.match(await peer.reads('</stream:stream>'), /<message id='1'.*<message id='2'.*<\/stream:stream>$/);
  peer.send('</stream:stream>');
  await stopped;
});

test('a stop makes one more attempt for waiting stanzas, and returns them if it fails', async (t) => {
  const world = await startWorld(t);
  send(world, 0);
  const peer = await world.accepted();
  await peer.reads('<message');
  world.answer = refused;
  peer.drop();
  await settled();
  send(world, 1);
  await settled();
  const calls = world.called.length;
  t.mock.timers.enable({ apis: ['setTimeout'] }); // The limits of the steps are never reached.
  await world.server.stop();
  assert.deepEqual(
    world.arrived.map(({ attrs }) => [attrs.id, attrs.type]),
    [['1', 'error']],
  );
  assert.equal(world.called.length, calls + 1);
});

test('a stop ends although peers do not answer', async (t) => {
  const world = await startWorld(t);
  send(world, 1);
  const open = await world.accepted();
  await open.reads('<message');
  send(world, 2, 'silent.lit');
  await world.nextCall();
  world.answer = () => new Promise(() => {});
  send(world, 3, 'unreachable.lit');
  await world.opened();
  let isStopped = false;
  const stopped = world.server.stop().finally(() => {
    isStopped = true;
  });
  while (!isStopped) {
    await settled();
    await world.clock.advance(1_000);
  }
  await stopped;
  assert.ok(open.ended);
  const { links, incoming } = world.server.links.list();
  assert.ok(links.every(({ isUnused }) => isUnused));
  assert.deepEqual(incoming, []);
});

test('a stop does not wait for answers to requests of this server', async (t) => {
  const world = await startWorld(t);
  const { pendingIqs, work } = world.server.router;
  const iq = parseXml(
    `<iq type='get' id='1' from='montague.lit' to='juliet@montague.lit'><q xmlns='urn:q'/></iq>`,
  );
  const asked = pendingIqs.request({ name: 'test' }, iq, {}, () => {}, new AbortController().signal);
  work.add(asked, 'test');
  t.mock.timers.enable({ apis: ['setTimeout'] }); // The limits of the steps are never reached.
  await world.server.stop();
  await assert.rejects(asked, { name: 'AbortError' });
});

// ── Administrators ─────────────────────────────────────────────────────────────────────────────────────────────

async function run(world: World, command: string, domain?: string): Promise<CommandResult> {
  return world.server.commands.run(command, domain === undefined ? {} : { domain }, { by: 'test' });
}

test('`s2s list` shows every link, and the errors of those that failed', async (t) => {
  const world = await startWorld(t);
  await world.verified();
  await world.opened({ from: 'stranger.lit' });
  send(world, 1);
  await (await world.accepted()).reads('<message');
  send(world, 2, 'waiting.lit');
  world.answer = refused;
  send(world, 3, 'broken.lit');
  await settled();
  const { rows } = await run(world, 's2s list');
  assert.deepEqual(
    rows!.map(({ remote, direction, state, queued, error }) => [remote, direction, state, queued, error]),
    [
      ['capulet.lit', 'out', 'open', 0, undefined],
      ['waiting.lit', 'out', 'connecting', 1, undefined],
      ['broken.lit', 'out', 'closed', 0, 'connection refused'],
      ['capulet.lit', 'in', 'open', 0, undefined],
    ],
  );
  assert.deepEqual(
    (await run(world, 's2s list', 'Broken.lit')).rows!.map(({ remote }) => remote),
    ['broken.lit'],
  );
});

test('`s2s close` closes both directions, and ends the pause after a failure', async (t) => {
  const world = await startWorld(t);
  const incoming = await world.verified();
  send(world, 1);
  const outgoing = await world.accepted();
  await outgoing.reads('<message');
  const { text, data } = await run(world, 's2s close', 'capulet.lit');
  assert.equal(text, '2 links with capulet.lit closed');
  assert.deepEqual(data, { closed: 2 });
  await Promise.all([incoming.reads('</stream:stream>'), outgoing.reads('</stream:stream>')]);
  world.answer = refused;
  send(world, 2, 'broken.lit');
  await settled();
  await assert.rejects(run(world, 's2s close', 'broken.lit'), CommandError);
  send(world, 3, 'broken.lit');
  await settled();
  assert.equal(world.called.filter((remote) => remote === 'broken.lit').length, 2);
  await assert.rejects(run(world, 's2s close', 'a@b'), { name: 'CommandError', code: 'usage' });
});

test('`s2s ping` says whether a server answers, and why if it does not', async (t) => {
  const world = await startWorld(t);
  send(world, 1);
  const peer = await world.accepted();
  await peer.reads(/<message [^>]*>/);
  const ping = async (answer: (id: string) => string) => {
    const result = run(world, 's2s ping', 'Capulet.lit');
    const asked = await peer.reads('</iq>');
    assert.match(asked, /<iq [^>]*from='montague.lit' to='capulet.lit'[^>]*><ping xmlns='urn:xmpp:ping'\/>/);
    world.send(answer(/id='([^']*)'/.exec(asked)![1]!));
    return (await result).text;
  };
  const addresses = `from='capulet.lit' to='montague.lit'`;
  const pong = await ping((id) => `<iq type='result' id='${id}' ${addresses}/>`);
  assert.match(`${pong}`, /^capulet.lit answered in \d+ ms$/);
  const error = `<error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`;
  const refusal = await ping((id) => `<iq type='error' id='${id}' ${addresses}>${error}</iq>`);
  assert.match(`${refusal}`, /^capulet.lit answered in \d+ ms \(with forbidden\)$/);
  const unanswered = run(world, 's2s ping', 'capulet.lit');
  await peer.reads('</iq>');
  const failed = assert.rejects(unanswered, { name: 'CommandError', message: /No answer arrived in time/ });
  await world.clock.advance(30_000);
  await failed;
  world.answer = refused;
  await assert.rejects(run(world, 's2s ping', 'broken.lit'), {
    name: 'CommandError',
    message: 'broken.lit does not answer: connection refused',
  });
});

test('`s2s list` shows security, authentication, queue and next attempt of a link', async (t) => {
  const world = await startWorld(t);
  world.countWith({ describe: () => ({ features: ['telepathy'], unacknowledged: 7 }) });
  send(world, 1);
  const peer = await world.accepted();
  await peer.reads('<message');
  const list = async () => (await run(world, 's2s list')).rows![0]!;
  const { secured, authenticated, features, unacknowledged, stanzas_out } = await list();
  assert.deepEqual(
    { secured, authenticated, features, unacknowledged, stanzas_out },
    { secured: 'plain', authenticated: 'dialback', features: 'telepathy', unacknowledged: 7, stanzas_out: 1 },
  );
  await world.clock.advance(20_000);
  world.answer = refused;
  peer.drop();
  await settled();
  send(world, 2);
  await settled();
  const { state, queued, error, next_try } = await list();
  assert.deepEqual({ state, queued, error }, { state: 'closed', queued: 1, error: 'connection refused' });
  const inMs = Date.parse(String(next_try)) - world.clock.now();
  assert.ok(inMs > 0 && inMs < 1_000, `${next_try}`);
});

test('domains that do not exist are forgotten', async (t) => {
  const world = await startWorld(t);
  world.answer = noSuchDomain;
  for (let i = 0; i < 2_000; i++) {
    world.send(`<message from='romeo@montague.lit/orchard' to='d${i}.example'/>`);
    if (i % 100 === 99) await world.clock.advance(20_000);
  }
  assert.equal(world.arrived.length, 2_000, 'each message returns');
  assert.ok(world.server.links.list().links.length <= 2 * 256);
});

test('about 4,096 links that failed lately are remembered', async (t) => {
  const world = await startWorld(t);
  world.answer = refused;
  for (let n = 0; n < 5_000; n++) {
    world.send(`<message from='user${n % 500}@montague.lit/x' to='d${n}.example'/>`);
    if (n % 50 === 49) await settled(1);
  }
  await settled();
  assert.equal(world.arrived.length, 5_000, 'each message returns');
  const { length } = world.server.links.list().links;
  assert.ok(length >= 4_096 - 256 && length < 4_096 + 256, `${length} are remembered`);
});

test('thousands of subdomains of one site displace no link of another domain', async (t) => {
  const world = await startWorld(t);
  world.answer = refused;
  const send = async (domains: readonly string[]) => {
    for (const [n, domain] of domains.entries()) {
      world.send(`<message from='user${n % 500}@montague.lit/x' to='${domain}'/>`);
      if (n % 50 === 49) await settled(1);
    }
    await settled();
  };
  const friends = Array.from({ length: 100 }, (_, n) => `friend${n}.example`);
  await send(friends);
  await send(Array.from({ length: 5_000 }, (_, n) => `d${n}.evil.example`));
  const remembered = new Set(world.server.links.list().links.map(({ remote }) => remote));
  assert.deepEqual(
    friends.filter((friend) => !remembered.has(friend)),
    [],
  );
  assert.ok(remembered.size < 4_096 + 256);
});
