// A failing name server: existing links carry on, a message that needs a lookup bounces, and new links come up as
// soon as the name server answers again.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AWAY, HALLS } from '../support/addresses.ts';
import {
  BENVOLIO,
  comesBack,
  endsUnharmed,
  JULIET,
  type NoWay,
  noWay,
  ROMEO,
  recovers,
  says,
} from './scene.ts';

const LIMIT = { timeout: 120_000 };
const ROOM = `hall@${HALLS}`;
/** More than two rounds of 3 s for each of SRV and addresses. */
const LOOKUP_MS = 20_000;

const MODES = {
  refuses: 'refuses to answer',
  silent: 'is silent',
  garbage: 'answers garbage',
  others: 'answers what nobody has asked',
} as const;

for (const [mode, title] of Object.entries(MODES) as [keyof typeof MODES, string][]) {
  test(`the name server ${title}`, LIMIT, async (t) => {
    const there = await noWay(t);
    await throughFailure(
      there,
      () => there.dns.behave(mode),
      () => there.dns.behave('proper'),
    );
  });
}

test('the port of the name server is closed', LIMIT, async (t) => {
  const there = await noWay(t);
  await throughFailure(
    there,
    () => there.dns.stop(),
    () => there.dns.start(),
  );
});

async function throughFailure(
  there: NoWay,
  fail: () => Promise<void>,
  heal: () => Promise<void>,
): Promise<void> {
  const { romeo, benvolio, juliet } = there;
  await says(romeo, [juliet, JULIET], 'before', 15_000);
  await fail();
  await says(romeo, [juliet, JULIET], 'over the link that is there');
  await says(juliet, [romeo, ROMEO], 'back over it');
  await says(romeo, [benvolio, BENVOLIO], 'and here');
  const condition = await comesBack(romeo, ROOM, 'to a domain without a link', LOOKUP_MS);
  assert.equal(condition, 'remote-server-timeout');
  await says(romeo, [juliet, JULIET], 'still over the link');
  await heal();
  await recovers(romeo, HALLS);
  await recovers(romeo, AWAY);
  await endsUnharmed(there);
}
