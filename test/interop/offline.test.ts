// XEP-0160: stored messages survive a kill -9 until the client has acknowledged them.

import { connect } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { makeDevelopmentCertificates } from '../../src/net/dev-certificates.ts';
import { atEnd, temporaryFolder } from '../support/clean-up.ts';
import { ScriptedClient } from '../support/client.ts';
import { becomeAvailable } from '../support/contacts.ts';
import { dnsFixture } from '../support/dns-fixture.ts';
import { ENJAMB, HOME } from './support/addresses.ts';
import { Enjamb } from './support/enjamb.ts';
import { PASSWORD } from './support/world.ts';

const JULIET = `juliet@${HOME}`;
const ROMEO = `romeo@${HOME}`;
const SM = `xmlns='urn:xmpp:sm:3'`;

test('XEP-0160 §2, XEP-0198 §4: a stored message survives kill -9, and is removed when it is acknowledged', {
  timeout: 60_000,
}, async (t) => {
  const enjamb = await started(t);
  const romeo = await login(t, `${ROMEO}/orchard`);
  for (const text of ['1', '2']) {
    romeo.send(`<message type='chat' to='${JULIET}'><body>${text}</body></message>`);
  }
  await romeo.receivesNothing();
  romeo.drop();

  const first = await comes(t);
  await first.receives(stored('1'));
  await first.receives(stored('2'));
  await first.receivesNothing();
  await enjamb.kill9();
  await enjamb.start();

  const second = await comes(t);
  await second.receives(stored('1'));
  await second.receives(stored('2'));
  second.send(`<a ${SM} h='2'/>`); // Her own presence, and the first message.
  await second.receivesNothing();
  await setTimeout(7_000); // What a client has is on record after 5 seconds.
  await enjamb.kill9();
  await enjamb.start();

  const third = await comes(t);
  await third.receives(stored('2'));
  await third.receivesNothing();
  await enjamb.stop();
});

const stored = (text: string) => `
  <message type='chat' from='${ROMEO}/orchard' to='${JULIET}'>
    <body>${text}</body><delay xmlns='urn:xmpp:delay' from='${HOME}' stamp='{any}'/>
    <stanza-id xmlns='urn:xmpp:sid:0' by='${JULIET}' id='{any}'/>
  </message>`;

async function started(t: TestContext): Promise<Enjamb> {
  const folder = await temporaryFolder(t);
  const certificates = join(folder, 'certs');
  await makeDevelopmentCertificates(certificates, [HOME]);
  const dns = await dnsFixture(t, { [HOME]: {} });
  const config = ['c2s_require_encryption = false', 'allow_unencrypted_plain_auth = true'];
  const enjamb = await Enjamb.start(t, { folder, certificates, dns: dns.address, config });
  for (const jid of [ROMEO, JULIET]) await enjamb.addUser(jid, PASSWORD);
  return enjamb;
}

async function login(t: TestContext, jid: string): Promise<ScriptedClient> {
  const socket = connect(ENJAMB.c2s, ENJAMB.address);
  atEnd(t, () => socket.destroy());
  return new ScriptedClient(socket, 10_000).login(jid, PASSWORD);
}

/** Juliet, with stream management, available. */
async function comes(t: TestContext): Promise<ScriptedClient> {
  const client = await login(t, `${JULIET}/balcony`);
  client.send(`<enable ${SM} resume='true'/>`);
  await client.skipUntil(({ name }) => name === 'enabled');
  await becomeAvailable(client);
  return client;
}
