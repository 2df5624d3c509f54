// A remote that reads more slowly than our users write.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { listLinks } from '../../../src/s2s/list.ts';
import { xml } from '../../../src/xml/element.ts';
import { StanzaError } from '../../../src/xml/errors.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { type RawPeer, settled } from '../../support/duplex.ts';
import { DIALBACK_FEATURE, startWorld, type World } from './harness.ts';

/** An account has a share of what may be unacknowledged; two have more than the stream and the queue take. */
const SENDERS = ['romeo@montague.lit/orchard', 'benvolio@montague.lit/street'] as const;
const BODY = 'b'.repeat(64 * 1024);
/** 12.5 MiB: the stream takes 4, and the queue 4. */
const MESSAGES = 200;
const SM = 'urn:xmpp:sm:3';

/** Our server has a stream to capulet.lit. With stream management, the peer counts. */
async function linked(t: TestContext, isManaged: boolean): Promise<{ world: World; peer: RawPeer }> {
  const world = await startWorld(t, { modules: ['dialback', ...(isManaged ? ['smacks'] : [])] });
  world.send(message('first', 'x'));
  const sm = isManaged ? `<sm xmlns='${SM}'/></stream:features>` : '</stream:features>';
  const peer = await world.prepared(DIALBACK_FEATURE.replace('</stream:features>', sm));
  await peer.reads('</db:result>');
  peer.send(`<db:result from='capulet.lit' to='montague.lit' type='valid'/>`);
  if (isManaged) {
    await peer.reads(/<enable [^>]*>/);
    peer.send(`<enabled xmlns='${SM}'/>`);
  }
  await peer.reads('</message>');
  return { world, peer };
}

function message(id: string | number, body: string): string {
  const from = Number(id) % 2 === 0 ? SENDERS[0] : SENDERS[1];
  return `<message id='${id}' from='${from}' to='juliet@capulet.lit'><body>${body}</body></message>`;
}

/** Sends more than the stream and the queue take. Returns the ids of the messages that come back. */
async function overflow(world: World, peer: RawPeer): Promise<ReadonlySet<string>> {
  peer.stopReading();
  for (let id = 0; id < MESSAGES; id++) world.send(message(id, BODY));
  await settled();
  assert.ok(world.arrived.every((reply) => StanzaError.from(reply).condition === 'resource-constraint'));
  return new Set(world.arrived.map(({ attrs }) => attrs.id ?? ''));
}

for (const isManaged of [false, true])
  test(`a slow remote keeps its link: what exceeds the queue returns, the rest arrives in order${isManaged ? ', and is counted' : ''}`, async (t) => {
    const { world, peer } = await linked(t, isManaged);
    const returned = await overflow(world, peer);
    assert.ok(returned.size > 0 && returned.size < MESSAGES / 2, `${returned.size} returned`);
    peer.socket.resume();
    const kept = Array.from({ length: MESSAGES }, (_, id) => `${id}`).filter((id) => !returned.has(id));
    const text = await peer.reads(new RegExp(`<message id='${kept.at(-1)}'.*?</message>`, 's'));
    assert.deepEqual(
      [...text.matchAll(/<message id='(\d+)'/g)].map(([, id]) => id),
      kept,
    );
    world.send(message('last', 'x'));
    await peer.reads(/<message id='last'.*?<\/message>/);
    assert.deepEqual(world.events, ['open out capulet.lit']);
    assert.equal(listLinks(world.server.links)[0]?.queued, 0);
    if (!isManaged) return;
    peer.send(`<a xmlns='${SM}' h='${kept.length + 2}'/>`);
    await settled();
    assert.equal(listLinks(world.server.links)[0]?.unacknowledged, 0);
  });

test('a remote that reads nothing for five minutes is disconnected', async (t) => {
  const { world, peer } = await linked(t, false);
  await overflow(world, peer);
  await world.clock.advance(5 * 60_000 - 1);
  assert.deepEqual(world.events, ['open out capulet.lit']);
  await world.clock.advance(1);
  await settled();
  assert.equal(world.events[1], 'close out capulet.lit timeout');
});

test('a busy stream takes no stanza besides those of its queue; it takes other elements', async (t) => {
  const { world, peer } = await linked(t, false);
  await overflow(world, peer);
  const carrier = world.server.links.list().links.find(({ remote }) => remote === 'capulet.lit')!.carrier!;
  const ping = xml(
    'iq',
    { type: 'get', id: 'p', from: 'montague.lit', to: 'capulet.lit' },
    xml('ping', NS.PING),
  );
  assert.equal(carrier.send(ping), false);
  assert.equal(carrier.send(xml('a', NS.SM)), true);
  peer.socket.resume();
  await peer.reads(/<a [^>]*>/);
  assert.equal(carrier.send(ping), true);
});
