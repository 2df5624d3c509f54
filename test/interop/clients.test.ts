// Three client programs at one server: they add each other and talk.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Enjamb } from './support/enjamb.ts';
import { until } from './support/waiting.ts';
import { stage } from './support-clients/stage.ts';
import { DIRECT_TLS, STARTTLS, type User } from './support-clients/user.ts';

const LIMIT = { timeout: 55_000 };
const LIST_MS = 15_000;

for (const door of [STARTTLS, DIRECT_TLS]) {
  test(`slixmpp, @xmpp/client and profanity talk on one server, over ${door.name}`, LIMIT, async (t) => {
    const { enjamb, romeo, juliet, mercutio } = await stage(t);
    const users = [romeo, juliet, mercutio];
    await act(t, 'RFC 6120 §5, §6: each logs in, encrypted and by SCRAM', async () => {
      for (const user of users) await user.login(door);
      await assertSessions(enjamb, users);
      assertScram(enjamb, users);
    });
    await act(t, 'RFC 6121 §3.1: each adds each other, and each approves', async () => {
      await befriend(romeo, juliet);
      await befriend(juliet, mercutio);
      await befriend(mercutio, romeo);
    });
    await act(t, 'RFC 6121 §4: each sees each other', () =>
      forEachPair(users, (one, other) => one.seesOnline(other)),
    );
    await act(t, 'RFC 6121 §5: chat from each to each', async () => {
      await forEachPair(users, (one, other) => one.send(other, line(one, other)));
      await forEachPair(users, (one, other) => other.receives(one, line(one, other)));
    });
    await act(t, 'RFC 6121 §4.5: who leaves is seen leaving by those who stay', async () => {
      const leaving = door === STARTTLS ? users : users.toReversed();
      for (const [index, user] of leaving.entries()) {
        await user.logout();
        const staying = leaving.slice(index + 1);
        for (const other of staying) await other.seesGone(user);
        await assertSessions(enjamb, staying);
      }
    });
    await enjamb.stop();
    assert.deepEqual(
      enjamb.log.filter(({ level }) => level === 'warn' || level === 'error'),
      [],
      'nothing went wrong',
    );
  });
}

test(
  'the same clients do not log in if they do not trust the authority of the certificate',
  LIMIT,
  async (t) => {
    for (const door of [STARTTLS, DIRECT_TLS]) {
      await t.test(`over ${door.name}`, async (t) => {
        const { enjamb, romeo, juliet, mercutio } = await stage(t, { trusting: false });
        assert.match(String((await romeo.tryLogin(door)).why), /CERTIFICATE_VERIFY_FAILED/);
        assert.match(String((await juliet.tryLogin(door)).why), /UNABLE_TO_VERIFY/);
        const terminal = await mercutio.beginLogin(door);
        await terminal.shows('TLS certificate verification failed');
        await mercutio.logout();
        await assertSessions(enjamb, []);
        await enjamb.stop();
      });
    }
  },
);

/** A subtest that ends the test when it fails, because the next one depends on it. */
async function act(t: TestContext, title: string, play: () => Promise<void>): Promise<void> {
  let failed = true;
  await t.test(title, async () => {
    await play();
    failed = false;
  });
  assert.ok(!failed, title);
}

/** RFC 6121 §3.1 in both directions. */
async function befriend(one: User, other: User): Promise<void> {
  await one.request(other);
  await other.approve(one);
  await other.request(one);
  await one.approve(other);
  await one.befriended(other);
  await other.befriended(one);
}

async function forEachPair(users: readonly User[], act: (one: User, other: User) => Promise<void>) {
  for (const one of users) {
    for (const other of users) if (other !== one) await act(one, other);
  }
}

function line(from: User, to: User): string {
  return `${from.program} to ${to.program}: 1 < 2 & "3" — ça va? 🌹`;
}

/** Checks that the server lists exactly these sessions, all encrypted. */
async function assertSessions(enjamb: Enjamb, users: readonly User[]): Promise<void> {
  const rows = await until(
    `${users.length} sessions`,
    async () => {
      const all = await enjamb.list('user', 'sessions');
      return all.length === users.length ? all : undefined;
    },
    LIST_MS,
  );
  assert.deepEqual(
    rows.map(({ jid, secure, connected }) => ({ jid, secure, connected })).toSorted(byJid),
    users.map(({ fullJid }) => ({ jid: fullJid, secure: true, connected: true })).toSorted(byJid),
  );
}

function assertScram(enjamb: Enjamb, users: readonly User[]): void {
  const logins = enjamb.log.filter(({ msg }) => msg === 'authenticated');
  assert.equal(logins.length, users.length);
  for (const { mechanism } of logins) assert.match(String(mechanism), /^SCRAM-SHA-/);
}

function byJid(a: { jid: unknown }, b: { jid: unknown }): number {
  return String(a.jid).localeCompare(String(b.jid));
}
