// enjamb with users and rooms, and one of its users at slixmpp, to whom the programs under test talk.

import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { makeDevelopmentCertificates } from '../../../src/net/dev-certificates.ts';
import type { Element } from '../../../src/xml/element.ts';
import { NS } from '../../../src/xml/namespaces.ts';
import { temporaryFolder } from '../../support/clean-up.ts';
import { ENJAMB, HOME } from '../support/addresses.ts';
import { Enjamb } from '../support/enjamb.ts';
import { SlixmppClient } from '../support/slixmpp.ts';
import { homeLogin, PASSWORD } from '../support/world.ts';

export { PASSWORD } from '../support/world.ts';

export const ROMEO = `romeo@${HOME}`;
export const JULIET = `juliet@${HOME}`;
export const ROOMS = `rooms.${HOME}`;
export const HALL = `hall@${ROOMS}`;
/** The address for the programs; the certificate has the name of the domain. */
export const SERVER = `${ENJAMB.address}:${ENJAMB.c2s}`;
/** The text of messages, with markup and characters of two, three and four bytes. */
export const LINE = 'But soft: 1 < 2 & "3" — ça va? 🌹';

export interface Scene {
  readonly enjamb: Enjamb;
  /** Logged in, and in the hall. She approves every request, and requests a subscription in return. */
  readonly juliet: SlixmppClient;
  readonly folder: string;
  /** PEM of the authority that signed the server's certificate. */
  readonly caPath: string;
}

/** Everything in it ends with the test. Romeo has an account, and has not logged in. */
export async function foreignScene(t: TestContext): Promise<Scene> {
  const folder = await temporaryFolder(t);
  const certificates = join(folder, 'certs');
  const { caPath } = await makeDevelopmentCertificates(certificates, [HOME, ROOMS]);
  const config = [`[hosts."${ROOMS}"]`, 'component = "muc"', 'muc_room_locking = false'];
  const dns = '127.0.0.1:1'; // Everybody is at home.
  const enjamb = await Enjamb.start(t, { folder: join(folder, 'enjamb'), certificates, dns, config });
  for (const jid of [ROMEO, JULIET]) await enjamb.addUser(jid, PASSWORD);
  const juliet = await SlixmppClient.start(t, { folder, caPath, name: 'juliet' });
  await juliet.login(homeLogin('juliet'));
  await juliet.join(HALL, 'Juliet');
  return { enjamb, juliet, folder, caPath };
}

/** Resolves when juliet has received this body, from this address or any resource of it. */
export async function hears(juliet: SlixmppClient, from: string, body: string): Promise<void> {
  const isIt = (it: Element) =>
    it.is('message') &&
    it.getChildText('body')?.trimEnd() === body &&
    (it.attrs.from === from || it.attrs.from?.startsWith(`${from}/`) === true);
  await juliet.stanza(`"${body}" from ${from}`, isIt);
}

/** Resolves when juliet's roster has this contact with subscription "both". */
export async function hasBothWays(juliet: SlixmppClient, jid: string): Promise<void> {
  const isPush = (it: Element) => {
    const query = it.is('iq') && it.attrs.type === 'set' ? it.getChild('query', NS.ROSTER) : undefined;
    const item = query?.getChild('item');
    return item?.attrs.jid === jid && item.attrs.subscription === 'both';
  };
  await juliet.stanza(`${jid} on her roster, both ways`, isPush);
}

/** The method of each of Romeo's logins. */
export function mechanisms({ log }: Enjamb): unknown[] {
  return log
    .filter(({ msg, user }) => msg === 'authenticated' && user === 'romeo')
    .map(({ mechanism }) => mechanism);
}
