import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { startWorld, type World } from '../src/s2s/harness.ts';
import { type RawPeer, settled } from '../support/duplex.ts';
import { parseXml } from '../support/match.ts';
import { startServer } from '../support/server.ts';

const NS = 'urn:xmpp:stream-limits:0';
const STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas';

function features(limits: string): string {
  return `<stream:features><dialback xmlns='urn:xmpp:features:dialback'/><limits xmlns='${NS}'>${limits}</limits></stream:features>`;
}

function message(bytes: number, id = 'm', text = 'a'): string {
  const [before, after] = [
    `<message id='${id}' from='romeo@montague.lit' to='juliet@capulet.lit'><body>`,
    '</body></message>',
  ];
  return before + text.repeat((bytes - before.length - after.length) / Buffer.byteLength(text)) + after;
}

/** The peer at capulet.lit has announced these limits and has accepted us. */
async function linked(t: TestContext, limits: string): Promise<{ world: World; peer: RawPeer }> {
  const world = await startWorld(t, { modules: ['dialback', 'stream_limits'] });
  world.send(message(200, 'first'));
  const peer = await world.prepared(features(limits));
  await peer.reads('</db:result>');
  peer.send(`<db:result from='capulet.lit' to='montague.lit' type='valid'/>`);
  await peer.reads(/id='first'.*<\/message>/);
  return { world, peer };
}

test('XEP-0478 §3.1: announces the largest element to clients, before and after authentication', async (t) => {
  const server = await startServer(t, {
    config: `modules_enabled = ["stream_limits"]\n[hosts."montague.lit"]`,
  });
  await server.account('romeo@montague.lit');
  const client = server.connect();
  const announced = async () => (await client.open('montague.lit')).getChild('limits', NS)?.toString();
  assert.equal(await announced(), `<limits xmlns='${NS}'><max-bytes>10240</max-bytes></limits>`);
  const token = Buffer.from('\0romeo\0secret').toString('base64');
  client.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${token}</auth>`);
  await client.receives(`<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>`);
  assert.equal(await announced(), `<limits xmlns='${NS}'><max-bytes>491520</max-bytes></limits>`);
});

test('XEP-0478 §3.1: accepts from authenticated servers what was announced to them', async (t) => {
  const world = await startWorld(t, { modules: ['dialback', 'stream_limits'] });
  const peer = world.call();
  peer.send(
    `<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback' from='capulet.lit' to='montague.lit' version='1.0'>`,
  );
  const maxBytes = Number(/<max-bytes>(\d+)</.exec(await peer.reads('</stream:features>'))?.[1]);
  const verified = await world.verified();
  const stanza = (bytes: number) => {
    const [before, after] = [
      `<message from='juliet@capulet.lit' to='romeo@montague.lit'><body>`,
      '</body></message>',
    ];
    return before + 'a'.repeat(bytes - before.length - after.length) + after;
  };
  verified.send(stanza(maxBytes));
  await settled();
  assert.equal(world.arrived.length, 1);
  verified.send(stanza(maxBytes + 1));
  assert.match(await verified.readsToEnd(), /<policy-violation/);
});

test("XEP-0478 §4: returns stanzas that exceed the peer's limit to their senders, and keeps the link", async (t) => {
  const { world, peer } = await linked(t, '<max-bytes>10000</max-bytes>');
  world.send(message(10_001, 'large'));
  world.send(message(10_000, 'fits'));
  await peer.reads(/^<message id='fits'/);
  const [error] = world.arrived;
  assert.equal(error?.attrs.id, 'large');
  assert.equal(error?.attrs.from, 'juliet@capulet.lit');
  const reason = error?.getChild('error');
  assert.equal(reason?.attrs.type, 'modify');
  assert.equal(reason?.attrs.by, undefined, 'the limit is that of the peer');
  assert.ok(reason?.getChild('policy-violation', STANZAS));
  assert.match(reason?.getChildText('text', STANZAS) ?? '', /10000 bytes/);
});

test('XEP-0478 §4: compares the size after serialization, in bytes', async (t) => {
  const { world, peer } = await linked(t, '<max-bytes>10000</max-bytes>');
  world.send(message(10_004, 'wide', '€'));
  world.send(
    `<message id='escaped' from='romeo@montague.lit' to='juliet@capulet.lit'><body>${'&amp;'.repeat(1_990)}</body></message>`,
  );
  world.send(message(200, 'last'));
  await peer.reads(/^<message id='last'/);
  assert.deepEqual(
    world.arrived.map(({ attrs }) => attrs.id),
    ['wide', 'escaped'],
  );
});

test("RFC 6120 §8.2.3: the sender of a request gets an error if the answer exceeds its server's limit", async (t) => {
  const { world, peer } = await linked(t, '<max-bytes>10000</max-bytes>');
  world.send(
    `<iq type='result' id='q1' from='romeo@montague.lit' to='juliet@capulet.lit'><vCard xmlns='vcard-temp'><NOTE>${'a'.repeat(10_000)}</NOTE></vCard></iq>`,
  );
  const text = await peer.reads('</iq>');
  const answer = parseXml(text);
  assert.equal(answer.attrs.type, 'error');
  assert.equal(answer.attrs.id, 'q1');
  assert.ok(answer.getChild('error')?.getChild('policy-violation', STANZAS));
  assert.deepEqual(world.arrived, []);
});

for (const [what, limits] of Object.entries({
  'not a number': '<max-bytes>lots</max-bytes>',
  'a number beyond xs:unsignedInt': '<max-bytes>4294967296</max-bytes>',
  'too little for any stanza': '<max-bytes>1</max-bytes>',
  absent: '<idle-seconds>60</idle-seconds>',
})) {
  test(`XEP-0478 §12: ignores a limit that is ${what}`, async (t) => {
    const { world, peer } = await linked(t, limits);
    world.send(message(100_000, 'large'));
    await peer.reads(/^<message id='large'/);
    assert.deepEqual(world.arrived, []);
  });
}

test('XEP-0478 §3.1: announces to servers when idle links are closed', async (t) => {
  const idleSeconds = async (time: string) => {
    const world = await startWorld(t, { modules: ['stream_limits'], config: `s2s_idle_time = ${time}` });
    const peer = world.call();
    peer.send(
      `<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' from='capulet.lit' to='montague.lit' version='1.0'>`,
    );
    return /<idle-seconds>(\d+)</.exec(await peer.reads('</stream:features>'))?.[1];
  };
  assert.equal(await idleSeconds('"5 minutes"'), '300');
  assert.equal(await idleSeconds('"never"'), undefined);
});

const BIDI = `<bidi xmlns='urn:xmpp:features:bidi'/>`;

test('XEP-0478 §3.2: announces the limits in <bidi/> on its own bidirectional streams', async (t) => {
  const world = await startWorld(t, { modules: ['dialback', 's2s_bidi', 'stream_limits'] });
  world.send(message(200));
  const peer = await world.prepared(
    features(`<max-bytes>10000</max-bytes></limits>${BIDI}<limits xmlns='urn:x'>`),
  );
  assert.match(
    await peer.reads('</bidi>'),
    /<bidi xmlns='urn:xmpp:bidi'><limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>524288<\/max-bytes><\/limits><\/bidi>/,
  );
});

test('XEP-0478 §3.2, §4: respects the limits in the <bidi/> of a peer', async (t) => {
  const world = await startWorld(t, { modules: ['dialback', 's2s_bidi', 'stream_limits'] });
  const peer = await world.opened();
  peer.send(
    `<bidi xmlns='urn:xmpp:bidi'><limits xmlns='${NS}'><max-bytes>10000</max-bytes></limits></bidi><db:result from='capulet.lit' to='montague.lit'>key</db:result>`,
  );
  const authority = await world.prepared();
  const id = /<db:verify[^>]* id='([^']*)'/.exec(await authority.reads('</db:verify>'))![1];
  authority.send(`<db:verify from='capulet.lit' to='montague.lit' id='${id}' type='valid'/>`);
  await peer.reads(`type='valid'/>`);
  world.send(message(10_001, 'large'));
  world.send(message(10_000, 'fits'));
  await peer.reads(/^<message id='fits'/);
  assert.deepEqual(
    world.arrived.map(({ attrs }) => [attrs.id, attrs.type]),
    [['large', 'error']],
  );
});
