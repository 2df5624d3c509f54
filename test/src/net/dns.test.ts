import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import * as dnsPacket from 'dns-packet';
import { Resolver } from '../../../src/net/dns.ts';
import { NetError } from '../../../src/net/errors.ts';
import { dnsFixture } from '../../support/dns-fixture.ts';
import { randomFrom } from '../../support/random.ts';
import { temporaryDirectory } from './certificate-fixture.ts';

const NO_HOSTS = '/nonexistent/hosts';

function resolver(server: string, timeoutMs = 2_000): Resolver {
  return new Resolver({ servers: [server], hostsFile: NO_HOSTS, timeoutMs });
}

test('A and AAAA records are answered together', async (t) => {
  const dns = await dnsFixture(t, { 'montague.lit': { A: ['192.0.2.1'], AAAA: ['2001:db8::1'] } });
  const { records, exists } = await resolver(dns.address).resolveAddresses('Montague.LIT.');
  assert.deepEqual(records, [
    { address: '2001:db8::1', family: 6 },
    { address: '192.0.2.1', family: 4 },
  ]);
  assert.equal(exists, true);
});

test('RFC 1035 §4.2.1: a truncated answer is requested again over TCP', async (t) => {
  const SRV = Array.from({ length: 40 }, (_, index) => `10 0 ${5000 + index} host${index}.capulet.lit`);
  const dns = await dnsFixture(t, { '_xmpp-server._tcp.capulet.lit': { SRV } });
  dns.misbehave = (response, { transport }, send) => {
    if (transport === 'tcp') send(response);
    else send({ ...response, flags: (response.flags ?? 0) | dnsPacket.TRUNCATED_RESPONSE, answers: [] });
  };
  const { records } = await resolver(dns.address).resolveSrv('_xmpp-server._tcp.capulet.lit');
  assert.equal(records.length, 40);
  assert.deepEqual(
    dns.questions.map(({ transport }) => transport),
    ['udp', 'tcp'],
  );
});

test('RFC 5452 §9: answers with another id or to another question are ignored', async (t) => {
  const dns = await dnsFixture(t, { 'montague.lit': { A: ['192.0.2.1'] } });
  const forged = { type: 'A', name: 'montague.lit', ttl: 60, data: '203.0.113.66' } as const;
  dns.misbehave = (response, _question, send) => {
    send({ ...response, id: ((response.id ?? 0) + 1) & 0xffff, answers: [forged] });
    send({ ...response, questions: [{ type: 'A', name: 'other.lit' }], answers: [forged] });
    send({ ...response, type: 'query', answers: [forged] });
    send(response);
  };
  const { records } = await resolver(dns.address).resolveAddresses('montague.lit');
  assert.deepEqual(records, [{ address: '192.0.2.1', family: 4 }]);
});

test('records of other names in an answer are ignored', async (t) => {
  const dns = await dnsFixture(t, { 'montague.lit': { A: ['192.0.2.1'] } });
  dns.misbehave = (response, _question, send) => {
    const stray = { type: 'A', name: 'bank.lit', ttl: 60, data: '203.0.113.66' } as const;
    send({ ...response, answers: [stray, ...(response.answers ?? [])] });
  };
  const asked = resolver(dns.address);
  assert.equal((await asked.resolveAddresses('montague.lit')).records.length, 1);
  dns.misbehave = undefined;
  assert.equal((await asked.resolveAddresses('bank.lit')).records.length, 0);
});

test('RFC 2308: a name that does not exist is an answer, no answer is an error', async (t) => {
  const dns = await dnsFixture(t, { 'empty.lit': {} });
  const asked = resolver(dns.address);
  assert.equal((await asked.resolveAddresses('nowhere.lit')).exists, false);
  assert.deepEqual(await asked.resolveAddresses('empty.lit'), {
    records: [],
    exists: true,
    authenticated: false,
  });
  dns.misbehave = () => {};
  await assert.rejects(resolver(dns.address, 50).resolveAddresses('silent.lit'), (error: NetError) => {
    assert.equal(error.code, 'dns-failed');
    assert.equal(error.permanent, false);
    assert.match(error.message, /silent\.lit could not be looked up .*did not answer within 0\.05 s/);
    return true;
  });
});

test('if a server fails, asks the next', async (t) => {
  const broken = await dnsFixture(t);
  broken.misbehave = (response, _question, send) => send({ ...response, flags: 2 });
  const good = await dnsFixture(t, { 'montague.lit': { A: ['192.0.2.1'] } });
  const both = new Resolver({ servers: [broken.address, good.address], hostsFile: NO_HOSTS });
  assert.equal((await both.resolveAddresses('montague.lit')).records.length, 1);
  assert.ok(broken.questions.length > 0);
});

test('RFC 6891 §6.2.2: a server without EDNS is asked again without it', async (t) => {
  const dns = await dnsFixture(t, { '_xmpp-server._tcp.old.lit': { SRV: ['0 0 5269 a.old.lit'] } });
  dns.misbehave = (response, _question, send) => {
    if (dns.questions.length === 1) send({ type: 'response', id: response.id ?? 0, flags: 1 });
    else send(response);
  };
  const { records } = await resolver(dns.address).resolveSrv('_xmpp-server._tcp.old.lit');
  assert.deepEqual(records, [{ priority: 0, weight: 0, port: 5269, target: 'a.old.lit' }]);
});

test('aliases are followed, in one answer or by more questions, up to a limit', async (t) => {
  const dns = await dnsFixture(t, {
    'www.lit': { CNAME: 'montague.lit' },
    'montague.lit': { A: ['192.0.2.1'] },
  });
  const asked = resolver(dns.address);
  assert.equal((await asked.resolveAddresses('www.lit')).records.length, 1);
  // A server that does not recurse gives one alias at a time.
  dns.misbehave = (response, { name }, send) => {
    const next = `${Number.parseInt(name, 10) + 1}.loop.lit`;
    send({ ...response, flags: 0, answers: [{ type: 'CNAME', name, ttl: 60, data: next }] });
  };
  dns.questions.length = 0;
  await assert.rejects(asked.resolveSrv('1.loop.lit'), /alias/);
  assert.ok(dns.questions.length <= 10);
});

test('a lookup ends in time with any number of silent servers', async (t) => {
  const silent = await dnsFixture(t);
  silent.misbehave = () => {};
  const servers = [silent.address, silent.address, silent.address];
  const asked = new Resolver({ servers, hostsFile: NO_HOSTS, timeoutMs: 100, lookupMs: 150 });
  await assert.rejects(asked.resolveSrv('a.lit'), {
    code: 'dns-failed',
    message: /took longer than 0\.15 s/,
  });
  // A timer may fire a little early: then one more is asked.
  assert.ok(silent.questions.length <= 3, `asked ${silent.questions.length} times`);
});

test('at most 64 records of an answer are used', async (t) => {
  const SRV = Array.from({ length: 100 }, (_, n) => `0 0 ${5000 + n} host${n}.lit`);
  const dns = await dnsFixture(t, { 'many.lit': { SRV, isTruncated: true } });
  const { records } = await resolver(dns.address).resolveSrv('many.lit');
  assert.deepEqual(
    records.map(({ port }) => port),
    Array.from({ length: 64 }, (_, n) => 5000 + n),
  );
});

test('an answer is cached for its time to live, and simultaneous lookups ask once', async (t) => {
  const dns = await dnsFixture(t, {
    'a.lit': { SRV: ['0 0 1 x.lit'], ttl: 10 },
    'zero.lit': { SRV: ['0 0 1 x.lit'], ttl: 0 },
  });
  let now = 0;
  const clock = { now: () => now, elapsed: () => now, after: () => ({ cancel() {} }) };
  const cached = new Resolver({ servers: [dns.address], hostsFile: NO_HOSTS, clock });
  await Promise.all([cached.resolveSrv('a.lit'), cached.resolveSrv('a.lit')]);
  now = 9_999;
  await cached.resolveSrv('a.lit');
  assert.equal(dns.questions.length, 1);
  now = 10_000;
  await cached.resolveSrv('a.lit');
  assert.equal(dns.questions.length, 2);
  await cached.resolveSrv('zero.lit');
  await cached.resolveSrv('zero.lit');
  assert.equal(dns.questions.length, 4);
  // Negative answers are good for half a minute.
  await cached.resolveSrv('none.lit');
  now += 29_000;
  await cached.resolveSrv('none.lit');
  assert.equal(dns.questions.length, 5);
  now += 1_000;
  await cached.resolveSrv('none.lit');
  assert.equal(dns.questions.length, 6);
});

test('RFC 4035: the AD flag is passed on from a configured server', async (t) => {
  const dns = await dnsFixture(t, { 'a.lit': { SRV: ['0 0 1 x.lit'] }, 'b.lit': { SRV: ['0 0 1 x.lit'] } });
  const asked = resolver(dns.address);
  assert.equal((await asked.resolveSrv('a.lit')).authenticated, false);
  dns.isValidating = true;
  assert.equal((await asked.resolveSrv('b.lit')).authenticated, true);
});

test('RFC 6698 §4.1: the AD flag is trusted from validating resolvers on this machine, or from all', () => {
  const believes = (server: string, believesAll = false) =>
    new Resolver({ servers: [server], believesAll }).believesAny;
  assert.equal(believes('127.0.0.1'), true);
  assert.equal(believes('127.0.0.53:53'), true);
  assert.equal(believes('[::1]:53'), true);
  assert.equal(believes('192.0.2.1'), false);
  assert.equal(believes('127.0.0.11'), false, "Docker's only passes on what others say");
  assert.equal(believes('192.0.2.1', true), true);
});

test('RFC 6840 §5.7: a question requests the AD flag, except with checking disabled', async (t) => {
  const dns = await dnsFixture(t, { 'a.lit': { SRV: ['0 0 1 x.lit'], dnssec: 'bogus' } });
  await assert.rejects(resolver(dns.address).resolveSrv('a.lit'), {
    code: 'dns-bogus',
    message: 'a.lit could not be looked up (SRV): its DNSSEC signatures are not valid',
  });
  assert.deepEqual(
    dns.questions.map(({ wantsAd, unchecked }) => [wantsAd, unchecked]),
    [
      [true, false],
      [true, false],
      [false, true],
    ],
  );
  // Broken for everybody is another matter.
  dns.misbehave = (response, _question, send) => send({ ...response, flags: 2, answers: [] });
  await assert.rejects(resolver(dns.address).resolveSrv('a.lit'), { code: 'dns-failed' });
});

test('RFC 6698 §2: TLSA records', async (t) => {
  const hex = 'ab'.repeat(32);
  const dns = await dnsFixture(t, { '_5269._tcp.xmpp.lit': { TLSA: [`3 1 1 ${hex}`], dnssec: 'secure' } });
  assert.deepEqual(await resolver(dns.address).resolveTlsa('_5269._tcp.xmpp.lit'), {
    records: [{ usage: 3, selector: 1, matching: 1, data: Buffer.from(hex, 'hex') }],
    exists: true,
    authenticated: true,
  });
});

test('the hosts file precedes the DNS for addresses, and changes apply immediately', async (t) => {
  const dns = await dnsFixture(t, { 'montague.lit': { A: ['192.0.2.1'] } });
  const hostsFile = join(await temporaryDirectory(t), 'hosts');
  await writeFile(hostsFile, '# local\n127.0.0.7\tMontague.lit  www.montague.lit # both\nnonsense x.lit\n');
  const asked = new Resolver({ servers: [dns.address], hostsFile });
  const first = await asked.resolveAddresses('montague.lit');
  assert.deepEqual(first.records, [{ address: '127.0.0.7', family: 4 }]);
  assert.equal(dns.questions.length, 0);
  await writeFile(hostsFile, '::7 montague.lit\n127.0.0.8 montague.lit\n');
  const second = await asked.resolveAddresses('montague.lit');
  assert.deepEqual(
    second.records.map(({ address }) => address),
    ['::7', '127.0.0.8'],
  );
});

test('RFC 6761 §6.3: localhost, what is below it, and IP literals never go to the DNS', async (t) => {
  const dns = await dnsFixture(t);
  const asked = resolver(dns.address);
  for (const name of ['localhost', 'rooms.localhost', 'LOCALHOST.']) {
    assert.deepEqual((await asked.resolveAddresses(name)).records, [
      { address: '::1', family: 6 },
      { address: '127.0.0.1', family: 4 },
    ]);
  }
  assert.deepEqual((await asked.resolveSrv('_xmpp-server._tcp.rooms.localhost')).records, []);
  assert.deepEqual((await asked.resolveAddresses('[2001:db8::5]')).records, [
    { address: '2001:db8::5', family: 6 },
  ]);
  assert.deepEqual((await asked.resolveAddresses('192.0.2.9')).records, [
    { address: '192.0.2.9', family: 4 },
  ]);
  assert.deepEqual(dns.questions, []);
});

test('names that the DNS cannot represent do not exist, and are not requested', async (t) => {
  const dns = await dnsFixture(t);
  const asked = resolver(dns.address);
  for (const name of ['', '..', 'a..b', `${'x'.repeat(64)}.lit`, 'a b.lit', `${'abcdefg.'.repeat(40)}lit`]) {
    assert.equal((await asked.resolveAddresses(name)).exists, false, name);
    assert.equal((await asked.resolveSrv(name)).exists, false, name);
  }
  assert.deepEqual(dns.questions, []);
});

test('RFC 5890: an international name is requested as A-labels', async (t) => {
  const dns = await dnsFixture(t, { 'xn--bcher-kva.lit': { A: ['192.0.2.1'] } });
  assert.equal((await resolver(dns.address).resolveAddresses('bücher.lit')).records.length, 1);
});

test('ignores garbage in place of an answer until the time limit', async (t) => {
  const dns = await dnsFixture(t);
  dns.misbehave = (response, _question, send) => send({ ...response, questions: [] });
  await assert.rejects(resolver(dns.address, 30).resolveSrv('a.lit'), /did not answer/);
});

test('a server that is no address gives a clear error', () => {
  for (const server of ['dns.example', '1.2.3.4:0', '1.2.3.4:99999', '[::1', '']) {
    assert.throws(() => new Resolver({ servers: [server] }), /is no DNS server/);
  }
  for (const server of ['127.0.0.1', '127.0.0.1:5353', '::1', '[::1]:5353', '[::1]']) {
    assert.doesNotThrow(() => new Resolver({ servers: [server] }));
  }
});

// The system refuses these as it does without a route, or without the address family. Nothing is sent.
for (const [server, which] of [
  ['255.255.255.255', 'IPv4'],
  ['fe80::1%nowhere', 'IPv6'],
] as const) {
  test(`a name server that the system refuses to reach fails the lookup immediately (${which})`, async () => {
    const unreachable = new Resolver({ servers: [server], hostsFile: NO_HOSTS, timeoutMs: 60_000 });
    await assert.rejects(unreachable.resolveSrv('_xmpp-server._tcp.montague.lit'), {
      code: 'dns-failed',
      permanent: false,
      message: /montague\.lit could not be looked up \(SRV\): DNS server .* cannot be reached: /,
    });
  });
}

test('a lookup ends with records or a NetError for any bytes as an answer', async (t) => {
  const udp = createSocket('udp4');
  t.after(() => udp.close());
  const random = randomFrom(20_261_128);
  // An answer that nobody can read is waited out. So that no lookup has to wait, a refusal follows each of them.
  udp.on('message', (query, from) => {
    udp.send(spoilt(properAnswer(query), random), from.port, from.address);
    udp.send(refusal(query), from.port, from.address);
  });
  udp.bind(0, '127.0.0.1');
  await once(udp, 'listening');
  const asked = resolver(`127.0.0.1:${udp.address().port}`, 10_000);
  const results: PromiseSettledResult<unknown>[] = [];
  // A few at a time: the system drops packets for a socket that many wait for.
  for (let index = 0; index < 150; index++) {
    const name = `host${index}.lit`;
    const lookups = [asked.resolveAddresses(name), asked.resolveSrv(name), asked.resolveTlsa(name)];
    results.push(...(await Promise.allSettled(lookups)));
  }
  const isUnderstood = (result: PromiseSettledResult<unknown>): boolean =>
    result.status === 'fulfilled' || result.reason instanceof NetError;
  assert.deepEqual(
    results.filter((result) => !isUnderstood(result)),
    [],
  );
  assert.ok(results.some(({ status }) => status === 'fulfilled'));
});

/** All kinds of records that we read, whatever was asked for. */
function properAnswer(query: Buffer): Buffer {
  const { id = 0, questions = [] } = dnsPacket.decode(query);
  const name = questions[0]!.name;
  const tlsa = { usage: 3, selector: 1, matchingType: 1, certificate: Buffer.alloc(32) };
  return dnsPacket.encode({
    type: 'response',
    id,
    questions,
    answers: [
      { type: 'CNAME', name, ttl: 60, data: `alias.${name}` },
      { type: 'A', name, ttl: 60, data: '192.0.2.1' },
      { type: 'AAAA', name, ttl: 60, data: '2001:db8::1' },
      { type: 'SRV', name, ttl: 60, data: { port: 5269, target: name } },
      { type: 'TLSA', name, ttl: 60, data: tlsa },
    ],
  });
}

function refusal(query: Buffer): Buffer {
  const REFUSED = 5;
  const { id = 0, questions = [] } = dnsPacket.decode(query);
  return dnsPacket.encode({ type: 'response', flags: REFUSED, id, questions });
}

/** With some other bytes behind the question, so that it still answers it. */
function spoilt(packet: Buffer, random: () => number): Buffer {
  const { questions = [] } = dnsPacket.decode(packet);
  const start = dnsPacket.encode({ type: 'query', questions }).length;
  for (let left = 1 + Math.floor(random() * 4); left > 0; left--)
    packet[start + Math.floor(random() * (packet.length - start))] = Math.floor(random() * 256);
  return packet;
}
