// A real Prosody with various DNS records.

import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { atEnd } from '../support/clean-up.ts';
import type { ZoneEntry } from '../support/dns-fixture.ts';
import { AWAY, PROSODY } from './support/addresses.ts';
import type { Prosody } from './support/prosody.ts';
import { type Federation, withProsody } from './support-security/federation.ts';

const LIMIT = { timeout: 60_000 };
const SRV = `_xmpp-server._tcp.${AWAY}`;
const DIRECT = `_xmpps-server._tcp.${AWAY}`;
/** Nothing listens there. */
const NOBODY = '127.0.0.9';
const NEITHER = { weTrust: false, theyTrust: false };

/** Starts both servers, with these records for Prosody's domain. */
async function withZone(t: TestContext, zone: Record<string, ZoneEntry>): Promise<Federation<Prosody>> {
  const federation = await withProsody(t, NEITHER);
  delete federation.dns.zone[SRV];
  Object.assign(federation.dns.zone, zone);
  return federation;
}

async function reach({ enjamb }: Federation<Prosody>): Promise<void> {
  await enjamb.command(['s2s', 'ping', AWAY]);
  await enjamb.stop();
}

interface Relay {
  port: number;
  connections: number;
}

/** A proxy to Prosody; `undefined` if this machine does not have the address. */
async function relay(t: TestContext, address: string, port = 0): Promise<Relay | undefined> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    result.connections++;
    const far = connect(PROSODY.s2s, PROSODY.address);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('error', () => to.destroy()).pipe(to);
    }
  });
  const result = { port: 0, connections: 0 };
  server.listen(port, address);
  try {
    await once(server, 'listening');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (address.includes(':') && (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT')) return undefined;
    throw error;
  }
  atEnd(t, () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const at = server.address();
  if (at !== null && typeof at === 'object') result.port = at.port;
  return result;
}

test('RFC 2782: connects to the target with the best priority', LIMIT, async (t) => {
  const good = await relay(t, '127.0.0.1');
  const federation = await withZone(t, {
    [SRV]: { SRV: [`20 0 1 nobody.example`, `10 0 ${good?.port} good.example`] },
    'good.example': { A: ['127.0.0.1'] },
  });
  await reach(federation);
  assert.ok(good && good.connections > 0);
  assert.ok(federation.dns.questions.every(({ name }) => name !== 'nobody.example'));
});

test('RFC 2782: connects to the next target if the first is dead', LIMIT, async (t) => {
  const federation = await withZone(t, {
    [SRV]: { SRV: [`0 0 ${PROSODY.s2s} nobody.example`, `1 0 ${PROSODY.s2s} prosody.example`] },
    'nobody.example': { A: [NOBODY] },
  });
  await reach(federation);
});

test('XEP-0368 §2: connects to the STARTTLS target if the first target has no TLS', LIMIT, async (t) => {
  const federation = await withZone(t, {
    [DIRECT]: { SRV: [`0 0 ${PROSODY.s2s} prosody.example`] }, // It awaits a stream header there.
    [SRV]: { SRV: [`1 0 ${PROSODY.s2s} prosody.example`] },
  });
  await reach(federation);
});

test('RFC 8305 §4: connects by IPv6 first', LIMIT, async (t) => {
  const six = await relay(t, '::1');
  if (six === undefined) t.diagnostic('this machine has no IPv6: its address is tried, and fails at once');
  const port = six?.port ?? PROSODY.s2s;
  const federation = await withZone(t, {
    [SRV]: { SRV: [`0 0 ${port} both.example`] },
    'both.example': { A: [PROSODY.address], AAAA: ['::1'] },
  });
  await reach(federation);
  if (six !== undefined) assert.ok(six.connections > 0);
});

test('RFC 8305 §5: connects by IPv4 if the IPv6 address is dead', LIMIT, async (t) => {
  const federation = await withZone(t, {
    [SRV]: { SRV: [`0 0 ${PROSODY.s2s} both.example`] },
    'both.example': { A: [PROSODY.address], AAAA: ['::1'] },
  });
  await reach(federation);
});

test('RFC 1035 §4.2.1: repeats a query over TCP if the answer is truncated', LIMIT, async (t) => {
  const federation = await withZone(t, {
    [SRV]: { SRV: [`0 0 ${PROSODY.s2s} prosody.example`], isTruncated: true },
    'prosody.example': { A: [PROSODY.address], isTruncated: true },
  });
  await reach(federation);
  const overTcp = federation.dns.questions.filter(({ transport }) => transport === 'tcp');
  assert.deepEqual(new Set(overTcp.map(({ name }) => name)), new Set([SRV, 'prosody.example']));
});

test('RFC 6120 §3.2.2: without SRV records connects to the domain itself, port 5269', LIMIT, async (t) => {
  const usual = await relay(t, PROSODY.address, 5269);
  const federation = await withZone(t, { [AWAY]: { A: [PROSODY.address] } });
  await reach(federation);
  assert.ok(usual && usual.connections > 0);
});

test('RFC 7673: accepts a certificate without a known authority if TLSA records match', LIMIT, async (t) => {
  const federation = await withZone(t, {});
  const { dns, enjamb, theirCertificates } = federation;
  dns.isValidating = true;
  for (const [record, port] of [
    [SRV, PROSODY.s2s],
    [DIRECT, PROSODY.s2sDirectTls],
  ] as const) {
    dns.zone[record] = { SRV: [`0 0 ${port} prosody.example`] };
    dns.zone[`_${port}._tcp.prosody.example`] = { TLSA: [await tlsaOf(theirCertificates)] };
  }
  await enjamb.command(['s2s', 'ping', AWAY]);
  const links = await enjamb.list('s2s', 'list', AWAY);
  const out = links.find(({ direction }) => direction !== 'in');
  assert.deepEqual([out?.secure, out?.certificate], [true, true]);
  await enjamb.stop();
});

test(
  'RFC 6698 §4.1: refuses a certificate that does not match the TLSA records, and says why',
  LIMIT,
  async (t) => {
    const federation = await withZone(t, {
      [SRV]: { SRV: [`0 0 ${PROSODY.s2s} prosody.example`] },
      [`_${PROSODY.s2s}._tcp.prosody.example`]: { TLSA: [`3 1 1 ${'00'.repeat(32)}`] },
    });
    federation.dns.isValidating = true;
    const { enjamb } = federation;
    await assert.rejects(enjamb.command(['s2s', 'ping', AWAY]), /does not answer/);
    const [link] = await enjamb.list('s2s', 'list', AWAY);
    assert.match(String(link?.error), /does not match its TLSA records/);
    await enjamb.stop();
  },
);

async function tlsaOf(certificates: string): Promise<string> {
  const { publicKey } = new X509Certificate(await readFile(join(certificates, `${AWAY}.crt`)));
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return `3 1 1 ${createHash('sha256').update(der).digest('hex')}`;
}
