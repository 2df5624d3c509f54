// Logins of a real client, and a conversation of two users.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ENJAMB, HOME } from './support/addresses.ts';
import { homeLogin, PASSWORD, world } from './support/world.ts';

const LIMIT = { timeout: 60_000 };
const MECHANISMS = ['SCRAM-SHA-1', 'SCRAM-SHA-256', 'PLAIN'];
const DIRECT_TLS = { port: ENJAMB.c2sDirectTls, tls: 'direct' } as const;

test(
  'RFC 6120 §5, §6: slixmpp logs in by SCRAM and PLAIN, over STARTTLS and direct TLS',
  LIMIT,
  async (t) => {
    const { enjamb, client } = await world(t, { prosody: false });
    await enjamb.addUser(`romeo@${HOME}`, PASSWORD);

    for (const mechanism of MECHANISMS) {
      await t.test(`${mechanism} over STARTTLS`, async (t) => {
        const romeo = await client(`starttls-${mechanism}`);
        const session = await romeo.login({ ...homeLogin('romeo'), mechanism });
        assert.equal(session.jid, `romeo@${HOME}/orchard`);
        assert.equal(session.mechanism, mechanism);
        assert.ok(session.starttls && session.verified);
        assert.match(session.encryption ?? '', /^TLSv1\.[23]$/);
        await romeo.logout();
        t.diagnostic(`${session.mechanism}, ${session.encryption}`);
      });
      await t.test(`${mechanism} over direct TLS (XEP-0368)`, async () => {
        const romeo = await client(`direct-${mechanism}`);
        const session = await romeo.login({ ...homeLogin('romeo'), ...DIRECT_TLS, mechanism });
        assert.equal(session.mechanism, mechanism);
        assert.ok(!session.starttls && session.verified);
        await romeo.logout();
      });
    }
    await t.test("with the client's own choice of mechanism", async (t) => {
      const romeo = await client('own-choice');
      const { mechanism: _, ...login } = homeLogin('romeo');
      const session = await romeo.login(login);
      assert.match(session.mechanism, /^SCRAM-/);
      await romeo.logout();
      t.diagnostic(session.mechanism);
    });
    await enjamb.stop();
  },
);

test('without encryption a client logs in only if the administrator allows it', LIMIT, async (t) => {
  await t.test('by default offers no mechanism without encryption (RFC 6120 §13.8.3)', async (t) => {
    const { enjamb, client } = await world(t, { prosody: false });
    const romeo = await client('plaintext');
    romeo.beginLogin({ ...homeLogin('romeo'), tls: 'none' });
    const { xml } = await romeo.report('stream_features');
    assert.match(String(xml), /<starttls [^>]*><required ?\/><\/starttls>/);
    assert.doesNotMatch(String(xml), /mechanism/);
    await enjamb.stop();
  });
  await t.test('where it is allowed, offers all mechanisms', async (t) => {
    const config = ['c2s_require_encryption = false', 'allow_unencrypted_plain_auth = true'];
    const { enjamb, client } = await world(t, { prosody: false, config });
    await enjamb.addUser(`romeo@${HOME}`, PASSWORD);
    for (const mechanism of MECHANISMS) {
      const romeo = await client(`plaintext-${mechanism}`);
      const session = await romeo.login({ ...homeLogin('romeo'), tls: 'none', mechanism });
      assert.deepEqual([session.encryption, session.mechanism], [null, mechanism]);
      await romeo.logout();
    }
    await enjamb.stop();
  });
});

test('RFC 6120 §6.5: a wrong password and an unknown user get the same error', LIMIT, async (t) => {
  const { enjamb, client } = await world(t, { prosody: false });
  await enjamb.addUser(`romeo@${HOME}`, PASSWORD);
  const refusals: unknown[] = [];
  for (const mechanism of MECHANISMS) {
    for (const user of ['romeo', 'nobody']) {
      const stranger = await client(`${user}-${mechanism}`);
      stranger.beginLogin({ ...homeLogin(user), password: 'not this one', mechanism });
      const { condition } = await stranger.report('failed_auth', 'session');
      refusals.push(condition);
    }
  }
  assert.deepEqual(refusals, Array(2 * MECHANISMS.length).fill('not-authorized'));
  await enjamb.stop();
});

test('RFC 6121 §3.1, §5: two users subscribe to each other and talk', LIMIT, async (t) => {
  const { enjamb, homeUser } = await world(t, { prosody: false });
  const romeo = await homeUser('romeo');
  const juliet = await homeUser('juliet');

  // slixmpp approves requests by itself, and requests a subscription in return.
  romeo.presence(`juliet@${HOME}`, 'subscribe');
  await romeo.stanza('the approval', (it) => it.is('presence') && it.attrs.type === 'subscribed');
  const fromJuliet = `juliet@${HOME}/orchard`;
  await romeo.stanza('her presence', (it) => it.is('presence') && it.attrs.from === fromJuliet);
  await juliet.stanza('his approval', (it) => it.is('presence') && it.attrs.type === 'subscribed');
  await juliet.stanza('his presence', (it) => it.is('presence') && it.attrs.from === `romeo@${HOME}/orchard`);

  romeo.send(`juliet@${HOME}`, 'But soft, what light?');
  const { element } = await juliet.stanza('the message', (it) => it.is('message'));
  assert.equal(element.getChildText('body'), 'But soft, what light?');
  assert.equal(element.attrs.from, `romeo@${HOME}/orchard`);
  juliet.send(fromRomeo(element.attrs.from), 'Ay me!');
  const reply = await romeo.stanza('the reply', (it) => it.is('message'));
  assert.equal(reply.element.getChildText('body'), 'Ay me!');

  await juliet.logout();
  await romeo.stanza('her leaving', (it) => it.attrs.from === fromJuliet && it.attrs.type === 'unavailable');
  await enjamb.stop();
});

function fromRomeo(jid: string | undefined): string {
  assert.ok(jid, 'the server stamps the sender (RFC 6120 §8.1.2.1)');
  return jid;
}
