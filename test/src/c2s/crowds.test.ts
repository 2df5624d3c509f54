// Many strangers, and many words of one client: others do not feel them, and nothing of them stays.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Connection } from '../../../src/net/connection.ts';
import { FakeClock } from '../../support/clock.ts';
import { connectedPair, settled } from '../../support/duplex.ts';
import { startServer, type TestServer } from '../../support/server.ts';

const HEADER = `<stream:stream to='capulet.lit' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`;
const ROMEO = 'romeo@capulet.lit/orchard';

async function start(t: TestContext): Promise<{ clock: FakeClock; net: TestServer }> {
  const clock = new FakeClock();
  const config = `modules_enabled = ["message", "presence"]\n[hosts."capulet.lit"]`;
  return { clock, net: await startServer(t, { config, clock }) };
}

test('2,000 connections that never authenticate do not keep clients out, and are gone after 60 s', async (t) => {
  const { clock, net } = await start(t);
  const says = ['', '<stream:str', HEADER, `${HEADER}<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'`];
  const strangers: Connection[] = [];
  for (let n = 0; n < 2_000; n++) {
    const { connection, peer } = connectedPair({ clock, faults: net.server.faults });
    net.server.acceptClient(connection);
    peer.send(says[n % says.length]!);
    strangers.push(connection);
  }
  const romeo = await net.client(ROMEO);
  await romeo.receivesNothing();
  assert.equal(strangers.filter(({ closed }) => !closed).length, 2_000);
  await clock.advance(61_000);
  await clock.advance(6_000);
  await settled();
  assert.equal(strangers.filter(({ closed }) => !closed).length, 0);
  await romeo.receivesNothing();
});

for (const when of ['before login', 'after login']) {
  test(`RFC 6120 §4.9.3.14: an element nested 100,000 times ends its stream ${when}, and no other`, async (t) => {
    const { net } = await start(t);
    const romeo = await net.client(ROMEO);
    const hostile = when === 'after login' ? await net.client('tybalt@capulet.lit/x') : net.connect();
    if (when === 'before login') await hostile.open('capulet.lit');
    hostile.send(`<message>${'<a>'.repeat(100_000)}`);
    const error = await hostile.next();
    assert.ok(error.getChild('policy-violation', 'urn:ietf:params:xml:ns:xmpp-streams'), `${error}`);
    await hostile.closed();
    await romeo.receivesNothing();
  });
}
