// The machine has no route, or only IPv4, or only IPv6. Local and remote users talk before, during and after. The
// server stays up, loses no accepted message, and recovers by itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { AWAY } from '../support/addresses.ts';
import { Talk } from '../support/talk.ts';
import { until } from '../support/waiting.ts';
import {
  BENVOLIO,
  comesBack,
  DNS_FOUR,
  DNS_SIX,
  endsUnharmed,
  JULIET,
  noWay,
  ROMEO,
  recovers,
  says,
} from './scene.ts';

const LIMIT = { timeout: 120_000 };
const NO_IPV6 = 'net.ipv6.conf.all.disable_ipv6';
/** Long enough for the dead link to be noticed, and for several attempts to make another one. */
const OUTAGE_MS = 12_000;
const ROUTELESS_MS = 5_000;

test(
  'the server starts without a network, and reaches others when the cable is plugged in',
  LIMIT,
  async (t) => {
    const there = await noWay(t, { before: ({ cable }) => cable.unplug() });
    const { romeo, benvolio, juliet, cable } = there;
    await says(romeo, [benvolio, BENVOLIO], 'we are among ourselves');
    assert.equal(await comesBack(romeo, JULIET, 'can you hear me', ROUTELESS_MS), 'remote-server-timeout');
    await says(benvolio, [romeo, ROMEO], 'still here');
    await cable.plugIn();
    await recovers(romeo, AWAY);
    await says(romeo, [juliet, JULIET], 'now you can', 10_000);
    await says(juliet, [romeo, ROMEO], 'and you me', 10_000);
    await endsUnharmed(there);
  },
);

test(
  'the cable is unplugged while users talk, and plugged in again: no message is lost',
  LIMIT,
  async (t) => {
    const there = await noWay(t);
    const { romeo, benvolio, juliet, cable, enjamb } = there;
    const local = new Talk(romeo, BENVOLIO);
    const talk = new Talk(romeo, JULIET, { word: 'away' });
    const reply = new Talk(juliet, ROMEO, { word: 'reply' });
    const isGoing = () =>
      talk.heard(juliet.stanzas).length > 20 && reply.heard(romeo.stanzas).length > 20 ? true : undefined;
    await until('both directions', isGoing, 20_000);

    await cable.unplug();
    await enjamb.logged(({ msg }) => msg === 's2s failed', OUTAGE_MS);
    const before = local.heard(benvolio.stanzas).length;
    await pause(OUTAGE_MS);
    assert.ok(local.heard(benvolio.stanzas).length > before + OUTAGE_MS / 100, 'local talk goes on');
    await cable.plugIn();
    await recovers(romeo, AWAY);
    for (const each of [local, talk, reply]) each.stop();

    const counts = () => ({
      local: local.count(benvolio.stanzas, romeo.stanzas),
      talk: talk.count(juliet.stanzas, romeo.stanzas),
      reply: reply.count(romeo.stanzas, juliet.stanzas),
    });
    const isAll = () => (Object.values(counts()).every(({ lost }) => lost.length === 0) ? true : undefined);
    await until('all', isAll, 40_000).catch(() => undefined);
    await pause(1_000); // What comes twice may come late.
    for (const [name, { said, bounced, lost, twice }] of Object.entries(counts())) {
      t.diagnostic(`${name}: ${said} said, ${bounced} bounced, ${lost.length} lost, ${twice.length} twice`);
      assert.deepEqual([name, lost], [name, []]);
      // The message whose acknowledgement was lost may arrive twice.
      assert.ok(twice.length <= (name === 'local' ? 0 : 1), `${name}: ${twice}`);
    }
    assert.equal(counts().local.bounced, 0);
    await endsUnharmed(there);
  },
);

test(
  'IPv4 only, and the first name server has an IPv6 address: the second one is asked',
  LIMIT,
  async (t) => {
    const there = await noWay(t, {
      nameServers: [DNS_SIX, DNS_FOUR],
      before: ({ home }) => home.set(NO_IPV6, 1),
    });
    const { romeo, benvolio, juliet } = there;
    await says(romeo, [juliet, JULIET], 'over IPv4', 15_000);
    await says(juliet, [romeo, ROMEO], 'over IPv4 as well', 10_000);
    await says(romeo, [benvolio, BENVOLIO], 'and here');
    await endsUnharmed(there);
  },
);

test(
  'IPv4 only, and the only name server has an IPv6 address: it is reached when there is IPv6',
  LIMIT,
  async (t) => {
    const there = await noWay(t, { nameServers: [DNS_SIX], before: ({ home }) => home.set(NO_IPV6, 1) });
    const { romeo, benvolio, juliet, home, cable } = there;
    assert.equal(await comesBack(romeo, JULIET, 'can you hear me', ROUTELESS_MS), 'remote-server-timeout');
    await says(romeo, [benvolio, BENVOLIO], 'we are among ourselves');
    await home.set(NO_IPV6, 0);
    await cable.plugIn();
    await recovers(romeo, AWAY);
    await says(romeo, [juliet, JULIET], 'now you can', 10_000);
    await endsUnharmed(there);
  },
);

test('the server works with IPv6 only', LIMIT, async (t) => {
  const there = await noWay(t, { families: 'six', nameServers: [DNS_SIX] });
  const { romeo, benvolio, juliet } = there;
  await says(romeo, [juliet, JULIET], 'over IPv6', 15_000);
  await says(juliet, [romeo, ROMEO], 'over IPv6 as well', 10_000);
  await says(romeo, [benvolio, BENVOLIO], 'and here');
  await endsUnharmed(there);
});
