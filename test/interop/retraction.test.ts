// XEP-0424: slixmpp retracts a message; its recipient, with a fresh profile, finds a tombstone.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ENJAMB } from './support/addresses.ts';
import { run } from './support/program.ts';
import { PASSWORD } from './support/world.ts';
import { JULIET, ROMEO, type Scene, scene } from './support-archive/scene.ts';

/** Debian's, for which its packages install slixmpp. */
const PYTHON = '/usr/bin/python3';
const SCRIPT = fileURLToPath(new URL('support-archive/slixmpp_retraction.py', import.meta.url));

async function slixmpp({ caPath }: Scene, jid: string, ...contact: string[]): Promise<string[]> {
  const args = ['-W', 'ignore', SCRIPT, jid, PASSWORD, ENJAMB.address, `${ENJAMB.c2s}`, caPath, ...contact];
  const { code, stdout, stderr } = await run(PYTHON, args, { limitMs: 90_000 });
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as string[];
}

test('XEP-0424 §5: what slixmpp retracts is a tombstone in both archives; the old form of slixmpp 1.8 is archived', {
  timeout: 120_000,
}, async (t) => {
  const there = await scene(t);
  const [secret, , , retraction] = await slixmpp(there, ROMEO, JULIET);
  for (const account of [JULIET, ROMEO]) {
    const [tombstone = '', old = '', kept = '', by = '', byOld = '', ...others] = await slixmpp(
      there,
      account,
    );
    assert.deepEqual(others, []);
    assert.doesNotMatch(tombstone, /<body|secret/);
    assert.match(tombstone, new RegExp(`<message [^>]*id="${secret}"`));
    assert.match(
      tombstone,
      new RegExp(`<retracted xmlns="urn:xmpp:message-retract:1" [^>]*id="${retraction}"`),
    );
    assert.match(old, /<body>old form</);
    assert.match(kept, /<body>kept</);
    assert.match(by, new RegExp(`<retract xmlns="urn:xmpp:message-retract:1" id="${secret}"`));
    assert.match(byOld, /urn:xmpp:message-retract:0/);
  }
  await there.enjamb.stop();
});
