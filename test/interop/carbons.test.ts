// XEP-0280: a user with two client programs sees the whole conversation in both.

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeDevelopmentCertificates } from '../../src/net/dev-certificates.ts';
import { temporaryFolder } from '../support/clean-up.ts';
import { dnsFixture } from '../support/dns-fixture.ts';
import { HOME } from './support/addresses.ts';
import { Enjamb } from './support/enjamb.ts';
import { type Report, SlixmppClient } from './support/slixmpp.ts';
import { PASSWORD } from './support/world.ts';
import { ProfanityUser } from './support-clients/profanity-user.ts';
import { SlixmppUser } from './support-clients/slixmpp-user.ts';
import { STARTTLS } from './support-clients/user.ts';
import { XmppJsUser } from './support-clients/xmpp-js-user.ts';

const ROMEO = `romeo@${HOME}`;

test('XEP-0280: slixmpp and profanity of one user show the same conversation with a user of @xmpp/client', {
  timeout: 90_000,
}, async (t) => {
  const { enjamb, romeo, slixmpp, profanity, juliet } = await scene(t);

  await t.test('§7: a message to one of them is copied to the other', async () => {
    await juliet.send({ jid: romeo.fullJid }, 'for slixmpp');
    await romeo.receives(juliet, 'for slixmpp');
    await profanity.receives(juliet, 'for slixmpp');
    const copied = slixmpp.report('carbon');
    await juliet.send({ jid: profanity.fullJid }, 'for profanity');
    assert.deepEqual(facts(await copied), ['received', juliet.fullJid, profanity.fullJid, 'for profanity']);
    await profanity.receives(juliet, 'for profanity');
  });

  await t.test('§8: a message that one of them sends is copied to the other', async () => {
    await romeo.send(juliet, 'from slixmpp');
    await juliet.receives(romeo, 'from slixmpp');
    await profanity.receives(juliet, 'me: from slixmpp');
    const copied = slixmpp.report('carbon');
    await profanity.send(juliet, 'from profanity');
    const [direction, from, , body] = facts(await copied);
    assert.deepEqual([direction, from, body], ['sent', profanity.fullJid, 'from profanity']);
  });

  await t.test('RFC 6121 §8.5.2: a message to the account reaches both once, without a copy', async () => {
    const since = slixmpp.stanzas.length;
    await juliet.send(romeo, 'for both');
    await profanity.receives(juliet, 'for both');
    await juliet.send({ jid: romeo.fullJid }, 'end');
    await romeo.receives(juliet, 'end');
    const found = slixmpp.stanzas.slice(since).filter(({ element }) => `${element}`.includes('for both'));
    assert.equal(found.length, 1);
    assert.equal(found[0]!.element.getChildText('body'), 'for both');
  });

  await enjamb.stop();
  const problems = enjamb.log.filter(({ level }) => level === 'warn' || level === 'error');
  assert.deepEqual(problems, []);
});

interface Scene {
  readonly enjamb: Enjamb;
  readonly romeo: SlixmppUser;
  /** Of Romeo. */
  readonly slixmpp: SlixmppClient;
  /** Of Romeo too. */
  readonly profanity: ProfanityUser;
  readonly juliet: XmppJsUser;
}

async function scene(t: TestContext): Promise<Scene> {
  const folder = await temporaryFolder(t);
  const certificates = join(folder, 'certs');
  const { caPath } = await makeDevelopmentCertificates(certificates, [HOME]);
  const dns = await dnsFixture(t, { [HOME]: {} });
  const enjamb = await Enjamb.start(t, { folder: join(folder, 'enjamb'), certificates, dns: dns.address });
  for (const user of ['romeo', 'juliet']) await enjamb.addUser(`${user}@${HOME}`, PASSWORD);

  const slixmpp = await SlixmppClient.start(t, { folder, caPath, name: 'slixmpp' });
  const romeo = new SlixmppUser(slixmpp, ROMEO, PASSWORD);
  const terminal = join(folder, 'profanity');
  await mkdir(terminal);
  const profanity = new ProfanityUser(t, { folder: terminal, caPath, jid: ROMEO, password: PASSWORD });
  const juliet = await XmppJsUser.start(t, { folder, caPath, jid: `juliet@${HOME}`, password: PASSWORD });
  for (const user of [romeo, profanity, juliet]) await user.login(STARTTLS);
  await slixmpp.enableCarbons();
  return { enjamb, romeo, slixmpp, profanity, juliet };
}

/** Of a copy, as slixmpp understands it. */
function facts({ direction, from, to, body }: Report): unknown[] {
  return [direction, from, to, body];
}
