// Stanzas that wait while a known peer is away, that are sent again, and that return.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StanzaLedger } from '../../../src/api/ledger.ts';
import type { S2SStream } from '../../../src/s2s/stream.ts';
import type { Stanza } from '../../../src/xml/element.ts';
import { StreamError } from '../../../src/xml/errors.ts';
import { type RawPeer, settled } from '../../support/duplex.ts';
import { noSuchDomain, refused, startWorld, type World } from './harness.ts';

const ROMEO = 'romeo@montague.lit/orchard';

function send(world: World, id: string | number, kind = 'message', rest = ''): void {
  world.send(`<${kind} id='${id}' from='${ROMEO}' to='juliet@capulet.lit' ${rest}/>`);
}

function request(world: World, id: string): void {
  world.send(`<iq type='get' id='${id}' from='${ROMEO}' to='capulet.lit'><q xmlns='urn:q'/></iq>`);
}

/** The errors that romeo got, as `id condition type`. */
function bounced({ arrived }: World): string[] {
  return arrived.map((stanza) => {
    const error = stanza.getChild('error');
    return `${stanza.attrs.id} ${error?.elements()[0]?.name} ${error?.attrs.type}`;
  });
}

/** The ids of the stanzas that a peer received, up to `last`. */
async function ids(peer: RawPeer, last: string | number): Promise<string[]> {
  const text = await peer.reads(new RegExp(`<(message|presence|iq)[^>]* id='${last}'`));
  return [...text.matchAll(/<(?:message|presence|iq)[^>]* id='([^']*)'/g)].map((match) => match[1]!);
}

/** capulet.lit was reached, and its connection broke. */
async function lost(world: World): Promise<void> {
  send(world, 'first');
  const peer = await world.accepted();
  await ids(peer, 'first');
  await world.clock.advance(20_000);
  peer.drop();
  await settled();
}

/** Lets time pass until our server has made `count` calls. */
async function called(world: World, count: number): Promise<void> {
  for (let i = 0; world.called.length < count && i < 100; i++) await world.clock.advance(200);
}

/** Keeps sent stanzas until the test acknowledges them, as stream management does. */
class Keeper {
  readonly kept = new Map<string, Stanza[]>();
  readonly asked: string[] = [];

  constructor(world: World, open?: StanzaLedger['open']) {
    world.countWith({
      sent: ({ id }, stanza) => {
        this.kept.set(id, [...(this.kept.get(id) ?? []), stanza]);
        return undefined;
      },
      unacknowledged: ({ id }, remote) => {
        this.asked.push(remote);
        return this.kept.get(id) ?? [];
      },
      ...(open ? { open } : {}),
    });
  }

  acknowledge(session: S2SStream, count: number): void {
    this.kept.set(session.id, this.kept.get(session.id)!.slice(count));
  }
}

const sessionOf = (world: World) => world.server.links.list().links[0]!.carrier!;

// ── Waiting ──────────────────────────────────────────────────────────────────────────────────────────────────────

test('a peer restarts for 40 s: stanzas sent meanwhile arrive once, in order', async (t) => {
  const world = await startWorld(t);
  await lost(world);
  world.answer = refused;
  for (let i = 0; i < 20; i++) {
    send(world, i);
    await world.clock.advance(2_000);
  }
  assert.deepEqual(bounced(world), []);
  world.answer = undefined;
  await called(world, world.called.length + 1);
  const peer = await world.accepted();
  assert.deepEqual(
    await ids(peer, 19),
    Array.from({ length: 20 }, (_, i) => `${i}`),
  );
  send(world, 'later');
  assert.deepEqual(await ids(peer, 'later'), ['later']);
  assert.deepEqual(bounced(world), []);
});

test('RFC 6120 §3.3: while stanzas wait, the pauses between attempts grow to 10 s', async (t) => {
  const world = await startWorld(t);
  await lost(world);
  world.answer = refused;
  const tries: number[] = [];
  world.hook('link-fail', () => void tries.push(world.clock.now()));
  send(world, 1);
  await world.clock.advance(80_000);
  const gaps = tries.slice(1).map((at, i) => at - tries[i]!);
  assert.ok(gaps[0]! >= 375 && gaps[0]! <= 625, `${gaps}`);
  assert.ok(gaps[2]! >= 1_500 && gaps[2]! <= 2_500, `${gaps}`);
  assert.ok(Math.max(...gaps) <= 12_500, `${gaps}`);
  assert.ok(tries.length >= 9 && tries.length <= 16, `${tries.length}`);
});

test('after s2s_queue_time all waiting stanzas return as remote-server-timeout, type wait', async (t) => {
  const world = await startWorld(t);
  await lost(world);
  world.answer = refused;
  send(world, 1);
  await world.clock.advance(60_000);
  send(world, 2);
  send(world, 3, 'presence', "type='unavailable'");
  await world.clock.advance(29_000);
  assert.deepEqual(bounced(world), []);
  await world.clock.advance(2_000);
  assert.deepEqual(bounced(world), [
    '1 remote-server-timeout wait',
    '2 remote-server-timeout wait',
    '3 remote-server-timeout wait',
  ]);
  await world.clock.advance(30_000);
  const calls = world.called.length;
  await world.clock.advance(600_000);
  assert.equal(world.called.length, calls, 'nothing waits, so there are no attempts');
  send(world, 4);
  await settled();
  assert.equal(bounced(world).at(-1), '4 remote-server-timeout wait', 'stanzas wait once for each outage');
  assert.equal(world.called.length, calls + 1);
});

test('a request waits for 30 s, and other stanzas continue to wait', async (t) => {
  const world = await startWorld(t);
  await lost(world);
  world.answer = refused;
  send(world, 1);
  request(world, 'asked');
  send(world, 2);
  world.send(`<iq type='result' id='answer' from='${ROMEO}' to='capulet.lit'/>`);
  await world.clock.advance(29_999);
  assert.deepEqual(bounced(world), []);
  await world.clock.advance(1);
  assert.deepEqual(bounced(world), ['asked remote-server-timeout wait']);
  world.answer = undefined;
  await called(world, world.called.length + 1);
  assert.deepEqual(await ids(await world.accepted(), 'answer'), ['1', '2', 'answer']);
});

test('a request waits for 30 s also during the first attempt', async (t) => {
  const world = await startWorld(t);
  world.answer = () => new Promise(() => {});
  request(world, 'asked');
  await world.clock.advance(30_000);
  assert.deepEqual(bounced(world), ['asked remote-server-timeout wait']);
});

test('stanzas do not wait for a domain that was never reached', async (t) => {
  const world = await startWorld(t);
  world.answer = refused;
  send(world, 1);
  await settled();
  assert.deepEqual(bounced(world), ['1 remote-server-timeout wait']);
});

test('stanzas do not wait for a domain without a link in the last hour, nor with s2s_queue_time = 0', async (t) => {
  const world = await startWorld(t);
  await lost(world);
  world.answer = refused;
  await world.clock.advance(61 * 60_000);
  send(world, 1);
  await settled();
  assert.deepEqual(bounced(world), ['1 remote-server-timeout wait']);
  const impatient = await startWorld(t, { config: 's2s_queue_time = 0' });
  await lost(impatient);
  impatient.answer = refused;
  send(impatient, 1);
  await settled();
  assert.deepEqual(bounced(impatient), ['1 remote-server-timeout wait']);
});

test('stanzas do not wait for a domain that no longer exists', async (t) => {
  const world = await startWorld(t);
  await lost(world);
  world.answer = refused;
  send(world, 1);
  await settled();
  world.answer = noSuchDomain;
  await world.clock.advance(1_000);
  send(world, 2);
  assert.deepEqual(bounced(world), ['1 remote-server-not-found cancel', '2 remote-server-not-found cancel']);
});

test('when the queue is full the first stanzas stay', async (t) => {
  const world = await startWorld(t);
  await lost(world);
  world.answer = refused;
  send(world, 0);
  await settled();
  for (let i = 1; i < 10_002; i++) send(world, i);
  assert.deepEqual(bounced(world), ['10000 resource-constraint wait', '10001 resource-constraint wait']);
});

test('a claim of a peer during the pause after a failure is verified at the next attempt', async (t) => {
  const world = await startWorld(t);
  await lost(world);
  world.answer = refused;
  send(world, 1);
  await settled();
  world.answer = undefined;
  const peer = await world.opened();
  peer.send(`<db:result from='capulet.lit' to='montague.lit'>key</db:result>`);
  await settled();
  assert.equal(peer.unread, '');
  await called(world, world.called.length + 1);
  const authority = await world.prepared();
  const asked = await authority.reads('</db:verify>');
  const id = /<db:verify[^>]* id='([^']*)'/.exec(asked)![1];
  authority.send(`<db:verify from='capulet.lit' to='montague.lit' id='${id}' type='valid'/>`);
  await peer.reads(`type='valid'/>`);
});

// ── Sending again ──────────────────────────────────────────────────────────────────────────────────────────────

test('unacknowledged stanzas go first over the next stream, in order, once', async (t) => {
  const world = await startWorld(t);
  const keeper = new Keeper(world);
  for (const id of [1, 2, 3, 4]) send(world, id);
  const first = await world.accepted();
  await ids(first, 4);
  keeper.acknowledge(sessionOf(world), 2);
  await world.clock.advance(20_000);
  world.hook('link-close', () => send(world, 5));
  first.drop();
  const second = await world.accepted();
  send(world, 6);
  assert.deepEqual(await ids(second, 6), ['3', '4', '5', '6']);
  assert.deepEqual(keeper.asked, ['capulet.lit']);
  assert.deepEqual(bounced(world), []);
});

test('XEP-0198 §5: after `wait` no stanza flows until the ledger is ready', async (t) => {
  const world = await startWorld(t);
  const began: { previous: unknown; ready: (acknowledged: number) => void }[] = [];
  let waits = false;
  const keeper = new Keeper(world, (_stream, _remote, previous, ready) => {
    if (waits) began.push({ previous, ready });
    return waits ? 'wait' : undefined;
  });
  for (const id of [1, 2, 3]) send(world, id);
  const first = await world.accepted();
  await ids(first, 3);
  const before = sessionOf(world);
  waits = true;
  first.drop();
  await settled();
  const second = await world.accepted();
  send(world, 4);
  await settled();
  assert.equal(second.unread, '');
  assert.deepEqual(began[0]?.previous, before);
  began[0]!.ready(2);
  began[0]!.ready(2);
  assert.deepEqual(await ids(second, 4), ['3', '4']);
  assert.deepEqual(keeper.asked, ['capulet.lit']);
});

test('a ledger that does not get ready within 10 s costs the stream, and no stanza', async (t) => {
  const world = await startWorld(t);
  let waits = true;
  world.countWith({ open: () => (waits ? 'wait' : undefined) });
  send(world, 1);
  const first = await world.accepted();
  await settled();
  waits = false;
  await world.clock.advance(10_000);
  assert.match(await first.readsToEnd(), /<connection-timeout /);
  assert.ok(world.events.includes('close out capulet.lit timeout'), `${world.events}`);
  await called(world, 2);
  assert.deepEqual(await ids(await world.accepted(), 1), ['1']);
});

test('a stanza that breaks every stream returns, and those behind it arrive', async (t) => {
  const world = await startWorld(t);
  const keeper = new Keeper(world);
  send(world, 'poison');
  send(world, 'good');
  for (let links = 0; links < 4; links++) {
    await called(world, links + 1);
    const peer = await world.accepted();
    await ids(peer, 'good');
    keeper.acknowledge(sessionOf(world), 0);
    if (links < 3) peer.drop();
    else {
      assert.deepEqual(bounced(world), []);
      keeper.kept.set(sessionOf(world).id, keeper.kept.get(sessionOf(world).id)!.slice(0, 1));
      peer.drop();
    }
    await settled();
  }
  assert.deepEqual(bounced(world), ['poison remote-server-timeout wait']);
});

test('link-resend: a needless stanza is neither sent again nor returned', async (t) => {
  const world = await startWorld(t);
  new Keeper(world);
  const needless = new Set(['2']);
  world.hook('link-resend', ({ stanza }) => (needless.has(stanza.attrs.id ?? '') ? 'needless' : undefined));
  for (const id of [1, 2, 3]) send(world, id);
  const first = await world.accepted();
  await ids(first, 3);
  world.answer = refused;
  first.drop();
  await settled();
  for (const id of [4, 5]) send(world, id);
  needless.add('3').add('4');
  world.answer = undefined;
  await world.clock.advance(3_000);
  const second = await world.accepted();
  assert.deepEqual(
    await ids(second, 5),
    ['1', '4', '5'],
    'only stanzas that were on a stream are asked about',
  );
  world.answer = refused;
  second.drop();
  await settled();
  needless.add('1');
  await world.clock.advance(100_000);
  assert.deepEqual(bounced(world), ['5 remote-server-timeout wait']);
});

test('a stanza that a stream could not write is sent over the next one', async (t) => {
  const world = await startWorld(t, { connection: { maxQueuedBytes: 64 * 1024 } });
  send(world, 0);
  const first = await world.accepted();
  await ids(first, 0);
  first.stopReading();
  const body = `<body>${'x'.repeat(15_000)}</body>`;
  let last = 0;
  while (sessionOf(world)?.isOpen) {
    world.send(`<message id='${++last}' from='${ROMEO}' to='juliet@capulet.lit'>${body}</message>`);
    await settled(1);
  }
  send(world, 'behind');
  assert.deepEqual(await ids(await world.accepted(), 'behind'), [`${last}`, 'behind']);
});

test('a module ends the stream because of a stanza: that one returns, and the others take the next stream', async (t) => {
  const world = await startWorld(t);
  world.hook('s2s-out', ({ element }) => {
    if (element.attrs.id === '2') throw new StreamError('policy-violation');
  });
  for (const id of [1, 2, 3]) send(world, id);
  const first = await world.accepted();
  assert.match(await first.readsToEnd(), /id='1'[^>]*><stream:error><policy-violation /);
  assert.deepEqual(await ids(await world.accepted(), 3), ['3']);
  assert.deepEqual(bounced(world), ['2 remote-server-timeout wait']);
});

// ── Stopping the server ────────────────────────────────────────────────────────────────────────────────────────

test('a stop makes one more attempt for waiting stanzas, and returns them when it fails', async (t) => {
  const world = await startWorld(t);
  await lost(world);
  world.answer = refused;
  send(world, 1);
  await settled();
  const calls = world.called.length;
  await world.server.links.close();
  assert.equal(world.called.length, calls + 1);
  assert.deepEqual(bounced(world), ['1 remote-server-timeout wait']);
});

test('a stop does not wait for a peer that has sent nothing', async (t) => {
  const world = await startWorld(t);
  await lost(world);
  send(world, 1);
  const stopped = world.server.links.close();
  await world.nextCall();
  await world.clock.advance(1_900);
  assert.deepEqual(bounced(world), []);
  await world.clock.advance(200);
  await stopped;
  assert.deepEqual(bounced(world), ['1 remote-server-timeout wait']);
});

// ── Changes of the wall clock ──────────────────────────────────────────────────────────────────────────────────

for (const days of [-1, 1]) {
  test(`a wall clock that is set by ${days} day during an outage: attempts continue, and waiting stanzas return in time`, async (t) => {
    const world = await startWorld(t);
    await lost(world);
    world.answer = refused;
    send(world, 1);
    await world.clock.advance(2_000);
    const calls = world.called.length;
    world.clock.moveWallClock(days * 86_400_000);
    await world.clock.advance(30_000);
    assert.ok(world.called.length >= calls + 2, `${world.called.length - calls}`);
    assert.deepEqual(bounced(world), []);
    await world.clock.advance(60_000);
    assert.deepEqual(bounced(world), ['1 remote-server-timeout wait']);
  });

  test(`a wall clock that is set by ${days} day: stanzas wait for a peer of the last hour, and for no other`, async (t) => {
    const world = await startWorld(t);
    await lost(world);
    world.clock.moveWallClock(days * 86_400_000);
    world.answer = refused;
    send(world, 1);
    await settled();
    assert.deepEqual(bounced(world), []);
    await world.clock.advance(3_700_000);
    world.arrived.length = 0;
    send(world, 2);
    await settled();
    assert.deepEqual(bounced(world), ['2 remote-server-timeout wait']);
  });
}
