// XEP-0191: a user with slixmpp and profanity blocks a user of a real Prosody.

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Element } from '../../src/xml/element.ts';
import { StanzaError } from '../../src/xml/errors.ts';
import { AWAY, HOME } from './support/addresses.ts';
import type { SlixmppClient } from './support/slixmpp.ts';
import { until } from './support/waiting.ts';
import { homeLogin, PASSWORD, world } from './support/world.ts';
import { ProfanityUser } from './support-clients/profanity-user.ts';
import type { Terminal } from './support-clients/terminal.ts';
import { STARTTLS } from './support-clients/user.ts';

const ROMEO = `romeo@${HOME}`;
const JULIET = `juliet@${AWAY}`;

test('XEP-0191: slixmpp and profanity of one user block a user of Prosody', {
  timeout: 120_000,
}, async (t) => {
  const made = await world(t);
  const { enjamb, folder, caPath } = made;
  const romeo = await made.homeUser('romeo');
  const juliet = await made.awayUser('juliet');
  await befriend(romeo, juliet);
  const terminal = join(folder, 'profanity');
  await mkdir(terminal);
  const profanity = new ProfanityUser(t, { folder: terminal, caPath, jid: ROMEO, password: PASSWORD });
  const screen = await profanity.beginLogin(STARTTLS);
  await screen.shows(`${profanity.fullJid} logged in successfully`);
  await sees(juliet, profanity.fullJid, undefined);

  await t.test('§3.2, §3.3: the block of profanity is pushed to slixmpp', async () => {
    assert.deepEqual(await romeo.blocklist(), []);
    await knowsBlocking(screen);
    const pushed = romeo.report('blocked');
    await screen.type(`/blocked add ${JULIET}`);
    await screen.shows(`User ${JULIET} successfully blocked.`);
    assert.deepEqual((await pushed).jids, [JULIET]);
    assert.deepEqual(await romeo.blocklist(), [JULIET]);
  });

  await t.test('§3.3: the blocked user sees both clients go offline', async () => {
    await sees(juliet, `${ROMEO}/orchard`, 'unavailable');
    await sees(juliet, profanity.fullJid, 'unavailable');
  });

  await t.test('§3.3: the blocked user gets service-unavailable for messages and requests', async () => {
    juliet.send(ROMEO, 'O Romeo', 'chat', 'refused');
    assert.equal(await refusal(juliet, 'refused'), 'service-unavailable');
    for (const to of [ROMEO, `${ROMEO}/orchard`, `${ROMEO}/gone`])
      assert.equal((await juliet.ping(to)).condition, 'service-unavailable');
  });

  await t.test('§3.3: the user gets not-acceptable for a message to the blocked user', async () => {
    romeo.send(JULIET, 'Shall I hear more?', 'chat', 'blocked');
    assert.equal(await refusal(romeo, 'blocked'), 'not-acceptable');
  });

  await t.test(
    'B20: after kill -9 the block holds: the blocked user hears nothing, and does not see the next login',
    async () => {
      await enjamb.kill9();
      await enjamb.start();
      const again = await made.client('romeo-again');
      await again.login(homeLogin('romeo'));
      const since = juliet.stanzas.length;
      juliet.presence(ROMEO, 'probe');
      assert.equal((await juliet.ping(`${ROMEO}/orchard`)).condition, 'service-unavailable');
      assert.deepEqual(await again.blocklist(), [JULIET]);
      assert.deepEqual(
        juliet.stanzas.slice(since).filter(({ element }) => element.name === 'presence'),
        [],
      );
      await unblocks(again, juliet);
    },
  );

  await made.enjamb.stop();
});

/** profanity learns a while after its login what the server supports. */
async function knowsBlocking(screen: Terminal): Promise<void> {
  await until(
    'profanity knows of blocking',
    async () => {
      await screen.type('/blocked');
      return (await screen.screen()).includes('No blocked users.') || undefined;
    },
    20_000,
    500,
  );
}

/** §3.4: the contact sees the present presence, and the user that of the contact. */
async function unblocks(romeo: SlixmppClient, juliet: SlixmppClient): Promise<void> {
  const since = { romeo: romeo.stanzas.length, juliet: juliet.stanzas.length };
  const pushed = romeo.report('unblocked');
  romeo.unblock(JULIET);
  assert.deepEqual((await pushed).jids, [JULIET]);
  await sees(juliet, `${ROMEO}/orchard`, undefined, since.juliet);
  await sees(romeo, `${JULIET}/orchard`, undefined, since.romeo);
  juliet.send(ROMEO, 'Art thou not Romeo?');
  await romeo.stanza('the message', (it) => it.getChildText('body') === 'Art thou not Romeo?');
}

async function befriend(romeo: SlixmppClient, juliet: SlixmppClient): Promise<void> {
  romeo.presence(JULIET, 'subscribe');
  await sees(romeo, `${JULIET}/orchard`, undefined);
  await sees(juliet, `${ROMEO}/orchard`, undefined);
}

async function sees(client: SlixmppClient, who: string, type: string | undefined, since = 0): Promise<void> {
  const fits = ({ name, attrs }: Element) => name === 'presence' && attrs.from === who && attrs.type === type;
  await client.stanza(`presence of ${who}`, fits, { since });
}

/** The condition of the error for a stanza with this id. */
async function refusal(client: SlixmppClient, id: string): Promise<string> {
  const { element } = await client.stanza(
    'an error',
    ({ attrs }) => attrs.id === id && attrs.type === 'error',
  );
  return StanzaError.from(element).condition;
}
