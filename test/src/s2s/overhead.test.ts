// Overhead: stanzas that serve the link itself do not count as its use.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { S2SStream } from '../../../src/api/session.ts';
import { isServerPing } from '../../../src/s2s/overhead.ts';
import { type RawPeer, settled } from '../../support/duplex.ts';
import { parseXml } from '../../support/match.ts';
import { startWorld, type World } from './harness.ts';

const PING = `<ping xmlns='urn:xmpp:ping'/>`;
const QUERY = `<query xmlns='jabber:iq:version'/>`;
const ROMEO = 'romeo@montague.lit/orchard';

for (const [text, is] of [
  [`<iq type='get' id='1' from='a.lit' to='b.lit'>${PING}</iq>`, true],
  [`<iq type='result' id='1' from='a.lit' to='b.lit'/>`, true],
  [`<iq type='error' id='1' from='a.lit' to='b.lit'>${PING}<error type='cancel'/></iq>`, true],
  [`<iq type='get' id='1' from='romeo@a.lit/x' to='b.lit'>${PING}</iq>`, false],
  [`<iq type='get' id='1' from='a.lit' to='romeo@b.lit/x'>${PING}</iq>`, false],
  [`<iq type='get' id='1' from='a.lit/x' to='b.lit'>${PING}</iq>`, false],
  [`<iq type='get' id='1' from='a.lit' to='b.lit'>${QUERY}</iq>`, false],
  [`<iq type='get' id='1' from='a.lit' to='b.lit'/>`, false],
  [`<iq type='set' id='1' from='a.lit' to='b.lit'>${PING}</iq>`, false],
  [`<iq type='result' id='1' from='a.lit' to='b.lit'>${QUERY}</iq>`, false],
  [`<message from='a.lit' to='b.lit' type='get'>${PING}</message>`, false],
] as const) {
  test(`XEP-0199 §4.3: a ping between servers ${is ? 'is' : 'is not'}: ${text}`, () => {
    assert.equal(isServerPing(parseXml(text)), is);
  });
}

interface Scene {
  readonly world: World;
  readonly out: RawPeer;
  readonly back: RawPeer;
}

/** montague.lit and capulet.lit have a stream in each direction; one message has passed to capulet.lit. */
async function linked(t: Parameters<typeof startWorld>[0]): Promise<Scene> {
  const world = await startWorld(t);
  const back = await world.verified();
  world.send(`<message id='first' from='${ROMEO}' to='juliet@capulet.lit'/>`);
  const out = await world.accepted();
  await out.reads(/<message id='first'[^>]*>/);
  return { world, out, back };
}

/** The stanzas in each direction, and those of them that are overhead, without the first message. */
function counts({ world }: Scene): object {
  const { links, incoming } = world.server.links.list();
  const out: S2SStream = links.find(({ remote }) => remote === 'capulet.lit')!.carrier!;
  const back: S2SStream = incoming.find(({ remotes }) => remotes.has('capulet.lit'))!;
  return {
    sent: [out.stanzasOut - 1, out.overhead.out],
    received: [back.stanzasIn, back.overhead.in],
  };
}

test('pings of the peer and our answers do not use the stream', async (t) => {
  const scene = await linked(t);
  let back: S2SStream | undefined;
  scene.world.hook('iq/host', ({ origin }) => {
    if (origin.kind === 's2s') back = origin;
    return undefined;
  });
  scene.back.send(`<iq type='get' id='p' from='capulet.lit' to='montague.lit'>${PING}</iq>`);
  await scene.out.reads(`id='p'`);
  await settled();
  assert.deepEqual(counts(scene), { sent: [1, 1], received: [1, 1] });
  assert.equal(back?.wasUsed, false);
  scene.back.send(`<message from='juliet@capulet.lit' to='${ROMEO}'/>`);
  await settled();
  assert.equal(back?.wasUsed, true);
});

function ask({ world }: Scene, overhead: boolean): string {
  const { router } = world.server;
  const iq = parseXml(`<iq type='get' from='montague.lit' to='juliet@capulet.lit/x'>${QUERY}</iq>`);
  const question = { overhead, onAnswer: () => {} };
  return router.pendingIqs.ask({ name: 'test' }, iq, question, (it) => router.route(it, world.host.origin))
    .id;
}

for (const overhead of [true, false]) {
  test(`a question ${overhead ? 'marked as overhead' : 'without the mark'}, and its answer: ${overhead ? '' : 'not '}counted as overhead`, async (t) => {
    const scene = await linked(t);
    const id = ask(scene, overhead);
    await scene.out.reads(`id='${id}'`);
    scene.back.send(`<iq type='result' id='${id}' from='juliet@capulet.lit/x' to='montague.lit'/>`);
    await settled();
    const marked = overhead ? 1 : 0;
    assert.deepEqual(counts(scene), { sent: [1, marked], received: [1, marked] });
  });
}

test('a ping that is also marked as overhead counts once, and so does its answer', async (t) => {
  const scene = await linked(t);
  const { router } = scene.world.server;
  const iq = parseXml(`<iq type='get' from='montague.lit' to='capulet.lit'>${PING}</iq>`);
  const question = { overhead: true, onAnswer: () => {} };
  const send = (it: typeof iq) => router.route(it, scene.world.host.origin, true);
  const { id } = router.pendingIqs.ask({ name: 'test' }, iq, question, send);
  await scene.out.reads(`id='${id}'`);
  scene.back.send(`<iq type='result' id='${id}' from='capulet.lit' to='montague.lit'/>`);
  await settled();
  assert.deepEqual(counts(scene), { sent: [1, 1], received: [1, 1] });
});

test('a received stanza that a module marks counts as overhead, once', async (t) => {
  const scene = await linked(t);
  scene.world.hook('message/host', (event) => {
    event.markOverhead();
    event.markOverhead();
    return 'handled';
  });
  scene.back.send(`<message from='juliet@capulet.lit' to='montague.lit'/>`);
  await settled();
  assert.deepEqual(counts(scene), { sent: [0, 0], received: [1, 1] });
});

test('a stanza that a module sends as overhead counts as such, also if it had to wait for the stream', async (t) => {
  const world = await startWorld(t);
  const { router } = world.server;
  const reply = parseXml(`<iq type='result' id='r' from='${ROMEO}' to='room@capulet.lit/romeo'/>`);
  router.route(reply, world.host.origin, true);
  const out = await world.accepted();
  await out.reads(`id='r'`);
  const stream: S2SStream = world.server.links.list().links[0]!.carrier!;
  assert.deepEqual([stream.stanzasOut, stream.overhead.out, stream.wasUsed], [1, 1, false]);
  router.route(reply.with({ id: 's' }), world.host.origin, true);
  router.route(reply.with({ id: 't' }), world.host.origin);
  await out.reads(`id='t'`);
  assert.deepEqual([stream.stanzasOut, stream.overhead.out, stream.wasUsed], [3, 2, true]);
});

test('overhead questions on a broken stream are not sent again', async (t) => {
  const scene = await linked(t);
  const { world, out } = scene;
  world.countWith({ unacknowledged: () => kept });
  const kept = [true, false].map((overhead) => {
    const id = ask(scene, overhead);
    return parseXml(`<iq type='get' id='${id}' from='montague.lit' to='juliet@capulet.lit/x'>${QUERY}</iq>`);
  });
  await world.clock.advance(20_000);
  out.drop();
  await settled();
  const next = await world.accepted();
  const text = await next.reads(`id='${kept[1]!.attrs.id}'`);
  assert.equal(text.includes(kept[0]!.attrs.id!), false);
});

test('a question over a given stream is not sent if that is closed', async (t) => {
  const { world, out } = await linked(t);
  const over = world.server.links.list().links[0]!.carrier!;
  const { pendingIqs } = world.server.router;
  const iq = parseXml(`<iq type='get' from='montague.lit' to='capulet.lit'>${PING}</iq>`);
  const send = () =>
    pendingIqs.ask({ name: 'test' }, iq, { over, onAnswer: () => {} }, (it) => over.send(it));
  const first = send();
  await out.reads(`id='${first.id}'`);
  assert.equal(first.left, true);
  over.close();
  assert.equal(send().left, false);
});
