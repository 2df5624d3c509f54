// Links with a real Prosody.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AWAY, HOME } from './support/addresses.ts';
import type { SlixmppClient } from './support/slixmpp.ts';
import { type World, type WorldOptions, world } from './support/world.ts';

const LIMIT = { timeout: 60_000 };

test('XEP-0220, RFC 6120 §5: exchanges messages over STARTTLS and dialback', LIMIT, async (t) => {
  const { enjamb } = await conversation(t, { secureAuth: false, caTrusted: false });
  const links = await enjamb.list('s2s', 'list', AWAY);
  assert.deepEqual(links.map(({ direction }) => direction).sort(), ['in', 'out']);
  for (const { secure, certificate, state } of links) {
    assert.deepEqual({ secure, certificate, state }, { secure: true, certificate: false, state: 'open' });
  }
  await enjamb.stop();
});

test('XEP-0178: exchanges messages over SASL EXTERNAL with valid certificates', LIMIT, async (t) => {
  const { enjamb, prosody } = await conversation(t, { secureAuth: true });
  const links = await enjamb.list('s2s', 'list', AWAY);
  assert.deepEqual(links.map(({ direction }) => direction).sort(), ['in', 'out']);
  assert.ok(links.every(({ certificate }) => certificate === true));
  assert.match(prosody.log, /Accepting SASL EXTERNAL identity from montague\.example/);
  assert.match(prosody.log, /SASL EXTERNAL with montague\.example succeeded/);
  await enjamb.stop();
});

test('XEP-0220: exchanges messages by dialback without TLS if neither side requires it', LIMIT, async (t) => {
  const { enjamb } = await conversation(t, { encryption: false });
  const links = await enjamb.list('s2s', 'list', AWAY);
  assert.deepEqual(links.map(({ direction, secure }) => [direction, secure]).sort(), [
    ['in', false],
    ['out', false],
  ]);
  await enjamb.stop();
});

test(
  'RFC 6120 §13.7.2: exchanges no messages if valid certificates are required and missing',
  LIMIT,
  async (t) => {
    const created = await world(t, { secureAuth: true, caTrusted: false });
    const romeo = await created.homeUser('romeo');
    const juliet = await created.awayUser('juliet');
    const outward = await romeo.ping(AWAY);
    assert.deepEqual(
      { event: outward.event, condition: outward.condition, type: outward.type },
      { event: 'ping_failed', condition: 'remote-server-timeout', type: 'wait' },
    );
    assert.equal((await juliet.ping(HOME)).event, 'ping_failed');
    assert.deepEqual(await created.prosody.wire(), []);
    await created.enjamb.stop();
  },
);

/** Romeo of enjamb and Juliet of Prosody exchange messages, each over a link that their own server opens. */
async function conversation(t: Parameters<typeof world>[0], options: WorldOptions): Promise<World> {
  const created = await world(t, options);
  const romeo = await created.homeUser('romeo');
  const juliet = await created.awayUser('juliet');
  await says(romeo, juliet, `juliet@${AWAY}`, 'What lady is that?');
  await says(juliet, romeo, `romeo@${HOME}`, 'My only love sprung from my only hate!');
  return created;
}

async function says(from: SlixmppClient, to: SlixmppClient, address: string, body: string): Promise<void> {
  from.send(address, body);
  const { element } = await to.stanza('the message', (it) => it.getChildText('body') === body);
  assert.equal(element.attrs.type, 'chat');
}

test('RFC 6120 §8.3.3.16: a domain without a server gets remote-server-not-found', LIMIT, async (t) => {
  const { enjamb, homeUser } = await world(t, { prosody: false });
  const romeo = await homeUser('romeo');
  const outcome = await romeo.ping('nobody.example');
  assert.deepEqual(
    { event: outcome.event, condition: outcome.condition, type: outcome.type },
    { event: 'ping_failed', condition: 'remote-server-not-found', type: 'cancel' },
  );
  await enjamb.stop();
});

test(
  'RFC 6120 §8.3.3.17: a server that refuses connections gets remote-server-timeout, of type wait',
  LIMIT,
  async (t) => {
    const { enjamb, homeUser } = await world(t, { prosody: false }); // Its address is in the DNS all the same.
    const romeo = await homeUser('romeo');
    const outcome = await romeo.ping(AWAY);
    assert.deepEqual(
      { event: outcome.event, condition: outcome.condition, type: outcome.type },
      { event: 'ping_failed', condition: 'remote-server-timeout', type: 'wait' },
    );
    await enjamb.stop();
  },
);
