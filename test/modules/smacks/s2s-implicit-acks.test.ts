// What another server has answered has arrived: it is neither sent again nor returned.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { refused, startWorld, type World } from '../../src/s2s/harness.ts';
import { type RawPeer, settled } from '../../support/duplex.ts';
import { bounced, called, drop, idsIn, managed, managedWorld, say } from './s2s-peer.ts';

const ROMEO = 'romeo@montague.lit/x';
const ROOM = 'hall@capulet.lit';
const OWN = `<x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/></x>`;
const PING =
  /<iq type='get' (?=[^>]*id='([^']*)')[^>]*to='capulet.lit'[^>]*><ping xmlns='urn:xmpp:ping'\/><\/iq>/;

function ask(world: World, id: string, type = 'get'): void {
  world.send(`<iq id='${id}' type='${type}' from='${ROMEO}' to='capulet.lit'><q xmlns='urn:q'/></iq>`);
}

function toRoom(world: World, kind: 'message' | 'presence', id: string): void {
  const to = kind === 'message' ? `${ROOM}' type='groupchat` : `${ROOM}/Romeo`;
  world.send(`<${kind} id='${id}' from='${ROMEO}' to='${to}'/>`);
}

interface Pair {
  readonly world: World;
  readonly out: RawPeer;
  readonly back: RawPeer;
}

/** A link in each direction; the peer knows stream management, or not, and has confirmed nothing. */
async function pair(t: TestContext, kind: 'managed' | 'plain'): Promise<Pair> {
  const world = await managedWorld(t);
  const back = await world.verified();
  say(world, 'first');
  return { world, out: await (kind === 'managed' ? managed(world) : called(world, '')), back };
}

/** The other server answers what it has been asked. */
async function says({ out, back, world }: Pair, xml: string): Promise<void> {
  await out.reads("id='q'");
  back.send(xml);
  await settled();
  await world.clock.advance(0);
}

/** What is sent again when the link breaks. */
async function again({ world, out }: Pair): Promise<string[]> {
  await drop(world, out);
  say(world, 'last');
  const next = await called(world, '');
  return idsIn(await next.reads(/<message id='last'[^>]*>/));
}

const to = `to='${ROMEO}'`;
const ANSWERS: readonly [what: string, send: (world: World) => void, answer: string][] = [
  ['an iq by its result', (world) => ask(world, 'q'), `<iq type='result' id='q' from='capulet.lit' ${to}/>`],
  [
    'an iq by its error',
    (world) => ask(world, 'q', 'set'),
    `<iq type='error' id='q' from='capulet.lit' ${to}/>`,
  ],
  [
    'a message to a room by its reflection',
    (world) => toRoom(world, 'message', 'q'),
    `<message type='groupchat' id='q' from='${ROOM}/Romeo' ${to}/>`,
  ],
  [
    'a join by the own presence',
    (world) => toRoom(world, 'presence', 'q'),
    `<presence id='q' from='${ROOM}/Other' ${to}>${OWN}</presence>`,
  ],
  [
    'a join by its refusal',
    (world) => toRoom(world, 'presence', 'q'),
    `<presence type='error' id='q' from='${ROOM}/Romeo' ${to}/>`,
  ],
];

for (const [what, send, answer] of ANSWERS) {
  test(`XEP-0198 §4: ${what}, though it was not acknowledged`, async (t) => {
    const there = await pair(t, 'managed');
    send(there.world);
    await says(there, answer);
    assert.deepEqual(await again(there), ['first', 'last']);
    assert.deepEqual(bounced(there.world), answer.includes("'error'") ? ['q undefined'] : []);
  });

  test(`RFC 6120 §10.1: ${what}, and with it all that was sent before`, async (t) => {
    const there = await pair(t, 'plain');
    send(there.world);
    say(there.world, 'after');
    await says(there, answer);
    assert.deepEqual(await again(there), ['after', 'last']);
  });
}

for (const [why, answer] of [
  ['of somebody else there', `<iq type='result' id='q' from='juliet@capulet.lit' ${to}/>`],
  ['to somebody else', `<iq type='result' id='q' from='capulet.lit' to='mercutio@montague.lit/x'/>`],
  ['of another kind', `<message id='q' from='capulet.lit' ${to}/>`],
] as const) {
  test(`an answer ${why} confirms nothing`, async (t) => {
    const there = await pair(t, 'plain');
    ask(there.world, 'q');
    await says(there, answer);
    assert.deepEqual(await again(there), ['first', 'q', 'last']);
  });
}

test('an answer of another server confirms nothing', async (t) => {
  const there = await pair(t, 'plain');
  const other = await there.world.verified('mantua.lit');
  ask(there.world, 'q');
  await says({ ...there, back: other }, `<iq type='result' id='q' from='mantua.lit' ${to}/>`);
  assert.deepEqual(await again(there), ['first', 'q', 'last']);
});

test('RFC 6120 §8.2.3: a request that was answered never comes back as an error', async (t) => {
  const there = await pair(t, 'managed');
  const { world, out } = there;
  ask(world, 'q');
  ask(world, 'lost');
  await says(there, `<iq type='result' id='q' from='capulet.lit' ${to}/>`);
  world.answer = refused;
  await drop(world, out);
  await world.clock.advance(100_000);
  assert.deepEqual(bounced(world).sort(), ['first remote-server-timeout', 'lost remote-server-timeout']);
});

test('a keepalive’s ping confirms as well as one of our own, which is not sent then', async (t) => {
  const world = await startWorld(t, {
    modules: ['dialback', 'smacks', 's2s_keepalive'],
    config: 's2s_keepalive_silence = "2 seconds"\ns2s_keepalive_timeout = "2 seconds"',
  });
  world.hook('link-needed', () => 'needed');
  const back = await world.verified();
  say(world, 'first');
  const out = await called(world, '');
  let pings = 0;
  for (let halves = 0; halves < 40; halves++) {
    await world.clock.advance(500);
    const id = PING.exec(out.unread)?.[1];
    if (id === undefined) continue;
    pings++;
    await out.reads(PING);
    back.send(`<iq type='result' id='${id}' from='capulet.lit' to='montague.lit'/>`);
    await settled();
  }
  assert.ok(pings >= 8 && pings <= 11, `one for each silence: ${pings} in 20`);
  assert.deepEqual(
    (await again({ world, out, back })).filter((id) => id.length < 6),
    ['last'],
  );
});
