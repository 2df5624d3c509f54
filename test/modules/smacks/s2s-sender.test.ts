// What we keep until another server has confirmed it, and what becomes of it when it does not.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settled } from '../../support/duplex.ts';
import { bounced, burst, called, drop, idsIn, managed, managedWorld, R, SM, say } from './s2s-peer.ts';

test('XEP-0198 §3: we enable it where it is offered, and wait for nobody; one request goes with each burst', async (t) => {
  const world = await managedWorld(t);
  for (const id of [1, 2, 3]) say(world, id);
  const peer = await called(world);
  const text = await peer.reads(/<message id='3'[^>]*>/);
  assert.match(text, /^<enable xmlns='urn:xmpp:sm:3' resume='true' max='300'\/><message id='1'/);
  peer.send(`<enabled ${SM}/>`);
  assert.deepEqual(await burst(peer), []);
  for (const id of [4, 5]) say(world, id);
  assert.deepEqual(await burst(peer), ['4', '5']);
  await settled();
  assert.equal(peer.unread, '');
});

test('XEP-0198 §4: what was confirmed is not sent again, the rest is, in order', async (t) => {
  const world = await managedWorld(t);
  for (const id of [1, 2, 3, 4]) say(world, id);
  const peer = await managed(world);
  await burst(peer);
  peer.send(`<a ${SM} h='2'/>`);
  await settled();
  await drop(world, peer);
  say(world, 5);
  const next = await managed(world);
  assert.deepEqual(await burst(next), ['3', '4', '5']);
  assert.deepEqual(bounced(world), []);
});

test('what is remembered of a stream that has ended does not keep what it left', async (t) => {
  const world = await managedWorld(t);
  say(world, 1);
  say(world, 2, 'iq', `type='set'`, `<query xmlns='a'/>`);
  const peer = await managed(world, `resume='true' id='S1'`);
  await burst(peer);
  const [session] = world.server.links.streams();
  await drop(world, peer);
  const { end } = session!.state.smacks!;
  assert.deepEqual(
    end!.returned!.map(({ remote, stanza }) => [remote, stanza]),
    [
      ['capulet.lit', undefined],
      ['capulet.lit', undefined],
    ],
  );
});

test('XEP-0198 §4: who confirms more than was sent is told so, and loses the stream', async (t) => {
  const world = await managedWorld(t);
  say(world, 1);
  const peer = await managed(world);
  await burst(peer);
  peer.send(`<a ${SM} h='2'/>`);
  const text = await peer.readsToEnd();
  assert.match(
    text,
    /<undefined-condition [^>]*\/>.*<handled-count-too-high xmlns='urn:xmpp:sm:3' h='2' send-count='1'\/>/,
  );
  assert.equal(world.events.at(-1), 'close out capulet.lit stream-error');
});

for (const [h, what] of [
  ['', 'no h'],
  [`h='-1'`, 'a negative h'],
  [`h='4294967296'`, 'more than xs:unsignedInt'],
] as const) {
  test(`XEP-0198 §4: an acknowledgement with ${what} is bad-format`, async (t) => {
    const world = await managedWorld(t);
    say(world, 1);
    const peer = await managed(world);
    await burst(peer);
    peer.send(`<a ${SM} ${h}/>`);
    assert.match(await peer.readsToEnd(), /<bad-format /);
  });
}

test('XEP-0198 §4: a peer that does not confirm within 15 s is taken for dead, and gets it over another link', async (t) => {
  const world = await managedWorld(t);
  say(world, 1);
  const peer = await managed(world);
  await burst(peer);
  await world.clock.advance(14_900);
  assert.equal(peer.ended, false);
  await world.clock.advance(200);
  assert.match(await peer.readsToEnd(), /<connection-timeout /);
  assert.equal(world.events.at(-1), 'close out capulet.lit timeout');
  assert.deepEqual(await burst(await managed(world)), ['1']);
});

test('a peer that says other things meanwhile has four times as long', async (t) => {
  const world = await managedWorld(t);
  say(world, 1);
  const peer = await managed(world);
  await burst(peer);
  for (let seconds = 1; seconds < 58; seconds++) {
    await world.clock.advance(1_000);
    peer.send(' ');
    await settled();
  }
  assert.equal(peer.ended, false);
  await world.clock.advance(4_000);
  assert.match(await peer.readsToEnd(), /<connection-timeout /);
});

test('what is too much to be kept ends the stream, and nothing of it is lost', async (t) => {
  const world = await managedWorld(t, 's2s_max_unconfirmed = 3');
  say(world, 0);
  const peer = await managed(world);
  await burst(peer);
  for (const id of [1, 2]) say(world, id);
  await world.clock.advance(6_000);
  assert.equal(peer.ended, false);
  say(world, 3);
  await peer.readsToEnd();
  assert.equal(world.events.at(-1), 'close out capulet.lit timeout');
  const next = await called(world);
  await next.reads(/<enable [^>]*>/);
  assert.deepEqual(idsIn(await next.reads(`id='3'`)), ['0', '1', '2', '3']);
});

test('XEP-0203: a message to a person that is sent again says when it was sent; one to a room does not', async (t) => {
  const world = await managedWorld(t);
  say(world, 1, 'message', `type='chat'`);
  say(world, 2, 'message', `type='groupchat'`);
  say(world, 3, 'presence');
  const peer = await managed(world);
  await burst(peer);
  await drop(world, peer);
  const text = await (await managed(world)).reads(R);
  const stamp = /<message id='1'.*?<delay xmlns='urn:xmpp:delay' from='montague.lit' stamp='([^']*)'\/>/.exec(
    text,
  )?.[1];
  assert.ok(stamp !== undefined && Date.parse(stamp) < world.clock.now(), text);
  assert.doesNotMatch(text.slice(text.indexOf(`id='2'`)), /delay/);
});

test('a request to change something is not sent twice: nobody knows whether it was carried out', async (t) => {
  const world = await managedWorld(t);
  say(world, 'before');
  say(world, 'set', 'iq', `type='set'`, `<q xmlns='urn:q'/>`);
  say(world, 'get', 'iq', `type='get'`, `<q xmlns='urn:q'/>`);
  say(world, 'result', 'iq', `type='result'`);
  const peer = await managed(world);
  await burst(peer);
  await drop(world, peer);
  assert.deepEqual(await burst(await managed(world)), ['before', 'get', 'result']);
  assert.deepEqual(bounced(world), ['set remote-server-timeout']);
});

test('XEP-0198 §4: a last word before a stream error is the truth: everything after it is sent again', async (t) => {
  const world = await managedWorld(t);
  say(world, 1);
  say(world, 'set', 'iq', `type='set'`, `<q xmlns='urn:q'/>`);
  const peer = await managed(world);
  await burst(peer);
  peer.send(
    `<a ${SM} h='1'/><stream:error><system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>`,
  );
  await peer.readsToEnd();
  await world.clock.advance(2_000);
  assert.deepEqual(await burst(await managed(world)), ['set']);
  assert.deepEqual(bounced(world), []);
});

test('XEP-0198 §5: a stream is resumed, and what the peer has is not sent again', async (t) => {
  const world = await managedWorld(t);
  for (const id of [1, 2, 3]) say(world, id);
  say(world, 'set', 'iq', `type='set'`, `<q xmlns='urn:q'/>`);
  const peer = await managed(world, `id='the-id' resume='true'`);
  await burst(peer);
  await drop(world, peer);
  const next = await called(world);
  assert.equal(await next.reads(/<resume [^>]*>/), `<resume ${SM} previd='the-id' h='0'/>`);
  await settled();
  assert.equal(next.unread, '', 'stanzas wait for the answer');
  next.send(`<resumed ${SM} previd='the-id' h='2'/>`);
  assert.deepEqual(await burst(next), ['3', 'set']);
  next.send(`<a ${SM} h='4'/>`); // §5: the counts go on.
  say(world, 4);
  assert.deepEqual(await burst(next), ['4']);
  assert.equal(next.ended, false);
  assert.deepEqual(bounced(world), []);
});

for (const [how, answer, expected, refused] of [
  [
    'says how much it has',
    `<failed ${SM} h='1'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>`,
    ['2', 'set'],
    [],
  ],
  [
    'does not',
    `<failed ${SM}><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>`,
    ['1', '2'],
    ['set remote-server-timeout'],
  ],
] as const) {
  test(`XEP-0198 §5: a peer that cannot resume ${how}: the rest follows, on a stream that is managed anew`, async (t) => {
    const world = await managedWorld(t);
    for (const id of [1, 2]) say(world, id);
    say(world, 'set', 'iq', `type='set'`, `<q xmlns='urn:q'/>`);
    const peer = await managed(world, `id='the-id' resume='1' max='60'`);
    await burst(peer);
    await drop(world, peer);
    const next = await called(world);
    await next.reads(/<resume [^>]*>/);
    next.send(answer);
    await next.reads(/<enable [^>]*>/);
    next.send(`<enabled ${SM}/>`);
    assert.deepEqual(await burst(next), expected);
    assert.deepEqual(bounced(world), refused);
  });
}

test('XEP-0198 §5: who claims to have more of the former stream than it was sent loses the new one', async (t) => {
  const world = await managedWorld(t);
  say(world, 1);
  const peer = await managed(world, `id='the-id' resume='true'`);
  await burst(peer);
  await drop(world, peer);
  const next = await called(world);
  await next.reads(/<resume [^>]*>/);
  next.send(`<resumed ${SM} previd='the-id' h='2'/>`);
  assert.match(await next.readsToEnd(), /handled-count-too-high [^>]*h='2' send-count='1'/);
});

test('XEP-0198 §5: after the time that the peer has named nothing is resumed', async (t) => {
  const world = await managedWorld(t);
  say(world, 1);
  const peer = await managed(world, `id='the-id' resume='true' max='1'`);
  await burst(peer);
  await drop(world, peer);
  const next = await called(world);
  assert.match(await next.reads(/<message id='1'/), /^<enable /);
});

test('XEP-0198 §3: a peer that offers it and does not agree after all is confirmed by pings', async (t) => {
  const world = await managedWorld(t);
  say(world, 1);
  const peer = await called(world);
  await peer.reads(/<enable [^>]*>/);
  peer.send(`<failed ${SM}><internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>`);
  assert.match(
    await peer.reads('</iq>'),
    /<message id='1'.*<iq type='get' id='[^']*' from='montague.lit' to='capulet.lit'><ping /,
  );
});

test('XEP-0198 §3: an answer to <enable/> that does not come ends the stream', async (t) => {
  const world = await managedWorld(t);
  say(world, 1);
  const peer = await called(world);
  await world.clock.advance(16_000);
  assert.match(await peer.readsToEnd(), /<connection-timeout /);
});

test('a reload of the module changes nothing', async (t) => {
  const world = await managedWorld(t);
  say(world, 1);
  const peer = await managed(world);
  await burst(peer);
  await world.server.commands.run('module reload', { name: 'smacks' }, { by: 'test' });
  peer.send(`<a ${SM} h='1'/>`);
  say(world, 2);
  assert.deepEqual(await burst(peer), ['2']);
  await drop(world, peer);
  assert.deepEqual(await burst(await managed(world)), ['2']);
});

for (const days of [-1, 1]) {
  test(`a wall clock that is set by ${days} day: a peer that does not confirm is found dead in time`, async (t) => {
    const world = await managedWorld(t);
    say(world, 0);
    const peer = await managed(world);
    await burst(peer);
    world.clock.moveWallClock(days * 86_400_000);
    await world.clock.advance(14_000);
    assert.equal(peer.ended, false);
    await world.clock.advance(2_000);
    assert.match(await peer.readsToEnd(), /<connection-timeout /);
  });
}

test('XEP-0203: what is sent again says when it was sent as the clock tells that now', async (t) => {
  const world = await managedWorld(t);
  say(world, 1, 'message', `type='chat'`);
  const peer = await managed(world);
  await burst(peer);
  world.clock.moveWallClock(86_400_000);
  const sent = new Date(world.clock.now()).toISOString();
  await drop(world, peer);
  const text = await (await managed(world)).reads(R);
  assert.equal(/stamp='([^']*)'/.exec(text)?.[1], sent);
});

test('XEP-0198 §5: a stream whose id has more than 256 characters is not resumed', async (t) => {
  for (const [length, begin] of [
    [256, /<resume [^>]*>/],
    [257, /<enable [^>]*>/],
  ] as const) {
    const world = await managedWorld(t);
    say(world, 'first');
    const peer = await managed(world, `resume='true' id='${'x'.repeat(length)}'`);
    await burst(peer);
    await drop(world, peer);
    const next = await called(world);
    await next.reads(begin);
  }
});

test('XEP-0198 §4: 32 requests wait for an answer at most, however much is sent', async (t) => {
  const world = await managedWorld(t);
  say(world, 'first');
  const peer = await managed(world);
  for (let n = 0; n < 50; n++) {
    say(world, n);
    await settled();
  }
  await peer.reads(`id='49'`);
  const before = peer.unread.length;
  say(world, 'last');
  await peer.reads(`id='last'`);
  await settled();
  assert.equal(peer.unread.includes('<r '), false, `${before}`);
});
