// XEP-0288: one connection for both directions.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DIALBACK_FEATURE, startWorld, type World } from '../src/s2s/harness.ts';
import { FakeClock } from '../support/clock.ts';
import { type RawPeer, settled } from '../support/duplex.ts';
import { parseXml } from '../support/match.ts';
import { network } from '../support/network.ts';

const MODULES = { modules: ['dialback', 's2s_bidi'] };
const BIDI = `<bidi xmlns='urn:xmpp:bidi'/>`;
const FEATURE = `<bidi xmlns='urn:xmpp:features:bidi'/>`;
const FEATURES = DIALBACK_FEATURE.replace('</stream:features>', `${FEATURE}</stream:features>`);

function send(world: World, id: string | number, to = 'juliet@capulet.lit'): void {
  world.send(`<message id='${id}' from='romeo@montague.lit' to='${to}'/>`);
}

/** A stream of the peer, verified by dialback, bidirectional or not. */
async function verified(world: World, says = BIDI, from = 'capulet.lit'): Promise<RawPeer> {
  const peer = await world.opened({ from });
  peer.send(`${says}<db:result from='${from}' to='montague.lit'>key</db:result>`);
  const authority = await world.prepared();
  const asked = await authority.reads('</db:verify>');
  const id = /<db:verify[^>]* id='([^']*)'/.exec(asked)![1];
  authority.send(`<db:verify from='${from}' to='montague.lit' id='${id}' type='valid'/></stream:stream>`);
  await peer.reads(`type='valid'/>`);
  await authority.readsToEnd();
  return peer;
}

/** A bidirectional stream of ours. */
async function ours(world: World): Promise<RawPeer> {
  send(world, 'first');
  const peer = await world.prepared(FEATURES);
  await peer.reads('</db:result>');
  peer.send(`<db:result from='capulet.lit' to='montague.lit' type='valid'/>`);
  await peer.reads(`<message id='first'`);
  return peer;
}

test('§2.1: offered to peers that are not authenticated, after TLS if it is required', async (t) => {
  const world = await startWorld(t, MODULES);
  const peer = world.call();
  peer.send(
    `<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' from='capulet.lit' to='montague.lit' version='1.0'>`,
  );
  assert.ok((await peer.reads('</stream:features>')).includes(FEATURE));
  const strict = await startWorld(t, { ...MODULES, config: 's2s_require_encryption = true' });
  const other = strict.call();
  other.send(
    `<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' from='capulet.lit' to='montague.lit' version='1.0'>`,
  );
  assert.ok(!(await other.reads('</stream:features>')).includes(FEATURE));
});

test("§2.2: our stanzas use the peer's stream after it is told that it is verified", async (t) => {
  const world = await startWorld(t, MODULES);
  const opened: string[] = [];
  world.hook('link-open', ({ stream }) => {
    opened.push(stream!.direction);
    send(world, 'at once');
  });
  const peer = await world.opened();
  peer.send(`${BIDI}<db:result from='capulet.lit' to='montague.lit'>key</db:result>`);
  const authority = await world.prepared();
  const asked = await authority.reads('</db:verify>');
  const id = /<db:verify[^>]* id='([^']*)'/.exec(asked)![1];
  send(world, 'before');
  authority.send(`<db:verify from='capulet.lit' to='montague.lit' id='${id}' type='valid'/>`);
  await settled();
  send(world, 'later');
  assert.match(
    await peer.reads(`<message id='later'`),
    /^<db:result [^>]*type='valid'\/>.*id='before'.*id='at once'.*id='later'$/,
  );
  peer.send(`<message id='hers' from='juliet@capulet.lit' to='romeo@montague.lit'/>`);
  await settled();
  assert.deepEqual(
    world.arrived.map(({ attrs }) => attrs.id),
    ['hers'],
  );
  assert.deepEqual(opened, ['both']);
  assert.deepEqual(world.called, ['capulet.lit'], 'for the verification');
});

test("§2.2: only stanzas for the peer's verified domain use its stream", async (t) => {
  const world = await startWorld(t, MODULES);
  const peer = await verified(world);
  send(world, 1, 'tybalt@rooms.capulet.lit');
  world.server.router.route(parseXml(`<message from='benvolio@verona.lit' to='juliet@capulet.lit'/>`), {
    kind: 'host',
    domain: 'verona.lit',
  });
  await settled();
  assert.equal(peer.unread, '');
  assert.deepEqual(world.called, ['capulet.lit', 'rooms.capulet.lit', 'capulet.lit']);
});

test('§2.2: not enabled for a peer that requests it after authentication, or not at all', async (t) => {
  const world = await startWorld(t, MODULES);
  const peer = await verified(world, '');
  peer.send(BIDI);
  await settled();
  send(world, 1);
  await world.claimed();
  assert.equal(peer.unread, '');
  assert.deepEqual(world.called, ['capulet.lit', 'capulet.lit']);
});

test('§2.2: requested on our own stream if it is offered, before we authenticate', async (t) => {
  const world = await startWorld(t, MODULES);
  send(world, 1);
  const peer = await world.prepared(FEATURES);
  assert.match(await peer.reads('</db:result>'), /^<bidi xmlns='urn:xmpp:bidi'\/><db:result/);
  const plain = await startWorld(t, MODULES);
  send(plain, 1);
  assert.match(await (await plain.prepared()).reads('</db:result>'), /^<db:result/);
});

test('accepts stanzas of the peer on our own stream, but only from its domain', async (t) => {
  const world = await startWorld(t, MODULES);
  const peer = await ours(world);
  peer.send(`<message id='hers' from='juliet@capulet.lit' to='romeo@montague.lit'/>`);
  await settled();
  assert.deepEqual(
    world.arrived.map(({ attrs }) => attrs.id),
    ['hers'],
  );
  peer.send(`<message from='juliet@verona.lit' to='romeo@montague.lit'/>`);
  assert.match(await peer.readsToEnd(), /<invalid-from /);
});

test('§2.2: the peer sends nothing before it has accepted us', async (t) => {
  const world = await startWorld(t, MODULES);
  send(world, 1);
  const peer = await world.prepared(FEATURES);
  await peer.reads('</db:result>');
  peer.send(`<message from='juliet@capulet.lit' to='romeo@montague.lit'/>`);
  assert.match(await peer.readsToEnd(), /<not-authorized /);
});

test('fires one link-close for both directions', async (t) => {
  const world = await startWorld(t, MODULES);
  const peer = await verified(world);
  send(world, 1);
  await peer.reads('<message');
  peer.send('</stream:stream>');
  await settled();
  assert.deepEqual(world.events.slice(-2), ['open both capulet.lit', 'close both capulet.lit clean']);
});

test('the present stream stays in use when others open; when it ends, the next one is used', async (t) => {
  const world = await startWorld(t, MODULES);
  const mine = await ours(world);
  const theirs = await world.opened();
  theirs.send(`${BIDI}<db:result from='capulet.lit' to='montague.lit'>key</db:result>`);
  const id = /<db:verify[^>]* id='([^']*)'/.exec(await mine.reads('</db:verify>'))![1];
  mine.send(`<db:verify from='capulet.lit' to='montague.lit' id='${id}' type='valid'/>`);
  await theirs.reads(`type='valid'/>`);
  send(world, 1);
  await mine.reads(`<message id='1'`);
  assert.equal(theirs.unread, '');
  mine.send('</stream:stream>');
  await settled();
  send(world, 2);
  await theirs.reads(`<message id='2'`);
  assert.deepEqual(world.called, ['capulet.lit']);
});

test('if both servers connect simultaneously, all stanzas arrive in order and both streams stay', async (t) => {
  const clock = new FakeClock();
  const net = await network(
    t,
    {
      montague: `modules_enabled=["message","presence","roster","dialback","s2s_bidi"]\n[hosts."montague.lit"]`,
      capulet: `modules_enabled=["message","presence","roster","dialback","s2s_bidi"]\n[hosts."capulet.lit"]`,
    },
    { clock },
  );
  const romeo = await net.client('romeo@montague.lit/orchard');
  const juliet = await net.client('juliet@capulet.lit/balcony');
  for (let i = 0; i < 50; i++) {
    romeo.send(`<message id='r${i}' to='juliet@capulet.lit/balcony'/>`);
    juliet.send(`<message id='j${i}' to='romeo@montague.lit/orchard'/>`);
    await settled(1);
  }
  for (let i = 0; i < 50; i++) {
    await juliet.receives(
      `<message id='r${i}' from='romeo@montague.lit/orchard' to='juliet@capulet.lit/balcony'/>`,
    );
    await romeo.receives(
      `<message id='j${i}' from='juliet@capulet.lit/balcony' to='romeo@montague.lit/orchard'/>`,
    );
  }
});

test('two servers need one connection', async (t) => {
  const net = await network(t, {
    montague: `modules_enabled=["message","dialback","s2s_bidi"]\n[hosts."montague.lit"]`,
    capulet: `modules_enabled=["message","dialback","s2s_bidi"]\n[hosts."capulet.lit"]`,
  });
  const romeo = await net.client('romeo@montague.lit/orchard');
  const juliet = await net.client('juliet@capulet.lit/balcony');
  romeo.send(`<message id='1' to='juliet@capulet.lit/balcony'/>`);
  await juliet.receives(
    `<message id='1' from='romeo@montague.lit/orchard' to='juliet@capulet.lit/balcony'/>`,
  );
  juliet.send(`<message id='2' to='romeo@montague.lit/orchard'/>`);
  await romeo.receives(`<message id='2' from='juliet@capulet.lit/balcony' to='romeo@montague.lit/orchard'/>`);
  const { links } = net.of('capulet.lit').server.links.list();
  assert.deepEqual(
    links.map(({ carrier }) => carrier?.direction),
    ['both'],
  );
  assert.equal(net.dialled.get('capulet.lit'), 1);
  assert.equal(net.dialled.get('montague.lit'), 1, 'for the verification');
});
