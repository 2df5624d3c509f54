// What we say of what another server has sent us.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startWorld, type World } from '../../src/s2s/harness.ts';
import { type RawPeer, settled } from '../../support/duplex.ts';
import { burst, managed, managedWorld, R, SM, say } from './s2s-peer.ts';

const A = (h: number) => `<a ${SM} h='${h}'/>`;
const failed = (condition: string) =>
  `<failed ${SM}><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>`;

function message(id: string | number, from = 'capulet.lit', to = 'montague.lit'): string {
  return `<message id='${id}' from='juliet@${from}/y' to='romeo@${to}/x'/>`;
}

/** Enables it, and gives what the stream may be resumed by. */
async function enables(peer: RawPeer, attributes = `resume='true'`): Promise<string> {
  peer.send(`<enable ${SM} ${attributes}/>`);
  return / id='([^']*)'/.exec(await peer.reads(/<enabled [^>]*>/))?.[1] ?? '';
}

test('XEP-0198 §2: offered to other servers, for when they have authenticated', async (t) => {
  const world = await managedWorld(t);
  const peer = world.call();
  peer.send(
    `<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' from='capulet.lit' to='montague.lit' version='1.0'>`,
  );
  assert.match(await peer.reads('</stream:features>'), /<sm xmlns='urn:xmpp:sm:3'\/>/);
});

test('XEP-0198 §3: nobody enables it who has not authenticated', async (t) => {
  const world = await managedWorld(t);
  const peer = await world.opened();
  for (const request of ['enable', `resume previd='x' h='0'`, 'r', `a h='0'`]) {
    peer.send(`<${request} ${SM}/>`);
    await peer.reads(failed('unexpected-request'));
  }
});

test('XEP-0198 §3, §4: what is handled is counted from <enable/> on, and said at once', async (t) => {
  const world = await managedWorld(t);
  const peer = await world.verified();
  peer.send(message('before') + R);
  await peer.reads(failed('unexpected-request'));
  assert.equal(await enables(peer, ''), '');
  peer.send(message(1) + R + message(2) + message(3) + R);
  assert.equal(await peer.reads(A(3)), A(1) + A(3));
  assert.equal(world.arrived.length, 4);
});

test('XEP-0198 §3: a second <enable/> ends the stream', async (t) => {
  const world = await managedWorld(t);
  const peer = await world.verified();
  await enables(peer);
  peer.send(`<enable ${SM}/>`);
  assert.match(await peer.readsToEnd(), /<policy-violation /);
});

test('XEP-0198 §4: h speaks for a stanza once its work is done', async (t) => {
  const world = await managedWorld(t);
  const peer = await world.verified();
  await enables(peer);
  let done = () => {};
  world.host.hooks.add(
    'message/host',
    (event) => {
      event.waitUntil(new Promise<void>((resolve) => (done = resolve)));
      return 'handled';
    },
    'guard',
    'test',
  );
  peer.send(
    `${message(1)}<message id='slow' from='juliet@capulet.lit/y' to='montague.lit'/>${message(3)}${R}`,
  );
  assert.equal(await peer.reads(A(1)), A(1));
  done();
  assert.equal(await peer.reads(A(3)), A(3));
});

test('XEP-0198 §4: our last word before we close a stream is what we have handled', async (t) => {
  const world = await managedWorld(t);
  const peer = await world.verified();
  await enables(peer);
  peer.send(message(1) + message(2));
  await settled();
  await world.server.commands.run('s2s close', { domain: 'capulet.lit' }, { by: 'test' });
  assert.equal(await peer.reads('</stream:stream>'), `${A(2)}</stream:stream>`);
});

test('XEP-0198 §4: and when the server stops', async (t) => {
  const world = await managedWorld(t);
  const peer = await world.verified();
  await enables(peer);
  peer.send(message(1));
  await settled();
  const stopped = world.server.stop();
  assert.match(await peer.reads('</stream:stream>'), new RegExp(`^${A(1)}<stream:error><system-shutdown `));
  peer.drop();
  await stopped;
});

test('a stanza that costs its sender the stream has been handled: again it would cost the next one', async (t) => {
  const world = await managedWorld(t);
  const peer = await world.verified();
  await enables(peer);
  peer.send(message(1) + message(2, 'verona.lit') + message(3));
  assert.match(await peer.readsToEnd(), new RegExp(`^${A(2)}<stream:error><invalid-from `));
});

// ── Resumption ─────────────────────────────────────────────────────────────────────────────────────────────────

test('XEP-0198 §5: a stream that broke goes on with another one, and its count goes on', async (t) => {
  const world = await managedWorld(t);
  const peer = await world.verified();
  const id = await enables(peer);
  assert.notEqual(id, '');
  peer.send(message(1) + message(2));
  await settled();
  peer.drop();
  await settled();
  const next = await world.verified();
  next.send(`<resume ${SM} previd='${id}' h='0'/>`);
  assert.equal(await next.reads(/<resumed [^>]*>/), `<resumed ${SM} previd='${id}' h='2'/>`);
  next.send(message(3) + R);
  assert.equal(await next.reads(A(3)), A(3));
});

test('XEP-0198 §5: the other stream is ended when it is still there, before it is said what came on it', async (t) => {
  const world = await managedWorld(t);
  const peer = await world.verified();
  const id = await enables(peer);
  peer.send(message(1));
  await settled();
  const next = await world.verified();
  next.send(`<resume ${SM} previd='${id}' h='0'/>`);
  await next.reads(`<resumed ${SM} previd='${id}' h='1'/>`);
  assert.match(await peer.readsToEnd(), /<conflict /);
});

test('XEP-0198 §5: another domain does not get the stream, nor hears of it, whatever it knows', async (t) => {
  const world = await managedWorld(t);
  const peer = await world.verified();
  const id = await enables(peer);
  peer.send(message(1));
  await settled();
  const thief = await world.verified('mantua.lit');
  thief.send(`<resume ${SM} previd='${id}' h='0'/>`);
  assert.equal(await thief.reads('</failed>'), failed('item-not-found'));
  peer.send(R);
  assert.equal(await peer.reads(A(1)), A(1), 'nor does it end it');
});

test('XEP-0198 §5: a stream between the same server and another host of ours is another one', async (t) => {
  const world = await managedWorld(t);
  const id = await enables(await world.verified());
  const next = await world.verified('capulet.lit', 'verona.lit');
  next.send(`<resume ${SM} previd='${id}' h='0'/>`);
  assert.equal(await next.reads('</failed>'), failed('item-not-found'));
});

test('XEP-0198 §5: what is no request to resume is refused, and leaves the stream usable', async (t) => {
  const world = await managedWorld(t);
  const id = await enables(await world.verified());
  const next = await world.verified();
  for (const [attributes, condition] of [
    [`h='0'`, 'bad-request'],
    [`previd='${id}'`, 'bad-request'],
    [`previd='${id}' h='x'`, 'bad-request'],
    [`previd='other' h='0'`, 'item-not-found'],
  ] as const) {
    next.send(`<resume ${SM} ${attributes}/>`);
    assert.equal(await next.reads('</failed>'), failed(condition));
  }
  await enables(next);
  next.send(message(1) + R);
  assert.equal(await next.reads(A(1)), A(1));
});

test('XEP-0198 §5: who has received more than was sent is no peer of that stream', async (t) => {
  const world = await managedWorld(t);
  const peer = await world.verified();
  const id = await enables(peer);
  peer.drop();
  await settled();
  const next = await world.verified();
  next.send(`<resume ${SM} previd='${id}' h='1'/>`);
  assert.match(await next.readsToEnd(), /handled-count-too-high /);
});

test('XEP-0198 §5: on a stream that is managed already it is only said what came on the other one', async (t) => {
  const world = await managedWorld(t);
  const peer = await world.verified();
  const id = await enables(peer);
  peer.send(message(1) + message(2));
  await settled();
  peer.drop();
  await settled();
  const next = await world.verified();
  await enables(next);
  next.send(`<resume ${SM} previd='${id}' h='0'/>`);
  assert.match(await next.reads('</failed>'), /^<failed xmlns='urn:xmpp:sm:3' h='2'><unexpected-request /);
});

test('XEP-0198 §5: streams are kept for as long as was said, and no more than a few of one domain', async (t) => {
  const world = await managedWorld(t, 's2s_resumption_time = "1 minute"');
  const ids: string[] = [];
  for (let count = 0; count < 18; count++) {
    const peer = await world.verified();
    ids.push(await enables(peer, `resume='true' max='600'`));
    peer.drop();
    await settled();
  }
  const asked = async (id: string) => {
    const peer = await world.verified();
    peer.send(`<resume ${SM} previd='${id}' h='0'/>`);
    const answer = await peer.reads(/<resumed [^>]*>|<\/failed>/);
    peer.drop();
    await settled();
    return answer.slice(1, 7);
  };
  assert.equal(await asked(ids[0]!), 'failed');
  assert.equal(await asked(ids[17]!), 'resume');
  assert.equal(await asked(ids[16]!), 'resume');
  await world.clock.advance(61_000);
  assert.equal(await asked(ids[15]!), 'failed');
});

test('a stream that carries later waits no longer for <enable/> than one that carries at once', async (t) => {
  const world = await startWorld(t, { modules: ['dialback', 'smacks', 's2s_bidi'] });
  say(world, 1);
  const ours = await managed(world);
  await burst(ours);
  const theirs = await world.opened();
  theirs.send(`<bidi xmlns='urn:xmpp:bidi'/><db:result from='capulet.lit' to='montague.lit'>key</db:result>`);
  const id = / id='([^']*)'/.exec(await ours.reads('</db:verify>'))![1];
  ours.send(`<db:verify from='capulet.lit' to='montague.lit' id='${id}' type='valid'/>`);
  await theirs.reads(`type='valid'/>`);
  theirs.send(`<resume ${SM} previd='nothing' h='0'/>`);
  await theirs.reads('</failed>');
  ours.drop();
  await settled();
  say(world, 2);
  await world.clock.advance(3_000);
  await settled();
  assert.match(theirs.unread, /<message id='1'.*<message id='2'/);
});

test('a peer that has called us gets our stanzas at once, whether it enables stream management or not', async (t) => {
  const world = await startWorld(t, { modules: ['dialback', 'smacks', 's2s_bidi'] });
  const theirs = await world.opened();
  theirs.send(`<bidi xmlns='urn:xmpp:bidi'/><db:result from='capulet.lit' to='montague.lit'>key</db:result>`);
  const authority = await world.prepared();
  const id = / id='([^']*)'/.exec(await authority.reads('</db:verify>'))![1];
  say(world, 1);
  authority.send(`<db:verify from='capulet.lit' to='montague.lit' id='${id}' type='valid'/>`);
  await theirs.reads(/type='valid'\/>.*<message id='1'[^>]*>/);
  theirs.send(`<enable ${SM} resume='true'/>`);
  assert.match(
    await theirs.reads(R),
    /<enabled [^>]*>/,
    'what was sent before is confirmed by the first answer',
  );
  theirs.send(A(0));
  await settled();
  assert.equal(world.server.links.list().incoming[0]?.state.smacks?.uncounted.length, 0);
});

test('XEP-0198 §4: what comes after our closing tag is not handled, and arrives once over the next stream', async (t) => {
  const world = await managedWorld(t);
  const peer = await world.verified();
  const previd = await enables(peer);
  peer.send(message('in time'));
  await settled();
  world.server.links.list().incoming[0]!.close();
  assert.match(await peer.reads('</stream:stream>'), /<a xmlns='urn:xmpp:sm:3' h='1'\/>/);
  peer.send(`${message('late')}</stream:stream>`);
  await settled();
  assert.deepEqual(ids(world), ['in time']);
  const next = await world.verified();
  next.send(`<resume ${SM} previd='${previd}' h='0'/>`);
  assert.match(await next.reads(/<resumed [^>]*>/), / h='1'/);
  next.send(message('late') + R);
  await next.reads(A(2));
  assert.deepEqual(ids(world), ['in time', 'late']);
});

test('RFC 6120 §4.4: of a peer without stream management it is handled', async (t) => {
  const world = await managedWorld(t);
  const peer = await world.verified();
  world.server.links.list().incoming[0]!.close();
  await peer.reads('</stream:stream>');
  peer.send(`${message('late')}</stream:stream>`);
  await settled();
  assert.deepEqual(ids(world), ['late']);
});

const ids = ({ arrived }: World) => arrived.map(({ attrs }) => attrs.id);
