// The shares of accounts, rooms and strangers in calls and queues while other servers do not answer.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { NetError } from '../../../src/net/errors.ts';
import { settled } from '../../support/duplex.ts';
import { parseXml } from '../../support/match.ts';
import { startWorld, type World } from './harness.ts';

const ROMEO = 'romeo@montague.lit/orchard';

/** No server answers, except those in `answering`. */
async function silentWorld(t: TestContext, answering: readonly string[] = []): Promise<World> {
  const world = await startWorld(t);
  world.answer = (remote, signal) => {
    if (!answering.includes(remote)) return world.silence(signal);
    world.answer = undefined;
    return world.dial(remote, signal);
  };
  return world;
}

function message(id: string | number, to: string, from = ROMEO, body = ''): string {
  return `<message id='${id}' from='${from}' to='juliet@${to}'><body>${body}</body></message>`;
}

/** The errors that arrived, as `id condition type: text`. */
function bounced({ arrived }: World): string[] {
  return arrived.map((stanza) => {
    const [condition, text] = stanza.getChild('error')?.elements() ?? [];
    return `${stanza.attrs.id} ${condition?.name} ${stanza.getChild('error')?.attrs.type}: ${text?.text()}`;
  });
}

test('1,100 messages of one account to silent servers: 50 are called, and another account reaches its server', async (t) => {
  const world = await silentWorld(t, ['capulet.lit']);
  for (let i = 0; i < 1_100; i++) world.send(message(i, `silent${i}.lit`));
  assert.equal(world.called.length, 50);
  const refusal = 'resource-constraint wait: Too many stanzas of yours wait for servers that do not answer';
  assert.deepEqual(
    bounced(world),
    Array.from({ length: 100 }, (_, i) => `${1_000 + i} ${refusal}`),
  );
  world.send(message('other', 'capulet.lit', 'mercutio@montague.lit/x'));
  const peer = await world.accepted();
  await peer.reads(`<message id='other'`);
});

test('an account with 50 calls gets the next one when one has ended', async (t) => {
  const world = await silentWorld(t);
  for (let i = 0; i < 60; i++) world.send(message(i, `silent${i}.lit`));
  assert.equal(world.called.length, 50);
  world.server.links.closeDomain('silent5.lit');
  await world.clock.advance(1_000);
  assert.equal(world.called.length, 51);
});

test('stanzas that got no attempt return with the reason', async (t) => {
  const world = await silentWorld(t);
  for (let i = 0; i < 51; i++) world.send(message(i, `silent${i}.lit`));
  await world.clock.advance(91_000);
  const refusal = '50 resource-constraint wait: You are writing to too many servers that do not answer';
  assert.deepEqual(bounced(world).slice(-1), [refusal]);
});

test('the stanzas of one account that wait for all servers together: 3 MiB', async (t) => {
  const world = await silentWorld(t);
  const body = 'x'.repeat(100_000);
  for (let i = 0; i < 40; i++) world.send(message(i, `silent${i}.lit`, ROMEO, body));
  assert.equal(bounced(world).length, 40 - 33);
  world.send(message('other', 'silent.lit', 'mercutio@montague.lit/x', body));
  assert.equal(bounced(world).length, 40 - 33);
});

test('replies to strangers have their own share: 125 calls', async (t) => {
  const world = await silentWorld(t);
  const reply = (to: string) =>
    world.send(`<presence type='unsubscribed' from='romeo@montague.lit' to='x@${to}'/>`);
  for (let i = 0; i < 200; i++) reply(`stranger${i}.lit`);
  assert.equal(world.called.length, 125);
  world.send(message('own', 'silent.lit'));
  assert.equal(world.called.length, 126);
});

test('replies to one registered domain and all below it have 31 calls', async (t) => {
  const world = await silentWorld(t);
  const reply = (to: string) => world.send(`<iq type='result' id='r' from='montague.lit' to='x@${to}/y'/>`);
  for (let i = 0; i < 200; i++) for (let j = 0; j < 20; j++) reply(`s${i}.stranger.lit`);
  const calls = world.called.length;
  assert.equal(calls, 31);
  reply('capulet.lit');
  assert.deepEqual(world.called.slice(calls), ['capulet.lit']);
});

/** No server answers. `say` sends a message of a room to another user of a domain each time. */
async function worldOfRooms(t: TestContext): Promise<{ world: World; say(to: string, body?: string): void }> {
  const world = await startWorld(t, { config: `[hosts."rooms.lit"]\ncomponent = "muc"\n` });
  world.answer = (_, signal) => world.silence(signal);
  const { origin } = world.server.router.hosts.get('rooms.lit')!;
  let users = 0;
  const say = (to: string, body = '') =>
    world.server.router.route(
      parseXml(
        `<message type='groupchat' from='hall@rooms.lit/Nick' to='x${users++}@${to}/y'>${body}</message>`,
      ),
      origin,
    );
  return { world, say };
}

/** A content of 100 kB that differs from the others. */
function large(index: number): string {
  return `${index} ${'x'.repeat(100_000)}`;
}

/** The number of stanzas that wait for one registered domain and all below it. */
function queuedFor(world: World, site: string): number {
  const links = world.server.links.list().links.filter(({ remote }) => remote.endsWith(site));
  return links.reduce((sum, { queued }) => sum + queued, 0);
}

test('messages of rooms to two registered domains leave the queue to others: 6,250 for each, of 2 MiB', async (t) => {
  const { world, say } = await worldOfRooms(t);
  for (const site of ['stranger.lit', 'tybalt.lit'])
    for (let i = 0; i < 6_300; i++) say(`s${i % 20}.${site}`);
  assert.deepEqual([queuedFor(world, 'stranger.lit'), queuedFor(world, 'tybalt.lit')], [6_250, 6_250]);
  say('capulet.lit');
  assert.equal(queuedFor(world, 'capulet.lit'), 1);
  for (let i = 0; i < 40; i++) say(`s${i % 20}.benvolio.lit`, large(i));
  assert.equal(queuedFor(world, 'benvolio.lit'), 20);
});

test('registered domains together take the half of the queue that rooms have, and leave the rest', async (t) => {
  const { world, say } = await worldOfRooms(t);
  for (let site = 0; site < 20; site++)
    for (let i = 0; i < 20; i++) say(`s${i % 2}.site${site}.lit`, large(i));
  assert.equal(queuedFor(world, '.lit'), 333);
  world.send(message('own', 'capulet.lit'));
  assert.equal(queuedFor(world, 'capulet.lit'), 1);
  assert.deepEqual(bounced(world), []);
});

test('subdomains of one registered domain have 625 queues', async (t) => {
  const { world, say } = await worldOfRooms(t);
  for (let i = 0; i < 700; i++) say(`s${i}.stranger.lit`);
  assert.equal(queuedFor(world, 'stranger.lit'), 625);
  say('s0.stranger.lit');
  assert.equal(queuedFor(world, 'stranger.lit'), 626);
});

test('messages of rooms to one registered domain have 31 calls', async (t) => {
  const { world, say } = await worldOfRooms(t);
  for (const site of ['stranger.lit', 'tybalt.lit'])
    for (let i = 0; i < 300; i++) for (let j = 0; j < 2; j++) say(`s${i}.${site}`);
  const calls = world.called.length;
  assert.equal(calls, 2 * 31);
  say('capulet.lit');
  assert.deepEqual(world.called.slice(calls), ['capulet.lit']);
});

test('RFC 6121 §3.1.2, §4.3.1: requests and probes use the share of their account, not that of replies', async (t) => {
  const world = await silentWorld(t);
  for (let i = 0; i < 200; i++)
    world.send(`<presence type='unsubscribed' from='romeo@montague.lit' to='x@stranger${i}.lit'/>`);
  const before = world.called.length;
  for (const type of ['subscribe', 'unsubscribe', 'probe'])
    world.send(`<presence type='${type}' from='romeo@montague.lit' to='juliet@${type}.lit'/>`);
  assert.deepEqual(world.called.slice(before), ['subscribe.lit', 'unsubscribe.lit', 'probe.lit']);
});

test('an account without calls left does not delay a call that another account needs', async (t) => {
  const world = await silentWorld(t, ['capulet.lit']);
  world.send(message('first', 'capulet.lit', 'mercutio@montague.lit/x'));
  const peer = await world.accepted();
  await peer.reads(`<message id='first'`);
  let attempts = 0;
  world.answer = (remote, signal) => {
    if (remote !== 'capulet.lit') return world.silence(signal);
    attempts++;
    return Promise.reject(new NetError('connect-failed', 'refused'));
  };
  peer.drop();
  await settled();
  for (let i = 0; i < 50; i++) world.send(message(i, `silent${i}.lit`));
  world.send(message('waiting', 'capulet.lit', 'mercutio@montague.lit/x'));
  await settled();
  world.send(message('envious', 'capulet.lit'));
  const before = attempts;
  for (let i = 0; i < 5; i++) await world.clock.advance(1_000);
  assert.ok(attempts > before, `${attempts} attempts`);
});

test('at most 1,000 servers are called simultaneously', async (t) => {
  const world = await silentWorld(t);
  for (let user = 0; user < 22; user++)
    for (let i = 0; i < 50; i++) world.send(message(i, `u${user}-${i}.lit`, `user${user}@montague.lit/x`));
  await settled();
  assert.equal(world.called.length, 1_000);
  assert.deepEqual(bounced(world), []);
});

test('the stanzas of an account without calls left take a stream that another account opened', async (t) => {
  const world = await silentWorld(t, ['capulet.lit']);
  for (let i = 0; i < 55; i++) world.send(message(i, `silent${i}.lit`));
  world.send(message('first', 'capulet.lit'));
  assert.ok(!world.called.includes('capulet.lit'));
  world.send(message('second', 'capulet.lit', 'mercutio@montague.lit/x'));
  const peer = await world.accepted();
  await peer.reads(`<message id='second'`);
  assert.deepEqual(bounced(world), []);
});

test('dialback for strangers on all hosts together has 250 calls', async (t) => {
  const world = await silentWorld(t);
  for (const to of ['montague.lit', 'verona.lit']) {
    const peers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => world.opened({ to }, { remoteAddress: `192.0.2.${i}` })),
    );
    for (const [i, peer] of peers.entries())
      for (let j = 0; j < 8; j++)
        peer.send(`<db:result from='${to}.v${i * 8 + j}.lit' to='${to}'>key</db:result>`);
  }
  await settled(50);
  assert.equal(world.called.length, 250);
  world.send(message('own', 'silent.lit'));
  assert.equal(world.called.length, 251);
});

test('dialback for one registered domain and all below it has 31 calls', async (t) => {
  const world = await silentWorld(t);
  for (let i = 0; i < 10; i++) {
    const peer = await world.opened({}, { remoteAddress: `192.0.2.${i}` });
    for (let j = 0; j < 8; j++)
      peer.send(`<db:result from='v${i}-${j}.stranger.lit' to='montague.lit'>key</db:result>`);
  }
  await settled(50);
  assert.equal(world.called.length, 31);
  const peer = await world.opened({}, { remoteAddress: '192.0.2.99' });
  peer.send(`<db:result from='capulet.lit' to='montague.lit'>key</db:result>`);
  await settled(5);
  assert.equal(world.called.at(-1), 'capulet.lit');
});

test('dialback for one site has 50 verifications', async (t) => {
  const world = await silentWorld(t);
  const claim = async (i: number, remoteAddress: string) => {
    const peer = await world.opened({}, { remoteAddress });
    for (let j = 0; j < 8; j++)
      peer.send(`<db:result from='v${i}-${j}.lit' to='montague.lit'>key</db:result>`);
    await settled(5);
  };
  for (let i = 0; i < 40; i++) await claim(i, `2001:db8:1:${i}::1`);
  assert.equal(world.called.length, 50);
  await claim(40, '192.0.2.1');
  assert.equal(world.called.length, 58);
});
