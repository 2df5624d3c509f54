// The ledger of a host (item `s2s-ledger`), and the cost of an exception in each method (docs/adr/0028).

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { StanzaLedger } from '../../../src/api/ledger.ts';
import { xml } from '../../../src/xml/element.ts';
import { StanzaError } from '../../../src/xml/errors.ts';
import { type RawPeer, settled } from '../../support/duplex.ts';
import { assertFaults } from '../../support/server.ts';
import { startWorld, type World } from './harness.ts';

const ROMEO = 'romeo@montague.lit/orchard';

function fails(): never {
  throw new Error('miscounted');
}

function send(world: World, id: string | number): void {
  world.send(`<message id='${id}' from='${ROMEO}' to='juliet@capulet.lit'/>`);
}

function says(peer: RawPeer, id: string): void {
  peer.send(`<message id='${id}' from='juliet@capulet.lit' to='${ROMEO}'/>`);
}

const reached = (peer: RawPeer, id: string | number) => peer.reads(new RegExp(`<message id='${id}'`));

/** Stanzas that arrived for romeo, errors with their condition. */
function arrived({ arrived: stanzas }: World): string[] {
  return stanzas.map((stanza) => {
    const condition = stanza.getChild('error')?.elements()[0]?.name;
    return condition === undefined ? `${stanza.attrs.id}` : `${stanza.attrs.id} ${condition}`;
  });
}

/** Both streams with capulet.lit are open; then the ledger begins to fail. */
async function failing(t: TestContext, ledger: Partial<StanzaLedger>) {
  const world = await startWorld(t);
  let isFailing = false;
  const methods = Object.entries(ledger).map(([name, method]) => {
    const call = (...args: never[]) =>
      isFailing ? (method as (...args: never[]) => unknown)(...args) : undefined;
    return [name, call];
  });
  world.countWith(Object.fromEntries(methods));
  const back = await world.verified();
  send(world, 'first');
  const out = await world.accepted();
  await reached(out, 'first');
  isFailing = true;
  const heal = () => {
    isFailing = false;
  };
  return { world, out, back, heal };
}

test('open throws: the stanzas flow on the new stream, uncounted', async (t) => {
  const world = await startWorld(t);
  world.countWith({ open: fails });
  send(world, 1);
  await reached(await world.accepted(), 1);
  assertFaults(world.host.faults, { handler: 1 });
});

test('sent throws: the stanza returns to its sender, and the stream ends', async (t) => {
  const { world, out } = await failing(t, { sent: fails });
  send(world, 1);
  assert.match(await out.readsToEnd(), /<internal-server-error/);
  assert.deepEqual(arrived(world), ['1 internal-server-error']);
  assertFaults(world.host.faults, { handler: 1 });
});

test('sent throws a StanzaError: the stanza returns to its sender, and the stream stays open', async (t) => {
  const refusal = new StanzaError('resource-constraint');
  const { world, out } = await failing(t, {
    sent: (_, { attrs }) => {
      if (attrs.id === '1') throw refusal;
      return undefined;
    },
  });
  send(world, 1);
  send(world, 2);
  await reached(out, 2);
  assert.deepEqual(arrived(world), ['1 resource-constraint']);
});

test('sent refuses: the stanza is not written', async (t) => {
  const { world, out } = await failing(t, {
    sent: (_, { attrs }) => (attrs.id === '1' ? 'refused' : undefined),
  });
  send(world, 1);
  send(world, 2);
  assert.doesNotMatch(await reached(out, 2), /id='1'/);
  assert.deepEqual(arrived(world), []);
});

test('received throws: the stanza is handled, and the stream stays open', async (t) => {
  const { world, back } = await failing(t, { received: fails });
  says(back, 'a');
  await settled();
  assert.deepEqual(arrived(world), ['a']);
  assert.equal(back.ended, false);
  assertFaults(world.host.faults, { handler: 1 });
});

test('received takes a stanza: it is neither routed nor counted', async (t) => {
  const counted: unknown[] = [];
  const { world, back } = await failing(t, {
    received: (_, { attrs }) => (attrs.id === 'a' ? 'handled' : undefined),
    handled: (_, { attrs }) => void counted.push(attrs.id),
  });
  says(back, 'a');
  says(back, 'b');
  await settled();
  assert.deepEqual([arrived(world), counted], [['b'], ['b']]);
});

test('handled throws: the stream ends, since its count is wrong', async (t) => {
  const { world, back, out } = await failing(t, { handled: fails });
  says(back, 'a');
  assert.match(await back.readsToEnd(), /<internal-server-error/);
  assert.deepEqual(arrived(world), ['a']);
  assert.equal(out.ended, false);
  assertFaults(world.host.faults, { handler: 1 });
});

test('closing throws: the stream is closed in order', async (t) => {
  const { world, out, heal } = await failing(t, { closing: fails });
  world.server.links.list().links[0]!.carrier!.close();
  await out.reads('</stream:stream>');
  heal();
  assertFaults(world.host.faults, { handler: 1 });
});

test('unacknowledged throws: written stanzas are not sent again, and the next stream carries', async (t) => {
  const { world, out, heal } = await failing(t, { unacknowledged: fails });
  await world.clock.advance(20_000);
  out.drop();
  await settled();
  heal();
  send(world, 2);
  assert.doesNotMatch(await reached(await world.accepted(), 2), /first/);
  assertFaults(world.host.faults, { handler: 1 });
});

test('mayResend throws: the stanza is sent again, since twice is better than lost', async (t) => {
  const kept = [xml('message', { id: 'again', from: ROMEO, to: 'juliet@capulet.lit' })];
  const { world, out, heal } = await failing(t, {
    unacknowledged: () => kept.splice(0),
    mayResend: fails,
  });
  await world.clock.advance(20_000);
  out.drop();
  await settled();
  await reached(await world.accepted(), 'again');
  heal();
  assertFaults(world.host.faults, { handler: 2 }); // As it waits, and as it leaves.
});

test('describe throws: the link is listed, with nothing unacknowledged', async (t) => {
  const { world } = await failing(t, { describe: fails });
  const { commands } = world.server;
  const { rows } = await commands.run('s2s list', {}, { by: 'test' });
  assert.equal(rows?.length, 2);
  assert.ok(rows?.every(({ unacknowledged }) => unacknowledged === 0));
  assertFaults(world.host.faults, { handler: 2 });
});
