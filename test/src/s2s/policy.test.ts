// The domains that a host communicates with: s2s_allow and s2s_block.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settled } from '../../support/duplex.ts';
import { testConfig } from '../../support/server.ts';
import { header, startWorld, type World } from './harness.ts';

function send(world: World, id: string | number, to = 'juliet@capulet.lit'): void {
  world.send(`<message id='${id}' from='romeo@montague.lit' to='${to}'/>`);
}

/** The errors that romeo got, as `id condition type`. */
function bounced({ arrived }: World): string[] {
  return arrived.map((stanza) => {
    const error = stanza.getChild('error');
    return `${stanza.attrs.id} ${error?.elements()[0]?.name} ${error?.attrs.type}`;
  });
}

const CASES: readonly { config: string; allowed: readonly string[]; refused: readonly string[] }[] = [
  {
    config: 's2s_block = ["capulet.lit"]',
    allowed: ['rooms.capulet.lit', 'verona.example'],
    refused: ['capulet.lit'],
  },
  {
    config: 's2s_block = ["*.capulet.lit"]',
    allowed: ['capulet.lit', 'notcapulet.lit'],
    refused: ['rooms.capulet.lit', 'a.b.capulet.lit'],
  },
  {
    config: 's2s_allow = ["capulet.lit", "*.capulet.lit"]',
    allowed: ['capulet.lit', 'rooms.capulet.lit'],
    refused: ['verona.example', 'notcapulet.lit'],
  },
  {
    config: 's2s_allow = ["*.capulet.lit"]\ns2s_block = ["Rooms.Capulet.LIT"]',
    allowed: ['chat.capulet.lit'],
    refused: ['capulet.lit', 'rooms.capulet.lit'],
  },
];

for (const { config, allowed, refused } of CASES) {
  test(`${config.replace('\n', ', ')}: nothing is sent and no server called; the error is that of RFC 6120 §8.3.3.10`, async (t) => {
    const world = await startWorld(t, { config });
    for (const domain of [...allowed, ...refused]) send(world, domain, domain);
    await settled();
    assert.deepEqual(world.called, allowed);
    assert.deepEqual(
      bounced(world),
      refused.map((domain) => `${domain} not-allowed cancel`),
    );
  });

  test(`${config.replace('\n', ', ')}: such a peer is refused`, async (t) => {
    const world = await startWorld(t, { config });
    for (const from of refused) {
      const peer = world.call();
      peer.send(header({ from }));
      assert.match(await peer.readsToEnd(), /<policy-violation /);
      const other = await world.opened({ from: allowed[0]! });
      other.send(`<db:result from='${from}' to='montague.lit'>key</db:result>`);
      assert.match(await other.reads('</db:result>'), /type='error'.*<not-allowed /);
    }
    assert.deepEqual(world.called, []);
    await world.opened({ from: allowed.at(-1)! });
  });
}

test('a changed list closes the streams that it no longer allows, in both directions', async (t) => {
  const world = await startWorld(t);
  const incoming = await world.verified();
  send(world, 1);
  const outgoing = await world.accepted();
  await outgoing.reads('<message');
  send(world, 2, 'juliet@verona.example');
  const other = await world.claimed();
  other.send(`<db:result from='verona.example' to='montague.lit' type='valid'/>`);
  await other.reads('<message');
  await world.server.reload(
    await testConfig(`
      modules_enabled = ["dialback"]
      s2s_block = ["capulet.lit"]
      [hosts."montague.lit"]
      [hosts."verona.lit"]
    `),
  );
  assert.match(await incoming.readsToEnd(), /<policy-violation /);
  assert.match(await outgoing.readsToEnd(), /<policy-violation /);
  send(world, 3);
  send(world, 4, 'juliet@verona.example');
  await other.reads(`<message id='4'`);
  assert.deepEqual(bounced(world), ['3 not-allowed cancel']);
});
