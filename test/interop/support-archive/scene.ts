// enjamb, and the archive of Juliet: what Romeo and she have written to each other while nobody else was there.

import { connect } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { makeDevelopmentCertificates } from '../../../src/net/dev-certificates.ts';
import { atEnd, temporaryFolder } from '../../support/clean-up.ts';
import { ScriptedClient } from '../../support/client.ts';
import { dnsFixture } from '../../support/dns-fixture.ts';
import { ENJAMB, HOME } from '../support/addresses.ts';
import { Enjamb } from '../support/enjamb.ts';
import { PASSWORD } from '../support/world.ts';

export const JULIET = `juliet@${HOME}`;
export const ROMEO = `romeo@${HOME}`;

export interface Scene {
  readonly enjamb: Enjamb;
  readonly folder: string;
  readonly caPath: string;
  readonly romeo: ScriptedClient;
}

/** Romeo is there, Juliet is not. */
export async function scene(t: TestContext, options: readonly string[] = []): Promise<Scene> {
  const folder = await temporaryFolder(t);
  const certificates = join(folder, 'certs');
  const { caPath } = await makeDevelopmentCertificates(certificates, [HOME]);
  const dns = await dnsFixture(t, { [HOME]: {} });
  const config = ['c2s_require_encryption = false', 'allow_unencrypted_plain_auth = true', ...options];
  const enjamb = await Enjamb.start(t, { folder, certificates, dns: dns.address, config });
  for (const jid of [ROMEO, JULIET]) await enjamb.addUser(jid, PASSWORD);
  return { enjamb, folder, caPath, romeo: await login(t, `${ROMEO}/orchard`) };
}

/** In plain text, as no real program does. */
export async function login(t: TestContext, jid: string): Promise<ScriptedClient> {
  const socket = connect(ENJAMB.c2s, ENJAMB.address);
  atEnd(t, () => socket.destroy());
  return new ScriptedClient(socket, 10_000).login(jid, PASSWORD);
}

/**
 * Writes to somebody; resolves when that is on disk, since a query of the archive waits for it. What has come to the writer is
 * passed over.
 */
export async function writes(client: ScriptedClient, to: string, ...texts: readonly string[]): Promise<void> {
  for (const text of texts)
    client.send(`<message type='chat' to='${to}' id='${text}'><body>${text}</body></message>`);
  const none = `<set xmlns='http://jabber.org/protocol/rsm'><max>0</max></set>`;
  client.send(`<iq type='set' id='written'><query xmlns='urn:xmpp:mam:2'>${none}</query></iq>`);
  await client.skipUntil(({ name, attrs }) => name === 'iq' && attrs.id === 'written');
}
