// What clients see of the limits on failed logins (docs/adr/0013).

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { acceptClient } from '../../../src/c2s/index.ts';
import { connectedPair } from '../../support/duplex.ts';
import { ScramClient } from '../sasl/scram-client.ts';
import { base64, Client, type Harness, PASSWORD, plain, startHarness } from './harness.ts';

const HERE = '192.0.2.1';
const ELSEWHERE = '198.51.100.9';
const MINUTE = 60_000;
/** Two failures on one account from one place, six from one address altogether. */
const SETTINGS = `
auth_failures_per_account = 20
auth_failures_per_address = 6
auth_failure_window = "10 minutes"
`;

type Attempt = (from: string, user: string, password: string) => Promise<string>;

/** Juliet and Romeo have accounts, Nurse has none. Each attempt is made on a connection of its own. */
class Scene {
  readonly harness: Harness;
  readonly #context: Harness['context'];

  constructor(harness: Harness) {
    this.harness = harness;
    this.#context = { ...harness.context, options: { authFailureDelayMs: 0 } };
  }

  async connect(remoteAddress: string): Promise<Client> {
    const { connection, peer } = connectedPair({ clock: this.harness.clock, remoteAddress });
    acceptClient(connection, this.#context);
    const client = new Client(peer);
    await client.open();
    return client;
  }

  /** "success", or the condition of the failure. */
  plain: Attempt = async (from, user, password) => {
    const client = await this.connect(from);
    client.auth('PLAIN', plain(user, password));
    const outcome = await this.outcome(client);
    client.peer.drop();
    return outcome;
  };

  scram: Attempt = async (from, user, password) => {
    const client = await this.connect(from);
    const scram = new ScramClient({ hash: 'sha1', username: user, password });
    client.auth('SCRAM-SHA-1', base64(scram.first()));
    let outcome = await this.outcome(client);
    if (outcome.startsWith('challenge ')) {
      const final = scram.final(Buffer.from(outcome.slice('challenge '.length), 'base64'));
      client.send(`<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${base64(final)}</response>`);
      outcome = await this.outcome(client);
    }
    client.peer.drop();
    return outcome;
  };

  /** The next answer. Time stands still, but what is due now happens. */
  async outcome(client: Client): Promise<string> {
    const reading = client.reads(/<success [^>]*>|<\/challenge>|<\/failure>/);
    let isDone = false;
    const done = () => {
      isDone = true;
    };
    reading.then(done, done);
    while (!isDone) await this.harness.clock.advance(0);
    const answer = await reading;
    const challenge = /<challenge [^>]*>([^<]*)</.exec(answer)?.[1];
    if (challenge !== undefined) return `challenge ${challenge}`;
    return /<failure [^>]*><([\w-]+)\/>/.exec(answer)?.[1] ?? 'success';
  }
}

async function scene(t: TestContext): Promise<Scene> {
  const harness = await startHarness(t, { config: `limits = false\n${SETTINGS}`, limitsLogins: true });
  await harness.host.createUser('romeo', PASSWORD);
  return new Scene(harness);
}

for (const mechanism of ['plain', 'scram'] as const) {
  test(`RFC 6120 §6.5.11: too many failures are temporary-auth-failure, right password or not (${mechanism})`, async (t) => {
    const at = await scene(t);
    const attempt = at[mechanism];
    for (const user of ['juliet', 'nurse']) {
      assert.equal(await attempt(HERE, user, 'guess'), 'not-authorized');
      assert.equal(await attempt(HERE, user, 'guess'), 'not-authorized');
      assert.equal(await attempt(HERE, user, 'guess'), 'temporary-auth-failure');
      assert.equal(await attempt(HERE, user, PASSWORD), 'temporary-auth-failure', user);
    }
    assert.equal(await attempt(HERE, 'romeo', PASSWORD), 'success', 'other accounts are not concerned');
    assert.equal(await attempt(ELSEWHERE, 'juliet', PASSWORD), 'success', 'nor other addresses');
    await at.harness.clock.advance(5 * MINUTE);
    assert.equal(await attempt(HERE, 'juliet', PASSWORD), 'success');
  });

  test(`an address that has failed too often waits for all accounts, except those at home there (${mechanism})`, async (t) => {
    const at = await scene(t);
    const attempt = at[mechanism];
    assert.equal(await attempt(HERE, 'juliet', PASSWORD), 'success');
    for (let index = 0; index < 6; index++) {
      assert.equal(await attempt(HERE, `user${index}`, 'guess'), 'not-authorized');
    }
    assert.equal(await attempt(HERE, 'user6', 'guess'), 'temporary-auth-failure');
    assert.equal(await attempt(HERE, 'romeo', PASSWORD), 'temporary-auth-failure');
    assert.equal(await attempt(HERE, 'juliet', PASSWORD), 'success');
    assert.equal(await attempt(ELSEWHERE, 'romeo', PASSWORD), 'success');
  });
}

test('the /64 network of an IPv6 host counts as one address, and the /48 of a site as one place', async (t) => {
  const at = await scene(t);
  assert.equal(await at.plain('2001:db8:1:1::1', 'juliet', 'guess'), 'not-authorized');
  assert.equal(await at.plain('2001:db8:1:2::1', 'juliet', 'guess'), 'not-authorized');
  assert.equal(await at.plain('2001:db8:1:3::1', 'juliet', PASSWORD), 'temporary-auth-failure');
  assert.equal(await at.plain('2001:db8:2:3::1', 'juliet', PASSWORD), 'success');
  for (let index = 0; index < 6; index++) {
    assert.equal(await at.plain(`2001:db8:5:5::${index}`, `user${index}`, 'guess'), 'not-authorized');
  }
  assert.equal(await at.plain('2001:db8:5:5:ffff::', 'romeo', PASSWORD), 'temporary-auth-failure');
  assert.equal(await at.plain('2001:db8:5:6::', 'romeo', PASSWORD), 'success');
});

test('all names that no account can have share one limit', async (t) => {
  const at = await scene(t);
  assert.equal(await at.plain(HERE, 'a@b', 'guess'), 'not-authorized');
  assert.equal(await at.scram(HERE, 'c"d', 'guess'), 'not-authorized');
  assert.equal(await at.plain(HERE, 'e/f', 'guess'), 'temporary-auth-failure');
});

test('aborts, broken messages and unknown mechanisms do not count as failures', async (t) => {
  const at = await scene(t);
  for (let index = 0; index < 3; index++) {
    const client = await at.connect(HERE);
    client.auth('SCRAM-SHA-1', base64(`n,,n=juliet,r=${index}`));
    assert.match(await at.outcome(client), /^challenge /);
    client.send(`<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>`);
    assert.equal(await at.outcome(client), 'aborted');
    client.auth('SCRAM-SHA-1', base64(`n,,n=juliet,r=${index}`));
    assert.match(await at.outcome(client), /^challenge /);
    client.send(`<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${base64('c=biws')}</response>`);
    assert.equal(await at.outcome(client), 'malformed-request');
    client.auth('EXTERNAL', '=');
    assert.equal(await at.outcome(client), 'invalid-mechanism');
    client.peer.drop();
  }
  assert.equal(await at.plain(HERE, 'juliet', PASSWORD), 'success');
});

test('failures of others do not disconnect a connected client', async (t) => {
  const at = await scene(t);
  const juliet = await at.connect(HERE);
  juliet.auth('PLAIN', plain('juliet', PASSWORD));
  await juliet.reads('<success ');
  await juliet.open();
  await juliet.bind('balcony');
  for (let index = 0; index < 40; index++) await at.plain(`198.51.100.${index}`, 'juliet', 'guess');
  assert.equal(await at.plain('203.0.113.5', 'juliet', PASSWORD), 'temporary-auth-failure');
  assert.equal(await juliet.roundTrip('still-here'), '');
  assert.equal(await at.plain(HERE, 'juliet', PASSWORD), 'success');
});

test('a refusal by the limits counts as one of the six attempts of a stream', async (t) => {
  const at = await scene(t);
  const client = await at.connect(HERE);
  const outcomes: string[] = [];
  for (let index = 0; index < 6; index++) {
    client.auth('PLAIN', plain('juliet', 'guess'));
    outcomes.push(await at.outcome(client));
  }
  const limited = Array(4).fill('temporary-auth-failure');
  assert.deepEqual(outcomes, ['not-authorized', 'not-authorized', ...limited]);
  client.auth('PLAIN', plain('juliet', 'guess'));
  assert.match(await client.peer.readsToEnd(), /<policy-violation .*<\/stream:stream>$/);
});

test('a password that is verified outside of a stream has the limits of logins', async (t) => {
  const { harness, plain: attempt } = await scene(t);
  const { users } = harness.host;
  assert.equal(await users.verify('Juliet', PASSWORD, HERE), 'ok');
  await harness.host.users.setEnabled('romeo', false);
  assert.equal(await users.verify('romeo', PASSWORD, HERE), 'account-disabled');
  assert.equal(await users.verify('romeo', 'a\0b', HERE), 'malformed-request');
  for (const user of ['nurse', 'a@b']) {
    assert.equal(await users.verify(user, 'guess', ELSEWHERE), 'not-authorized');
    assert.equal(await attempt(ELSEWHERE, user, 'guess'), 'not-authorized');
    assert.equal(await users.verify(user, 'guess', ELSEWHERE), 'temporary-auth-failure');
    assert.equal(await attempt(ELSEWHERE, user, 'guess'), 'temporary-auth-failure');
  }
  assert.equal(await users.verify('juliet', PASSWORD, HERE), 'ok');
});
