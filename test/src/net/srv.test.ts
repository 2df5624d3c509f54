import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Resolver } from '../../../src/net/dns.ts';
import { order, targetsFor } from '../../../src/net/srv.ts';
import { type DnsFixture, dnsFixture } from '../../support/dns-fixture.ts';

function resolver(dns: DnsFixture): Resolver {
  return new Resolver({ servers: [dns.address], hostsFile: '/nonexistent', timeoutMs: 300 });
}

const records = fc.array(
  fc.record({
    priority: fc.nat(3),
    weight: fc.nat(65535),
    port: fc.integer({ min: 1, max: 65535 }),
    target: fc.domain(),
  }),
);

test('RFC 2782: each record is tried once, lower priorities first', () => {
  const dice = fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }));
  fc.assert(
    fc.property(records, dice, (given, throws) => {
      const ordered = order(given, () => throws.next().value ?? 0);
      assert.equal(ordered.length, given.length);
      assert.deepEqual(new Set(ordered), new Set(given));
      const priorities = ordered.map(({ priority }) => priority);
      assert.deepEqual(
        priorities,
        priorities.toSorted((a, b) => a - b),
      );
    }),
  );
});

test('RFC 2782: within a priority, the first is chosen in proportion to the weights', () => {
  const given = [
    { priority: 1, weight: 0, port: 1, target: 'none' },
    { priority: 1, weight: 10, port: 2, target: 'some' },
    { priority: 1, weight: 30, port: 3, target: 'most' },
  ];
  const first = new Map<string, number>();
  // Every possible throw once: 0 … 40.
  for (let dice = 0; dice <= 40; dice++) {
    const target = order(given, () => dice / 41 + 1e-9)[0]?.target ?? '';
    first.set(target, (first.get(target) ?? 0) + 1);
  }
  assert.deepEqual(Object.fromEntries(first), { none: 1, some: 10, most: 30 });
});

test('RFC 6120 §3.2.1: SRV records give hosts and ports', async (t) => {
  const dns = await dnsFixture(t, {
    '_xmpp-server._tcp.capulet.lit': {
      SRV: ['20 0 5269 backup.capulet.lit', '10 0 5270 xmpp.capulet.lit', '10 0 0 .'],
    },
    '_xmpps-server._tcp.capulet.lit': { SRV: ['5 0 443 tls.capulet.lit'] },
  });
  dns.isValidating = true;
  assert.deepEqual(await targetsFor(resolver(dns), 'capulet.lit', 'xmpp-server'), [
    { host: 'tls.capulet.lit', port: 443, directTls: true, authenticated: true },
    { host: 'xmpp.capulet.lit', port: 5270, directTls: false, authenticated: true },
    { host: 'backup.capulet.lit', port: 5269, directTls: false, authenticated: true },
  ]);
});

test('XEP-0368 §2: priorities and weights of both kinds are mixed', async (t) => {
  const dns = await dnsFixture(t, {
    '_xmpp-server._tcp.capulet.lit': { SRV: ['10 10 5269 a.lit', '20 0 5269 c.lit'] },
    '_xmpps-server._tcp.capulet.lit': { SRV: ['10 30 443 b.lit', '15 0 443 m.lit'] },
  });
  const hosts = async (dice: number): Promise<string[]> => {
    const targets = await targetsFor(resolver(dns), 'capulet.lit', 'xmpp-server', () => dice);
    return targets.map(({ host, directTls }) => `${host}${directTls ? ' tls' : ''}`);
  };
  assert.deepEqual(await hosts(0), ['a.lit', 'b.lit tls', 'm.lit tls', 'c.lit']);
  assert.deepEqual(await hosts(0.99), ['b.lit tls', 'a.lit', 'm.lit tls', 'c.lit']);
});

test('XEP-0368 §4: a domain that declines direct TLS is reached by its other records, and needs one', async (t) => {
  const declined = { SRV: ['0 0 0 .'] };
  const dns = await dnsFixture(t, {
    'capulet.lit': { A: ['192.0.2.1'] },
    '_xmpp-server._tcp.capulet.lit': { SRV: ['0 0 5269 a.lit'] },
    '_xmpps-server._tcp.capulet.lit': declined,
    'mantua.lit': { A: ['192.0.2.1'] },
    '_xmpps-server._tcp.mantua.lit': declined,
  });
  const targets = await targetsFor(resolver(dns), 'capulet.lit', 'xmpp-server');
  assert.deepEqual(
    targets.map(({ host, directTls }) => [host, directTls]),
    [['a.lit', false]],
  );
  await assert.rejects(targetsFor(resolver(dns), 'mantua.lit', 'xmpp-server'), {
    code: 'no-service',
    permanent: true,
  });
});

test('XEP-0368 §2: direct TLS alone is enough, and has no fallback of its own', async (t) => {
  const dns = await dnsFixture(t, {
    'capulet.lit': { A: ['192.0.2.1'] },
    '_xmpps-server._tcp.capulet.lit': { SRV: ['0 0 443 b.lit'] },
    '_xmpp-server._tcp.verona.lit': { SRV: ['0 0 0 .'] },
    '_xmpps-server._tcp.verona.lit': { SRV: ['0 0 443 b.lit'] },
  });
  for (const domain of ['capulet.lit', 'verona.lit']) {
    assert.deepEqual(await targetsFor(resolver(dns), domain, 'xmpp-server'), [
      { host: 'b.lit', port: 443, directTls: true, authenticated: false },
    ]);
  }
});

test('RFC 6120 §3.2.2: without SRV records the domain itself is the target', async (t) => {
  const dns = await dnsFixture(t, { 'capulet.lit': { A: ['192.0.2.1'] } });
  assert.deepEqual(await targetsFor(resolver(dns), 'capulet.lit', 'xmpp-server'), [
    { host: 'capulet.lit', port: 5269, directTls: false, authenticated: false },
  ]);
  assert.equal((await targetsFor(resolver(dns), 'capulet.lit', 'xmpp-client'))[0]?.port, 5222);
});

test('RFC 7673 §3.1: the fallback is secure only if the absence of SRV records is', async (t) => {
  const dns = await dnsFixture(t, {
    'capulet.lit': { A: ['192.0.2.1'], dnssec: 'secure' },
    'verona.lit': { A: ['192.0.2.1'], dnssec: 'secure' },
    '_xmpp-server._tcp.verona.lit': { dnssec: 'secure' },
    '_xmpps-server._tcp.verona.lit': { dnssec: 'secure' },
  });
  const first = async (domain: string) => (await targetsFor(resolver(dns), domain, 'xmpp-server'))[0];
  assert.equal((await first('capulet.lit'))?.authenticated, false);
  assert.equal((await first('verona.lit'))?.authenticated, true);
});

test('RFC 7673 §3.1: bogus or missing answers about SRV records do not cause the fallback', async (t) => {
  const dns = await dnsFixture(t, {
    'capulet.lit': { A: ['192.0.2.1'], dnssec: 'insecure' },
    '_xmpp-server._tcp.capulet.lit': { SRV: ['0 0 5269 a.lit'], dnssec: 'bogus' },
    'verona.lit': { A: ['192.0.2.1'], dnssec: 'secure' },
    'mantua.lit': { A: ['192.0.2.1'], dnssec: 'insecure' },
  });
  await assert.rejects(targetsFor(resolver(dns), 'capulet.lit', 'xmpp-server'), {
    code: 'dns-bogus',
    permanent: false,
    message: /DNSSEC signatures are not valid/,
  });
  dns.misbehave = (response, { type }, send) => {
    if (type !== 'SRV') send(response);
  };
  await assert.rejects(targetsFor(resolver(dns), 'verona.lit', 'xmpp-server'), { code: 'dns-failed' });
  assert.equal((await targetsFor(resolver(dns), 'mantua.lit', 'xmpp-server'))[0]?.host, 'mantua.lit');
});

test('RFC 6120 §3.2.1: without a response about SRV records, the fallback is used too', async (t) => {
  const dns = await dnsFixture(t, { 'capulet.lit': { A: ['192.0.2.1'] } });
  dns.misbehave = (response, { type }, send) => {
    if (type !== 'SRV') send(response);
  };
  assert.equal((await targetsFor(resolver(dns), 'capulet.lit', 'xmpp-server'))[0]?.host, 'capulet.lit');
  await assert.rejects(targetsFor(resolver(dns), 'nowhere.lit', 'xmpp-server'), {
    code: 'dns-failed',
    permanent: false,
  });
});

test('RFC 2782: the target "." means that the service does not exist', async (t) => {
  const dns = await dnsFixture(t, {
    'capulet.lit': { A: ['192.0.2.1'] },
    '_xmpp-server._tcp.capulet.lit': { SRV: ['0 0 0 .'] },
  });
  await assert.rejects(targetsFor(resolver(dns), 'capulet.lit', 'xmpp-server'), {
    code: 'no-service',
    permanent: true,
  });
});

test('a domain that does not exist differs from a DNS that does not answer', async (t) => {
  const dns = await dnsFixture(t, { 'empty.lit': {} });
  await assert.rejects(targetsFor(resolver(dns), 'nowhere.lit', 'xmpp-server'), {
    code: 'no-such-domain',
    permanent: true,
    message: 'nowhere.lit does not exist in the DNS',
  });
  await assert.rejects(targetsFor(resolver(dns), 'empty.lit', 'xmpp-server'), {
    code: 'no-service',
    permanent: true,
  });
  dns.misbehave = () => {};
  await assert.rejects(targetsFor(resolver(dns), 'silent.lit', 'xmpp-server'), {
    code: 'dns-failed',
    permanent: false,
  });
});

test('RFC 6120 §3.2: an IP literal is its own target', async (t) => {
  const dns = await dnsFixture(t);
  const [target] = await targetsFor(resolver(dns), '[2001:db8::1]', 'xmpp-server');
  assert.deepEqual(target, { host: '[2001:db8::1]', port: 5269, directTls: false, authenticated: true });
  assert.equal((await targetsFor(resolver(dns), 'localhost', 'xmpp-server'))[0]?.host, 'localhost');
  assert.deepEqual(dns.questions, []);
});

test('only the best 16 targets of a domain are used', async (t) => {
  const SRV = Array.from({ length: 50 }, (_, n) => `${n} 0 5269 host${n}.many.lit`);
  const dns = await dnsFixture(t, {
    '_xmpp-server._tcp.many.lit': { SRV, isTruncated: true },
    '_xmpps-server._tcp.many.lit': { SRV, isTruncated: true },
  });
  const resolver = new Resolver({ servers: [dns.address], hostsFile: '/nonexistent/hosts' });
  const targets = await targetsFor(resolver, 'many.lit', 'xmpp-server');
  assert.equal(targets.length, 16);
  assert.deepEqual(
    new Set(targets.map(({ host }) => Number(/\d+/.exec(host)))),
    new Set([0, 1, 2, 3, 4, 5, 6, 7]),
  );
});
