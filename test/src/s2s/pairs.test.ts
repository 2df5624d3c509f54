// One stream that carries several pairs of domains (XEP-0220 §2.1.2, §2.2.1): the modules of each host hear of their own.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Payload } from '../../../src/api/events.ts';
import { Jid } from '../../../src/xml/jid.ts';
import { type RawPeer, settled } from '../../support/duplex.ts';
import { DB, DIALBACK_FEATURE, startWorld, type World } from './harness.ts';

const HOSTS = ['montague.lit', 'verona.lit'] as const;

/** Collects the link events of both hosts, as `host: event remote (local of the stream)`. */
function eventsOf(world: World): string[] {
  const events: string[] = [];
  for (const domain of HOSTS) {
    const { hooks } = world.server.router.hosts.get(domain)!;
    const open = ({ remote, stream }: Payload<'link-open'>) =>
      void events.push(`${domain}: open ${remote} (${stream?.local})`);
    const close = ({ remote, stream, cause }: Payload<'link-close'>) =>
      void events.push(`${domain}: close ${remote} (${stream?.local}) ${cause}`);
    hooks.add('link-open', open, 'observe', 'test');
    hooks.add('link-close', close, 'observe', 'test');
  }
  return events;
}

/**
 * The peer proves to be `from` for `to`, on its stream or on a bidirectional one of ours. Returns the stream on which our
 * server has verified that.
 */
async function claims(
  world: World,
  peer: RawPeer,
  from: string,
  to: string,
  asked?: RawPeer,
): Promise<RawPeer> {
  peer.send(`<db:result from='${from}' to='${to}'>key</db:result>`);
  const authority = asked ?? (await world.prepared(DIALBACK_FEATURE, { from, to }));
  const id = / id='([^']*)'/.exec(await authority.reads('</db:verify>'))![1]!;
  authority.send(`<db:verify from='${from}' to='${to}' id='${id}' type='valid'/>`);
  await peer.reads(`type='valid'/>`);
  return authority;
}

test('link-open and link-close of a stream with two of our domains are told on both hosts', async (t) => {
  const world = await startWorld(t);
  const events = eventsOf(world);
  const peer = await world.verified();
  await claims(world, peer, 'capulet.lit', 'verona.lit');
  await claims(world, peer, 'rooms.capulet.lit', 'verona.lit');
  assert.deepEqual(events.splice(0), [
    'montague.lit: open capulet.lit (montague.lit)',
    'verona.lit: open capulet.lit (montague.lit)',
    'verona.lit: open rooms.capulet.lit (montague.lit)',
  ]);
  peer.drop();
  await settled();
  assert.deepEqual(events, [
    'montague.lit: close capulet.lit (montague.lit) reset',
    'verona.lit: close capulet.lit (montague.lit) reset',
    'verona.lit: close rooms.capulet.lit (montague.lit) reset',
  ]);
});

test('a stream that was authenticated only for another host than its own is told there alone', async (t) => {
  const world = await startWorld(t);
  const events = eventsOf(world);
  const peer = await world.opened();
  await claims(world, peer, 'capulet.lit', 'verona.lit');
  peer.send('</stream:stream>');
  await peer.readsToEnd();
  await settled();
  assert.deepEqual(events, [
    'verona.lit: open capulet.lit (montague.lit)',
    'verona.lit: close capulet.lit (montague.lit) clean',
  ]);
});

test('a pair that is claimed twice is told once', async (t) => {
  const world = await startWorld(t);
  const events = eventsOf(world);
  const peer = await world.verified();
  const authority = await claims(world, peer, 'capulet.lit', 'verona.lit');
  await claims(world, peer, 'capulet.lit', 'verona.lit', authority);
  assert.equal(events.filter((event) => event.startsWith('verona.lit: open')).length, 1);
});

test('a pair of another host on our bidirectional stream: the link is up, and the want is fulfilled', async (t) => {
  const world = await startWorld(t, { modules: ['dialback', 's2s_bidi'] });
  const events = eventsOf(world);
  world.send(`<message id='1' from='romeo@montague.lit' to='juliet@capulet.lit'/>`);
  const peer = await world.prepared(
    `<stream:features><bidi xmlns='urn:xmpp:features:bidi'/><dialback xmlns='urn:xmpp:features:dialback'/></stream:features>`,
  );
  await peer.reads('</db:result>');
  peer.send(`<db:result from='capulet.lit' to='montague.lit' type='valid'/>`);
  await peer.reads(`<message id='1'`);
  const link = world.server.links.link('verona.lit', 'rooms.capulet.lit', {});
  link.want();
  await claims(world, peer, 'rooms.capulet.lit', 'verona.lit');
  assert.equal(link.state, 'up');
  assert.equal(link.nextTry, undefined);
  peer.drop();
  await settled();
  assert.equal(link.state, 'unknown');
  assert.deepEqual(events, [
    'montague.lit: open capulet.lit (montague.lit)',
    'verona.lit: open rooms.capulet.lit (montague.lit)',
    'montague.lit: close capulet.lit (montague.lit) reset',
    'verona.lit: close rooms.capulet.lit (montague.lit) reset',
  ]);
});

test('an idle stream stays open while any host of its pairs needs the link', async (t) => {
  const world = await startWorld(t, { config: 's2s_idle_time = "1 minute"' });
  let isNeeded = true;
  const needed = ({ remote }: Payload<'link-needed'>) =>
    isNeeded && remote === 'capulet.lit' ? ('needed' as const) : undefined;
  world.server.router.hosts.get('verona.lit')!.hooks.add('link-needed', needed, 'guard', 'test');
  const peer = await world.verified();
  await claims(world, peer, 'capulet.lit', 'verona.lit');
  await world.clock.advance(300_000);
  assert.equal(peer.unread, '');
  isNeeded = false;
  await world.clock.advance(30_000);
  await peer.reads('</stream:stream>');
});

test('XEP-0198 §4: stanzas of all pairs are counted once, on the own host of the stream', async (t) => {
  const world = await startWorld(t, { modules: ['dialback', 'smacks', 'message'] });
  const peer = await world.verified();
  await claims(world, peer, 'capulet.lit', 'verona.lit');
  peer.send(`<enable xmlns='urn:xmpp:sm:3'/>`);
  await peer.reads('<enabled ');
  for (const to of HOSTS) peer.send(`<message from='juliet@capulet.lit' to='nobody@${to}' type='error'/>`);
  peer.send(`<r xmlns='urn:xmpp:sm:3'/>`);
  await peer.reads(`<a xmlns='urn:xmpp:sm:3' h='2'/>`);
  peer.drop();
  await settled();
  assert.deepEqual(world.server.links.list().incoming, []);
});

test('the host of a dialback element is found without the preparation of a whole address', async (t) => {
  const world = await startWorld(t, { modules: [] });
  const asked: string[] = [];
  for (const domain of HOSTS) {
    const { nonzas } = world.server.router.hosts.get(domain)!;
    nonzas.add({ on: ['s2s'], name: 'verify', xmlns: DB }, () => void asked.push(domain), 'test');
  }
  const peer = await world.opened();
  const parse = t.mock.method(Jid, 'tryParse');
  for (const to of ['verona.lit', 'VERONA.lit', `${'א'.repeat(300)}@verona.lit/x`])
    peer.send(`<db:verify from='capulet.lit' to='${to}' id='1'>key</db:verify>`);
  await settled();
  assert.deepEqual(asked, ['verona.lit', 'verona.lit', 'montague.lit']);
  assert.equal(parse.mock.callCount(), 0);
});
