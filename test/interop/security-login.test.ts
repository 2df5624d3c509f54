// Logins of a real client that fail.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { HOME } from './support/addresses.ts';
import type { Login, Report } from './support/slixmpp.ts';
import { homeLogin, PASSWORD, type World, world } from './support/world.ts';

const LIMIT = { timeout: 60_000 };

let clients = 0;

/** The report of a new client about one attempt. */
async function attempt({ client }: World, login: Partial<Login>): Promise<Report> {
  const stranger = await client(`attempt-${clients++}`);
  stranger.beginLogin({ ...homeLogin('romeo'), ...login });
  return await stranger.report('failed_auth', 'session', 'refused');
}

async function start(t: TestContext, config: readonly string[] = []): Promise<World> {
  const created = await world(t, { prosody: false, config });
  await created.enjamb.addUser(`romeo@${HOME}`, PASSWORD);
  return created;
}

test(
  'RFC 6120 §6.5.11: a client that has failed too often must wait; a client of another address must not',
  LIMIT,
  async (t) => {
    const config = ['auth_failures_per_account = 20', 'auth_failures_per_address = 5'];
    const created = await start(t, config);
    const { enjamb, homeUser } = created;
    const juliet = await homeUser('juliet');
    const guess = { password: 'not this one' };
    for (const mechanism of ['SCRAM-SHA-256', 'PLAIN']) {
      const { condition } = await attempt(created, { ...guess, mechanism });
      assert.equal(condition, 'not-authorized');
    }
    assert.equal((await attempt(created, {})).condition, 'temporary-auth-failure', 'two of twenty from here');
    for (const user of ['nobody', 'tybalt', 'nurse']) {
      const { condition } = await attempt(created, { ...guess, jid: `${user}@${HOME}` });
      assert.equal(condition, 'not-authorized');
    }
    const { condition } = await attempt(created, { ...guess, jid: `paris@${HOME}` });
    assert.equal(condition, 'temporary-auth-failure', 'five from here');

    assert.equal((await juliet.ping(HOME)).event, 'pong', 'who is connected notices nothing');
    const again = await attempt(created, { jid: `juliet@${HOME}/balcony` });
    assert.equal(again.event, 'session', 'and may come again');
    const warnings = enjamb.log.filter(({ msg }) => msg === 'too many failed logins');
    assert.deepEqual(
      warnings.map(({ limit }) => limit),
      ['account-from-network', 'address'],
    );
    await enjamb.stop();
  },
);

test(
  'RFC 9266 §3: slixmpp, which can only bind by tls-unique, is refused with -PLUS and admitted without',
  LIMIT,
  async (t) => {
    const created = await start(t);
    const bound = await attempt(created, { mechanism: 'SCRAM-SHA-256-PLUS' });
    assert.deepEqual([bound.event, bound.condition], ['failed_auth', 'malformed-request']);
    const unbound = await attempt(created, { mechanism: 'SCRAM-SHA-256' });
    assert.deepEqual([unbound.event, unbound.mechanism], ['session', 'SCRAM-SHA-256']);
    await created.enjamb.stop();
  },
);
