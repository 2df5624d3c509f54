// XEP-0220 in all roles: as receiving, initiating and authoritative server.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyFor } from '../../modules/dialback/key.ts';
import { auth, DIALBACK_FEATURE, header, refused, startWorld, type World } from '../src/s2s/harness.ts';
import { type RawPeer, settled } from '../support/duplex.ts';
import { parseXml } from '../support/match.ts';

const STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas';
const CLAIM = `<db:result from='capulet.lit' to='montague.lit'>key</db:result>`;
const MESSAGE = `<message from='juliet@capulet.lit' to='romeo@montague.lit'/>`;

/** Reads the answer to a claim; fails if anything else arrives. */
async function answerTo(peer: RawPeer): Promise<string> {
  const text = await peer.reads(/<db:result [^>]*\/>|<\/db:result>/);
  const error = new RegExp(`<error type='\\w+'><([\\w-]+) xmlns='${STANZAS}'`).exec(text)?.[1];
  assert.match(text, /^<db:result from='[\w.]+' to='[\w.]+' type='\w+'/);
  const [, from, to, type] = /from='([\w.]+)' to='([\w.]+)' type='(\w+)'/.exec(text)!;
  return [from, to, type, error].filter((word) => word !== undefined).join(' ');
}

/** A peer has claimed to be capulet.lit, and the authoritative server has got the request. */
async function verifying(world: World): Promise<{ peer: RawPeer; authority: RawPeer; id: string }> {
  const peer = world.call();
  peer.send(header());
  const greeting = await peer.reads('</stream:features>');
  peer.send(CLAIM);
  const authority = await world.prepared();
  const asked = await authority.reads('</db:verify>');
  const id = / id='([\w-]{20})'/.exec(greeting)![1]!;
  assert.equal(asked, `<db:verify from='montague.lit' to='capulet.lit' id='${id}'>key</db:verify>`);
  return { peer, authority, id };
}

function verdict(id: string, type: string, from = 'capulet.lit', to = 'montague.lit'): string {
  return `<db:verify from='${from}' to='${to}' id='${id}' type='${type}'/>`;
}

// ── A peer claims to be capulet.lit ──────────────────────────────────────────────────────────────────────────

test('XEP-0220 §2.2.1: accepts a claim that the authoritative server confirms, and then its stanzas', async (t) => {
  const world = await startWorld(t);
  const { peer, authority, id } = await verifying(world);
  authority.send(verdict(id, 'valid'));
  assert.equal(await answerTo(peer), 'montague.lit capulet.lit valid');
  peer.send(MESSAGE);
  await settled();
  assert.equal(world.arrived.length, 1);
  assert.deepEqual(world.events, ['open in capulet.lit']);
});

test('XEP-0220 §2.2.1: a claim that the authoritative server denies is invalid and ends the stream', async (t) => {
  const world = await startWorld(t);
  const { peer, authority, id } = await verifying(world);
  authority.send(verdict(id, 'invalid'));
  assert.equal(await answerTo(peer), 'montague.lit capulet.lit invalid');
  assert.match(await peer.readsToEnd(), /<not-authorized /);
  assert.deepEqual(world.events, []);
});

test('XEP-0220 §2.4.2: an authoritative server that returns an error or is unreachable does not end the stream', async (t) => {
  const world = await startWorld(t);
  const { peer, authority, id } = await verifying(world);
  authority.send(verdict(id, 'error'));
  assert.equal(await answerTo(peer), 'montague.lit capulet.lit error remote-server-not-found');
  authority.drop();
  await settled();
  world.answer = refused;
  peer.send(CLAIM);
  assert.equal(await answerTo(peer), 'montague.lit capulet.lit error remote-server-not-found');
  assert.equal(peer.ended, false);
});

test('XEP-0220 §2.1.1: returns an error if the authoritative server does not answer in time', async (t) => {
  const world = await startWorld(t);
  const { peer, authority, id } = await verifying(world);
  await world.clock.advance(30_000);
  assert.equal(await answerTo(peer), 'montague.lit capulet.lit error remote-server-timeout');
  authority.send(verdict(id, 'valid'));
  peer.send(MESSAGE);
  assert.match(await peer.readsToEnd(), /<not-authorized /, 'a late answer is ignored');
});

test('XEP-0220 §2.4.2: returns an error immediately if the stream to the authoritative server ends', async (t) => {
  for (const end of ['</stream:stream>', undefined]) {
    const world = await startWorld(t);
    const { peer, authority } = await verifying(world);
    if (end === undefined) authority.drop();
    else authority.send(end);
    assert.equal(await answerTo(peer), 'montague.lit capulet.lit error remote-server-timeout');
  }
});

test('XEP-0220 §3.1: accepts a verdict only on the stream on which it was requested', async (t) => {
  const world = await startWorld(t);
  const { peer, authority, id } = await verifying(world);
  const forger = await world.opened({ from: 'evil.lit' });
  forger.send(verdict(id, 'valid'));
  peer.send(verdict(id, 'valid'));
  await settled();
  assert.equal(peer.unread, '');
  const known = await world.verified('evil.lit');
  known.send(verdict(id, 'valid'));
  await settled();
  assert.equal(peer.unread, '');
  authority.send(verdict(id, 'valid'));
  assert.equal(await answerTo(peer), 'montague.lit capulet.lit valid');
});

test('XEP-0220 §2.1.2: accepts a verdict only for the requested domains and stream id', async (t) => {
  const world = await startWorld(t);
  const { peer, authority, id } = await verifying(world);
  for (const wrong of [
    verdict(`${id}x`, 'valid'),
    verdict(id, 'valid', 'evil.lit'),
    verdict(id, 'valid', 'capulet.lit', 'verona.lit'),
    `<db:verify from='capulet.lit' to='montague.lit' type='valid'/>`,
  ]) {
    authority.send(wrong);
  }
  await settled();
  assert.equal(peer.unread, '');
  authority.send(verdict(id, 'valid'));
  assert.equal(await answerTo(peer), 'montague.lit capulet.lit valid');
  authority.send(verdict(id, 'valid'));
  await settled();
  assert.equal(peer.unread, '', 'once');
});

test('a key is valid for one stream: each stream of a peer is verified with its own key', async (t) => {
  const world = await startWorld(t);
  const { peer, authority, id } = await verifying(world);
  const other = await world.opened();
  other.send(CLAIM);
  const asked = await authority.reads('</db:verify>');
  assert.doesNotMatch(asked, new RegExp(id));
  authority.send(verdict(id, 'valid'));
  assert.equal(await answerTo(peer), 'montague.lit capulet.lit valid');
  await settled();
  assert.equal(other.unread, '');
});

test('XEP-0220 §2.2.1: a claim for an unknown domain gets item-not-found without a connection', async (t) => {
  const world = await startWorld(t);
  const peer = await world.opened();
  peer.send(`<db:result from='capulet.lit' to='nobody.lit'>key</db:result>`);
  assert.equal(await answerTo(peer), 'nobody.lit capulet.lit error item-not-found');
  assert.deepEqual(world.called, []);
});

/** A claim for another domain of ours than the stream's, and the answer to it. */
async function claimsVerona(world: World, peer: RawPeer, type = 'valid'): Promise<string> {
  peer.send(`<db:result from='capulet.lit' to='verona.lit'>key2</db:result>`);
  const authority = await world.prepared(DIALBACK_FEATURE, { to: 'verona.lit' });
  const asked = await authority.reads('</db:verify>');
  assert.match(asked, /^<db:verify from='verona.lit' to='capulet.lit' id='[^']*'>key2</);
  const id = / id='([^']*)'/.exec(asked)![1]!;
  authority.send(verdict(id, type, 'capulet.lit', 'verona.lit'));
  return answerTo(peer);
}

const TO_VERONA = `<message from='juliet@capulet.lit' to='romeo@verona.lit'/>`;

test('XEP-0220 §2.2.1: a verified peer may claim another of our domains on the same stream', async (t) => {
  const world = await startWorld(t);
  const arrived: string[] = [];
  const { hooks } = world.server.router.hosts.get('verona.lit')!;
  hooks.add('message/bare', ({ stanza }) => void arrived.push(`${stanza}`), 'guard', 'test');
  const peer = await world.verified();
  assert.equal(await claimsVerona(world, peer), 'verona.lit capulet.lit valid');
  peer.send(`${TO_VERONA}${MESSAGE}`);
  await settled();
  assert.deepEqual([arrived.length, world.arrived.length], [1, 1]);
});

test('XEP-0220 §2.2.1: either domain may be claimed first', async (t) => {
  const world = await startWorld(t);
  const peer = await world.opened();
  assert.equal(await claimsVerona(world, peer), 'verona.lit capulet.lit valid');
  peer.send(CLAIM);
  const authority = await world.prepared();
  const id = / id='([^']*)'/.exec(await authority.reads('</db:verify>'))![1]!;
  authority.send(verdict(id, 'valid'));
  assert.equal(await answerTo(peer), 'montague.lit capulet.lit valid');
});

test('RFC 6120 §8.1.1.2: a peer that is verified for another domain may not send to the domain of the stream', async (t) => {
  const world = await startWorld(t);
  const peer = await world.opened();
  assert.equal(await claimsVerona(world, peer), 'verona.lit capulet.lit valid');
  peer.send(MESSAGE);
  assert.match(await peer.readsToEnd(), /<host-unknown /);
});

test('s2s close ends streams that are verified for another of our domains', async (t) => {
  const world = await startWorld(t);
  const peer = await world.opened();
  assert.equal(await claimsVerona(world, peer), 'verona.lit capulet.lit valid');
  world.server.links.closeDomain('capulet.lit');
  await peer.reads('</stream:stream>');
});

test('RFC 6120 §6.3.4: offers no SASL to a peer that is verified for any of our domains', async (t) => {
  const world = await startWorld(t);
  const peer = await world.opened();
  assert.equal(await claimsVerona(world, peer), 'verona.lit capulet.lit valid');
  peer.send(auth('capulet.lit'));
  assert.match(await peer.readsToEnd(), /<policy-violation /);
});

test('RFC 3920 §8.3: accepts a header without version and `to`; each key names our domain', async (t) => {
  const world = await startWorld(t);
  const peer = world.call();
  peer.send(header({ from: '', to: '', version: '' }));
  const answer = await peer.reads(/<stream:stream [^>]*>/);
  assert.doesNotMatch(answer, / (from|to)=/);
  assert.equal(await claimsVerona(world, peer), 'verona.lit capulet.lit valid');
  peer.send(CLAIM);
  const authority = await world.prepared();
  const id = / id='([^']*)'/.exec(await authority.reads('</db:verify>'))![1]!;
  assert.match(answer, new RegExp(` id='${id}'`));
  authority.send(verdict(id, 'valid'));
  assert.equal(await answerTo(peer), 'montague.lit capulet.lit valid');
  peer.send(MESSAGE);
  await settled();
  assert.equal(world.arrived.length, 1);
});

test('XEP-0220 §2.1.2: an invalid claim for a second domain does not end the first', async (t) => {
  const world = await startWorld(t);
  const peer = await world.verified();
  assert.equal(await claimsVerona(world, peer, 'invalid'), 'verona.lit capulet.lit error forbidden');
  peer.send(MESSAGE);
  await settled();
  assert.equal(world.arrived.length, 1);
  peer.send(TO_VERONA);
  assert.match(await peer.readsToEnd(), /<host-unknown /);
});

test("XEP-0220 §2.2.1: the policy of the claimed domain applies, not that of the stream's domain", async (t) => {
  const world = await startWorld(t, { verona: 's2s_block = ["capulet.lit"]' });
  const peer = await world.verified();
  peer.send(`<db:result from='capulet.lit' to='verona.lit'>key2</db:result>`);
  assert.equal(await answerTo(peer), 'verona.lit capulet.lit error not-allowed');
});

test('XEP-0220 §2.4.2: opens no connection for a claim that the policy refuses', async (t) => {
  const world = await startWorld(t, { config: 's2s_secure_auth = true\ns2s_insecure_domains = ["old.lit"]' });
  const peer = await world.opened();
  peer.send(CLAIM);
  assert.equal(await answerTo(peer), 'montague.lit capulet.lit error not-authorized');
  assert.deepEqual(world.called, []);
  const old = await world.verified('old.lit');
  old.send(`<message from='ann@old.lit' to='romeo@montague.lit'/>`);
  await settled();
  assert.equal(world.arrived.length, 1);
});

test('refuses a claim of one of our own domains without a connection to ourselves', async (t) => {
  const world = await startWorld(t);
  const peer = await world.opened({ from: 'verona.lit' });
  for (const from of ['verona.lit', 'montague.lit']) {
    peer.send(`<db:result from='${from}' to='montague.lit'>key</db:result>`);
    assert.equal(await answerTo(peer), `montague.lit ${from} error not-allowed`);
  }
  assert.deepEqual(world.called, []);
});

test('a claim without addresses, or with addresses that are not domains, ends the stream', async (t) => {
  const world = await startWorld(t);
  for (const attributes of [
    '',
    `from='capulet.lit'`,
    `from='juliet@capulet.lit' to='montague.lit'`,
    `from='@' to='@'`,
  ]) {
    for (const name of ['result', 'verify']) {
      const peer = await world.opened();
      peer.send(`<db:${name} ${attributes}>key</db:${name}>`);
      assert.match(await peer.readsToEnd(), /<improper-addressing /);
    }
  }
});

test('one stream cannot cause many connections simultaneously, or two to one server', async (t) => {
  const world = await startWorld(t);
  const peer = await world.opened();
  const claim = (from: string) => peer.send(`<db:result from='${from}' to='montague.lit'>key</db:result>`);
  for (let i = 0; i < 20; i++) claim(`victim${i}.lit`);
  for (let i = 8; i < 20; i++) {
    assert.equal(await answerTo(peer), `montague.lit victim${i}.lit error resource-constraint`);
  }
  claim('victim0.lit');
  assert.equal(await answerTo(peer), 'montague.lit victim0.lit error resource-constraint');
  assert.equal(world.called.length, 8);
  peer.send(`<db:result from='long.lit' to='montague.lit'>${'k'.repeat(2_000)}</db:result>`);
  assert.equal(await answerTo(peer), 'montague.lit long.lit error policy-violation');
  await world.clock.advance(30_000);
  for (let i = 0; i < 8; i++) await answerTo(peer);
  claim('next.lit');
  await settled();
  assert.equal(world.called.at(-1), 'next.lit', 'it may claim again when these have ended');
});

test('many streams together cause connections to at most 250 servers simultaneously', async (t) => {
  const world = await startWorld(t);
  const peers = await Promise.all(
    Array.from({ length: 64 }, (_, i) => world.opened({}, { remoteAddress: `192.0.2.${i}` })),
  );
  for (const [i, peer] of peers.entries()) {
    for (let j = 0; j < 8; j++) {
      peer.send(`<db:result from='v${i * 8 + j}.lit' to='montague.lit'>key</db:result>`);
    }
  }
  await settled(50);
  assert.equal(world.called.length, 250);
  const refused = peers.flatMap(({ unread }) => [...unread.matchAll(/<resource-constraint /g)]);
  assert.equal(refused.length, 64 * 8 - 250, 'the others are refused immediately');
});

test('a second domain on a stream is verified separately; its failure does not end the first', async (t) => {
  const world = await startWorld(t);
  const peer = await world.verified('capulet.lit');
  const claim = async (type: string) => {
    peer.send(`<db:result from='rooms.capulet.lit' to='montague.lit'>key2</db:result>`);
    const authority = await world.prepared();
    const id = / id='([^']*)'/.exec(await authority.reads('</db:verify>'))![1]!;
    authority.send(verdict(id, type, 'rooms.capulet.lit'));
    const answer = await answerTo(peer);
    authority.drop();
    await settled();
    return answer;
  };
  assert.equal(await claim('invalid'), 'montague.lit rooms.capulet.lit error forbidden');
  peer.send(MESSAGE);
  await settled();
  assert.equal(world.arrived.length, 1);
  assert.equal(await claim('valid'), 'montague.lit rooms.capulet.lit valid');
  peer.send(`<message from='hall@rooms.capulet.lit' to='romeo@montague.lit'/>`);
  peer.send('</stream:stream>');
  await settled();
  assert.equal(world.arrived.length, 2);
  assert.deepEqual(
    world.events.filter((event) => event.includes(' in ')),
    [
      'open in capulet.lit',
      'open in rooms.capulet.lit',
      'close in capulet.lit clean',
      'close in rooms.capulet.lit clean',
    ],
  );
});

test('a claimant that disconnects during verification is forgotten', async (t) => {
  const world = await startWorld(t);
  const { peer, authority, id } = await verifying(world);
  peer.drop();
  await settled();
  authority.send(verdict(id, 'valid'));
  await settled();
  assert.deepEqual(world.events, []);
});

// ── We claim to be montague.lit ────────────────────────────────────────────────────────────────────────────────

test('XEP-0220 §3: an unsolicited result ends the stream, whatever it is', async (t) => {
  const world = await startWorld(t);
  for (const type of ['valid', 'invalid', 'error']) {
    const peer = await world.opened();
    peer.send(`<db:result from='capulet.lit' to='montague.lit' type='${type}'/>${MESSAGE}`);
    assert.match(await peer.readsToEnd(), /<not-authorized /);
  }
  assert.deepEqual(world.arrived, []);
  assert.deepEqual(world.events, []);
});

test('XEP-0220 §3: accepts a result only from the server that we called, for its own domain', async (t) => {
  const world = await startWorld(t);
  world.send(`<message from='romeo@montague.lit' to='juliet@evil.lit'/>`);
  const peer = await world.claimed();
  peer.send(`<db:result from='capulet.lit' to='montague.lit' type='valid'/>`);
  await peer.readsToEnd();
  assert.deepEqual(world.events, ['failed evil.lit for now']);
});

test('XEP-0220 §2.1.1: accepts one answer to a request', async (t) => {
  const world = await startWorld(t);
  world.send(`<message from='romeo@montague.lit' to='juliet@capulet.lit'/>`);
  const peer = await world.accepted();
  await peer.reads('<message');
  peer.send(`<db:result from='capulet.lit' to='montague.lit' type='valid'/>`);
  await peer.readsToEnd();
  assert.deepEqual(world.events, ['open out capulet.lit', 'close out capulet.lit stream-error']);
});

// ── We are the authoritative server of montague.lit ───────────────────────────────────────────────────────────────────

test('XEP-0220 §2.2.2: confirms our key only for its domains and its stream', async (t) => {
  const world = await startWorld(t);
  world.send(`<message from='romeo@montague.lit' to='juliet@capulet.lit'/>`);
  const called = await world.prepared();
  const key = /<db:result [^>]*>(\w+)</.exec(await called.reads('</db:result>'))![1]!;
  const asker = await world.opened();
  const ask = async (text: string, from = 'capulet.lit', to = 'montague.lit', id = 'S1') => {
    asker.send(`<db:verify from='${from}' to='${to}' id='${id}'>${text}</db:verify>`);
    const answer = await asker.reads(/<db:verify [^>]*\/>|<\/db:verify>/);
    assert.match(answer, new RegExp(`^<db:verify from='${to}' to='${from}' id='${id}' type='`));
    return /type='(\w+)'/.exec(answer)![1];
  };
  assert.equal(await ask(key), 'valid');
  assert.equal(await ask(key), 'valid', 'a key may be verified twice');
  assert.equal(await ask(`${key.slice(1)}0`), 'invalid');
  assert.equal(await ask(''), 'invalid');
  assert.equal(await ask(key, 'evil.lit'), 'invalid');
  assert.equal(await ask(key, 'capulet.lit', 'montague.lit', 'S2'), 'invalid');
  assert.equal(await ask(key, 'capulet.lit', 'verona.lit'), 'invalid');
  assert.equal(await ask(key, 'capulet.lit', 'nobody.lit'), 'error');
  assert.equal(await ask(key, 'capulet.lit', 'montague.lit'), 'valid');
  assert.deepEqual(world.events, [], 'a request authenticates no one');
});

test('XEP-0220 §2.1.2: confirms a key of another of our domains on the same stream', async (t) => {
  const world = await startWorld(t);
  const verona = world.server.router.hosts.get('verona.lit')!;
  const message = `<message from='romeo@verona.lit' to='juliet@capulet.lit'/>`;
  world.server.router.route(parseXml(message), verona.origin);
  const called = await world.prepared(DIALBACK_FEATURE, { to: 'verona.lit' });
  const key = /<db:result [^>]*>(\w+)</.exec(await called.reads('</db:result>'))![1]!;
  const asker = await world.opened({ to: 'montague.lit' });
  for (const [text, type] of Object.entries({ [key]: 'valid', wrong: 'invalid' })) {
    asker.send(`<db:verify from='capulet.lit' to='verona.lit' id='S1'>${text}</db:verify>`);
    assert.equal(
      await asker.reads('/>'),
      `<db:verify from='verona.lit' to='capulet.lit' id='S1' type='${type}'/>`,
    );
  }
});

test('XEP-0185 §3: computes the keys of its examples', () => {
  assert.equal(
    keyFor('s3cr3tf0rd14lb4ck', 'montague.example', 'capulet.example', 'D60000229F'),
    'b4835385f37fe2895af6c196b59097b16862406db80559900d96bf6fa7d23df3',
  );
});

test('keys stay valid when the module is reloaded', async (t) => {
  const world = await startWorld(t);
  world.send(`<message from='romeo@montague.lit' to='juliet@capulet.lit'/>`);
  const called = await world.prepared();
  const key = /<db:result [^>]*>(\w+)</.exec(await called.reads('</db:result>'))![1]!;
  await world.server.commands.run('module reload', { name: 'dialback' }, { by: 'test' });
  const asker = await world.opened();
  asker.send(`<db:verify from='capulet.lit' to='montague.lit' id='S1'>${key}</db:verify>`);
  await asker.reads(`type='valid'/>`);
});

test('peers of one site that have not authenticated may send 100 internationalized names', async (t) => {
  const world = await startWorld(t);
  const ask = (n: number) =>
    `<db:verify from='b\u00FCcher${n}.example' to='montague.lit' id='1'>key</db:verify>`;
  const first = await world.opened();
  for (let n = 0; n < 100; n++) first.send(ask(n));
  await settled(50);
  assert.equal(first.unread.match(/type='invalid'/g)?.length, 100);
  const second = await world.opened();
  second.send(ask(100));
  assert.match(await second.readsToEnd(), /<policy-violation /);
  const third = await world.opened({}, { remoteAddress: '198.51.100.1' });
  third.send(ask(101));
  await third.reads(`type='invalid'/>`);
  first.send(`<db:verify from='capulet.lit' to='montague.lit' id='1'>key</db:verify>`);
  await first.reads(`to='capulet.lit' id='1' type='invalid'/>`);
  await world.clock.advance(1_000);
  first.send(ask(102));
  await first.reads(`to='b\u00FCcher102.example' id='1' type='invalid'/>`);
});
