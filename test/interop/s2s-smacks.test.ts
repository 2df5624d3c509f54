// Messages during restarts, kills and cut lines of a real server: none is lost, and duplicates are bounded.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { AWAY, BETWEEN, HOME } from './support/addresses.ts';
import { Line } from './support/line.ts';
import type { Prosody } from './support/prosody.ts';
import { SlixmppClient } from './support/slixmpp.ts';
import { Talk } from './support/talk.ts';
import { until } from './support/waiting.ts';
import { homeLogin, PASSWORD, type World, type WorldOptions, world } from './support/world.ts';
import { EJABBERD, VERONA } from './support-security/ejabberd.ts';
import { withEjabberd } from './support-security/federation.ts';

const LIMIT = { timeout: 120_000 };
/** Prosody uses XEP-0198 between servers only if certificates authenticate them. */
const COUNTED: WorldOptions = { secureAuth: true, proxies: true, prosodyModules: ['smacks'] };
const UNCOUNTED: WorldOptions = { proxies: true };
const EVERY_MS = 40;
const JULIET = `juliet@${AWAY}`;

/** The numbers that a server has received from ours, in order. */
async function numbers(prosody: Prosody): Promise<number[]> {
  const found: number[] = [];
  for (const { dir, element } of await prosody.wire()) {
    const number = /^number (\d+)$/.exec(element.getChildText('body') ?? '')?.[1];
    if (dir === 'in' && element.name === 'message' && element.attrs.type !== 'error' && number)
      found.push(Number(number));
  }
  return found;
}

interface Outcome {
  /** Numbers that arrived more than once. */
  readonly twice: readonly number[];
  readonly talk: Talk;
}

/** Sends messages during an event, and checks that all have arrived in order afterwards. */
async function talkDuring(there: World, options: WorldOptions, event: () => Promise<void>): Promise<Outcome> {
  const { prosody, enjamb } = there;
  const romeo = await there.homeUser('romeo');
  await prosody.addUser('juliet', PASSWORD);
  const talk = new Talk(romeo, JULIET);
  await until('the link', async () => ((await numbers(prosody)).length > 20 ? true : undefined), 20_000);
  const isCounted = /Enabling stream management/.test(prosody.log);
  assert.equal(isCounted, options.secureAuth === true);
  await pause(EVERY_MS / 2);
  await event();
  await pause(1_000);
  talk.stop();
  const all = talk.saidAt.length;
  const got = await until(
    `all ${all} numbers at Prosody`,
    async () => {
      const list = await numbers(prosody);
      return new Set(list).size === all ? list : undefined;
    },
    30_000,
  );
  const firsts = [...new Set(got)];
  assert.deepEqual(
    firsts,
    firsts.toSorted((a, b) => a - b),
    'in order',
  );
  const bounced = romeo.stanzas.filter(({ element }) =>
    /remote-server/.test(`${element.getChild('error') ?? ''}`),
  );
  assert.deepEqual(bounced, []);
  const twice = firsts.filter((number) => got.indexOf(number) !== got.lastIndexOf(number));
  await enjamb.stop();
  return { twice, talk };
}

async function restart({ prosody }: World): Promise<void> {
  await prosody.stop();
  await pause(3_000);
  await prosody.start();
}

test(
  'XEP-0198: Prosody restarts cleanly: no message is lost, at most the one in progress is duplicated',
  LIMIT,
  async (t) => {
    const there = await world(t, COUNTED);
    const { twice } = await talkDuring(there, COUNTED, () => restart(there));
    // Prosody sends no final acknowledgement to servers: the signal may arrive between a stanza and the request after
    // it.
    assert.ok(twice.length <= 1, `${twice}`);
  },
);

test(
  'XEP-0198: Prosody is killed: no message is lost, at most those in transit are duplicated',
  LIMIT,
  async (t) => {
    const there = await world(t, COUNTED);
    let at = 0;
    const { twice, talk } = await talkDuring(there, COUNTED, async () => {
      at = Date.now();
      await there.prosody.kill9();
      await pause(2_000);
      await there.prosody.start();
    });
    assertRecent(twice, talk, at, 200);
    t.diagnostic(`twice: ${twice.length}`);
  },
);

for (const how of ['reset', 'finish'] as const) {
  test(
    `XEP-0198: the line breaks (${how}): no message is lost, at most those in transit are duplicated`,
    LIMIT,
    async (t) => {
      const there = await world(t, COUNTED);
      const cuts: number[] = [];
      const { twice, talk } = await talkDuring(there, COUNTED, async () => {
        for (let count = 0; count < 5; count++) {
          cuts.push(Date.now());
          there.toProsody.cut(how);
          await pause(1_700);
        }
      });
      for (const number of twice)
        assert.ok(
          cuts.some((at) => Math.abs(talk.saidAt[number]! - at) < 200),
          `${number} was on its way`,
        );
      t.diagnostic(`twice in five cuts: ${twice.length}`);
    },
  );
}

test(
  'XEP-0198: the line dies silently: the missing acknowledgement shows it, and no message is lost',
  LIMIT,
  async (t) => {
    const there = await world(t, { ...COUNTED, config: ['s2s_ack_timeout = "3 seconds"'] });
    const { twice } = await talkDuring(there, COUNTED, async () => {
      there.toProsody.state = 'drop';
      await there.enjamb.logged(({ msg, cause }) => msg === 's2s closed' && cause === 'timeout', 20_000);
      there.toProsody.state = 'forward';
    });
    t.diagnostic(`twice: ${twice.length}`);
  },
);

test(
  'XEP-0199: the line breaks without XEP-0198: no message is lost, at most unacknowledged ones are duplicated',
  LIMIT,
  async (t) => {
    const there = await world(t, UNCOUNTED);
    let at = 0;
    const { twice, talk } = await talkDuring(there, UNCOUNTED, async () => {
      at = Date.now();
      there.toProsody.cut('reset');
      await pause(2_000);
    });
    assertRecent(twice, talk, at, 500);
    assert.ok(twice.length <= 6, `${twice}`);
    t.diagnostic(`twice: ${twice.length}`);
  },
);

test('XEP-0199: Prosody is killed without XEP-0198: no message is lost', LIMIT, async (t) => {
  const there = await world(t, UNCOUNTED);
  const { twice } = await talkDuring(there, UNCOUNTED, async () => {
    await there.prosody.kill9();
    await pause(2_000);
    await there.prosody.start();
  });
  t.diagnostic(`twice: ${twice.length}`);
});

test(
  "XEP-0198 §4: our server acknowledges Prosody's stanzas, so it returns none that has arrived",
  LIMIT,
  async (t) => {
    const there = await world(t, COUNTED);
    const romeo = await there.homeUser('romeo');
    const juliet = await there.awayUser('juliet');
    for (let count = 0; count < 20; count++) juliet.send(`romeo@${HOME}`, `word ${count}`);
    await romeo.stanza('the last word', (it) => it.getChildText('body') === 'word 19');
    await there.enjamb.command(['s2s', 'close', AWAY]);
    juliet.send(`romeo@${HOME}`, 'word 20');
    await romeo.stanza('one more', (it) => it.getChildText('body') === 'word 20');
    const words = romeo.stanzas.map(({ element }) => element.getChildText('body')).filter(Boolean);
    assert.deepEqual(
      words,
      Array.from({ length: 21 }, (_, count) => `word ${count}`),
    );
    assert.deepEqual(
      juliet.stanzas.filter(({ element }) => element.attrs.type === 'error'),
      [],
    );
    await there.enjamb.stop();
  },
);

function assertRecent(twice: readonly number[], { saidAt }: Talk, at: number, withinMs: number): void {
  for (const number of twice)
    assert.ok(at - saidAt[number]! < withinMs, `${number} was said ${at - saidAt[number]!} ms before`);
}

test(
  'XEP-0199: lines to ejabberd, which has no XEP-0198, break and die: no message is lost',
  LIMIT,
  async (t) => {
    const there = await withEjabberd(t, { weTrust: false, theyTrust: false });
    const line = await Line.start(t, { address: EJABBERD.address, port: EJABBERD.s2s });
    there.dns.zone['between.example'] = { A: [BETWEEN] };
    there.dns.zone[`_xmpp-server._tcp.${VERONA}`] = { SRV: [`0 0 ${line.port} between.example`] };
    const { folder, ourCaPath, theirCaPath, enjamb } = there;
    await enjamb.addUser(`romeo@${HOME}`, PASSWORD);
    const romeo = await SlixmppClient.start(t, { folder, caPath: ourCaPath, name: 'romeo' });
    await romeo.login(homeLogin('romeo'));
    const juliet = await SlixmppClient.start(t, { folder, caPath: theirCaPath, name: 'juliet' });
    const login = { host: EJABBERD.address, port: EJABBERD.c2s, mechanism: 'PLAIN' };
    await juliet.login({ ...homeLogin('juliet', VERONA), ...login });
    const talk = new Talk(romeo, `juliet@${VERONA}`);
    const got = () => talk.heard(juliet.stanzas);
    await until('the link', () => (got().length > 20 ? true : undefined), 20_000);
    for (let count = 0; count < 3; count++) {
      line.cut('reset');
      await pause(2_500);
    }
    line.state = 'drop';
    await pause(2_000);
    line.state = 'forward';
    await pause(2_000);
    talk.stop();
    const all = talk.saidAt.length;
    await until(`all ${all} numbers`, () => (new Set(got()).size === all ? true : undefined), 40_000);
    const firsts = [...new Set(got())];
    assert.deepEqual(
      firsts,
      firsts.toSorted((a, b) => a - b),
      'in order',
    );
    assert.deepEqual(
      romeo.stanzas.filter(({ element }) => element.attrs.type === 'error'),
      [],
    );
    t.diagnostic(`twice in four breaks: ${got().length - all}`);
    assert.ok(got().length - all <= 4 * 6);
    await enjamb.stop();
  },
);
