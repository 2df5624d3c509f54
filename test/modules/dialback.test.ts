// XEP-0220, as the server that is called, as the one that calls, and as the one that is asked.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyFor } from '../../modules/dialback/key.ts';
import { auth, DIALBACK_FEATURE, header, refused, startWorld, type World } from '../src/s2s/harness.ts';
import { type RawPeer, settled } from '../support/duplex.ts';
import { parseXml } from '../support/match.ts';

const STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas';
const CLAIM = `<db:result from='capulet.lit' to='montague.lit'>key</db:result>`;
const MESSAGE = `<message from='juliet@capulet.lit' to='romeo@montague.lit'/>`;

/** The stream of a stranger, and what it has been told of its claim; nothing else may come. */
async function answerTo(peer: RawPeer): Promise<string> {
  const text = await peer.reads(/<db:result [^>]*\/>|<\/db:result>/);
  const error = new RegExp(`<error type='\\w+'><([\\w-]+) xmlns='${STANZAS}'`).exec(text)?.[1];
  assert.match(text, /^<db:result from='[\w.]+' to='[\w.]+' type='\w+'/);
  const [, from, to, type] = /from='([\w.]+)' to='([\w.]+)' type='(\w+)'/.exec(text)!;
  return [from, to, type, error].filter((word) => word !== undefined).join(' ');
}

/** A stranger has claimed to be capulet.lit, and capulet.lit has been asked. */
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

// ── Somebody claims to be capulet.lit ──────────────────────────────────────────────────────────────────────────

test('XEP-0220 §2.2.1: a claim that the authoritative server confirms is accepted, and stanzas follow', async (t) => {
  const world = await startWorld(t);
  const { peer, authority, id } = await verifying(world);
  authority.send(verdict(id, 'valid'));
  assert.equal(await answerTo(peer), 'montague.lit capulet.lit valid');
  peer.send(MESSAGE);
  await settled();
  assert.equal(world.arrived.length, 1);
  assert.deepEqual(world.events, ['open in capulet.lit']);
});

test('XEP-0220 §2.2.1: a claim that it denies is invalid, and ends the stream', async (t) => {
  const world = await startWorld(t);
  const { peer, authority, id } = await verifying(world);
  authority.send(verdict(id, 'invalid'));
  assert.equal(await answerTo(peer), 'montague.lit capulet.lit invalid');
  assert.match(await peer.readsToEnd(), /<not-authorized /);
  assert.deepEqual(world.events, []);
});

test('XEP-0220 §2.4.2: an authoritative server that answers with an error, or cannot be reached, ends no stream', async (t) => {
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

test('XEP-0220 §2.1.1: an authoritative server that does not answer in time is an error', async (t) => {
  const world = await startWorld(t);
  const { peer, authority, id } = await verifying(world);
  await world.clock.advance(30_000);
  assert.equal(await answerTo(peer), 'montague.lit capulet.lit error remote-server-timeout');
  authority.send(verdict(id, 'valid'));
  peer.send(MESSAGE);
  assert.match(await peer.readsToEnd(), /<not-authorized /, 'a late answer counts for nothing');
});

test('XEP-0220 §2.4.2: when the stream ends on which was asked, the claimant hears it at once', async (t) => {
  for (const end of ['</stream:stream>', undefined]) {
    const world = await startWorld(t);
    const { peer, authority } = await verifying(world);
    if (end === undefined) authority.drop();
    else authority.send(end);
    assert.equal(await answerTo(peer), 'montague.lit capulet.lit error remote-server-timeout');
  }
});

test('XEP-0220 §3.1: a verdict counts only from the stream on which it was asked for', async (t) => {
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

test('XEP-0220 §2.1.2: a verdict counts only for the domains and the stream that were asked about', async (t) => {
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

test('the key belongs to one stream: another stream of the same peer is verified by its own', async (t) => {
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

test('XEP-0220 §2.2.1: a claim for a domain that is not configured is item-not-found, and no server is called', async (t) => {
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

test('XEP-0220 §2.2.1: a proved peer may claim another domain of ours on the same stream', async (t) => {
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

test('RFC 6120 §8.1.1.2: a peer proved for another domain only may not send to that of the stream', async (t) => {
  const world = await startWorld(t);
  const peer = await world.opened();
  assert.equal(await claimsVerona(world, peer), 'verona.lit capulet.lit valid');
  peer.send(MESSAGE);
  assert.match(await peer.readsToEnd(), /<host-unknown /);
});

test('s2s close ends the streams that a domain was proved on for another domain of ours only', async (t) => {
  const world = await startWorld(t);
  const peer = await world.opened();
  assert.equal(await claimsVerona(world, peer), 'verona.lit capulet.lit valid');
  world.server.links.closeDomain('capulet.lit');
  await peer.reads('</stream:stream>');
});

test('RFC 6120 §6.3.4: who is proved for any domain of ours negotiates no SASL', async (t) => {
  const world = await startWorld(t);
  const peer = await world.opened();
  assert.equal(await claimsVerona(world, peer), 'verona.lit capulet.lit valid');
  peer.send(auth('capulet.lit'));
  assert.match(await peer.readsToEnd(), /<policy-violation /);
});

test('RFC 3920 §8.3: a header from before XMPP 1.0 need not say whom it is for; each key does', async (t) => {
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

test('XEP-0220 §2.1.2: an invalid claim for another domain costs the proved one nothing', async (t) => {
  const world = await startWorld(t);
  const peer = await world.verified();
  assert.equal(await claimsVerona(world, peer, 'invalid'), 'verona.lit capulet.lit error forbidden');
  peer.send(MESSAGE);
  await settled();
  assert.equal(world.arrived.length, 1);
  peer.send(TO_VERONA);
  assert.match(await peer.readsToEnd(), /<host-unknown /);
});

test('XEP-0220 §2.2.1: the policy of the claimed domain decides, not that of the stream', async (t) => {
  const world = await startWorld(t, { verona: 's2s_block = ["capulet.lit"]' });
  const peer = await world.verified();
  peer.send(`<db:result from='capulet.lit' to='verona.lit'>key2</db:result>`);
  assert.equal(await answerTo(peer), 'verona.lit capulet.lit error not-allowed');
});

test('XEP-0220 §2.4.2: a claim that the policy would refuse all the same makes us call nobody', async (t) => {
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

test('nobody else can be one of our own domains, and we do not call ourselves to find out', async (t) => {
  const world = await startWorld(t);
  const peer = await world.opened({ from: 'verona.lit' });
  for (const from of ['verona.lit', 'montague.lit']) {
    peer.send(`<db:result from='${from}' to='montague.lit'>key</db:result>`);
    assert.equal(await answerTo(peer), `montague.lit ${from} error not-allowed`);
  }
  assert.deepEqual(world.called, []);
});

test('a claim without addresses, or with others than domains, ends the stream', async (t) => {
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

test('one stream cannot make us call many servers at once, nor one server twice', async (t) => {
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
  assert.equal(world.called.at(-1), 'next.lit', 'it may go on when these have ended');
});

test('many streams together cannot make us call more than 250 servers simultaneously', async (t) => {
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
  assert.equal(refused.length, 64 * 8 - 250, 'the rest is refused, and does not wait');
});

test('a second domain on the same stream is verified for itself; its failure is no end for the first', async (t) => {
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

test('a claimant that hangs up while it is verified opens nothing', async (t) => {
  const world = await startWorld(t);
  const { peer, authority, id } = await verifying(world);
  peer.drop();
  await settled();
  authority.send(verdict(id, 'valid'));
  await settled();
  assert.deepEqual(world.events, []);
});

// ── We claim to be montague.lit ────────────────────────────────────────────────────────────────────────────────

test('XEP-0220 §3: an answer to nothing ends the stream, whatever it says', async (t) => {
  const world = await startWorld(t);
  for (const type of ['valid', 'invalid', 'error']) {
    const peer = await world.opened();
    peer.send(`<db:result from='capulet.lit' to='montague.lit' type='${type}'/>${MESSAGE}`);
    assert.match(await peer.readsToEnd(), /<not-authorized /);
  }
  assert.deepEqual(world.arrived, []);
  assert.deepEqual(world.events, []);
});

test('XEP-0220 §3: nobody but the server that we have called can accept us, and it only for itself', async (t) => {
  const world = await startWorld(t);
  world.send(`<message from='romeo@montague.lit' to='juliet@evil.lit'/>`);
  const peer = await world.claimed();
  peer.send(`<db:result from='capulet.lit' to='montague.lit' type='valid'/>`);
  await peer.readsToEnd();
  assert.deepEqual(world.events, ['failed evil.lit for now']);
});

test('XEP-0220 §2.1.1: an answer counts once', async (t) => {
  const world = await startWorld(t);
  world.send(`<message from='romeo@montague.lit' to='juliet@capulet.lit'/>`);
  const peer = await world.accepted();
  await peer.reads('<message');
  peer.send(`<db:result from='capulet.lit' to='montague.lit' type='valid'/>`);
  await peer.readsToEnd();
  assert.deepEqual(world.events, ['open out capulet.lit', 'close out capulet.lit stream-error']);
});

// ── We are asked whether we are montague.lit ───────────────────────────────────────────────────────────────────

test('XEP-0220 §2.2.2: a key of ours is valid for the domains and the stream that it was made for, and for no other', async (t) => {
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
  assert.equal(await ask(key), 'valid', 'nothing is remembered, and nothing used up');
  assert.equal(await ask(`${key.slice(1)}0`), 'invalid');
  assert.equal(await ask(''), 'invalid');
  assert.equal(await ask(key, 'evil.lit'), 'invalid');
  assert.equal(await ask(key, 'capulet.lit', 'montague.lit', 'S2'), 'invalid');
  assert.equal(await ask(key, 'capulet.lit', 'verona.lit'), 'invalid');
  assert.equal(await ask(key, 'capulet.lit', 'nobody.lit'), 'error');
  assert.equal(await ask(key, 'capulet.lit', 'montague.lit'), 'valid');
  assert.deepEqual(world.events, [], 'asking authenticates nobody');
});

test('XEP-0220 §2.1.2: a peer may ask about a key of one of our domains on its stream to another one', async (t) => {
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

test('XEP-0185 §3: keys are made as in its examples', () => {
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
