// enjamb and three users with different client programs.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { makeDevelopmentCertificates } from '../../../src/net/dev-certificates.ts';
import { temporaryFolder } from '../../support/clean-up.ts';
import { dnsFixture } from '../../support/dns-fixture.ts';
import { HOME } from '../support/addresses.ts';
import { Enjamb } from '../support/enjamb.ts';
import { SlixmppClient } from '../support/slixmpp.ts';
import { ProfanityUser } from './profanity-user.ts';
import { SlixmppUser } from './slixmpp-user.ts';
import { XmppJsUser } from './xmpp-js-user.ts';

const PASSWORD = 'wherefore art thou 7';

export interface Stage {
  readonly enjamb: Enjamb;
  /** slixmpp */
  readonly romeo: SlixmppUser;
  /** @xmpp/client */
  readonly juliet: XmppJsUser;
  readonly mercutio: ProfanityUser;
}

/**
 * No user has logged in. Everything ends with the test. If the test fails, the folder with all logs stays, and is
 * printed. `trusting`: whether the clients trust the authority of the server's certificate.
 */
export async function stage(t: TestContext, { trusting = true } = {}): Promise<Stage> {
  const folder = await temporaryFolder(t);
  const certificates = join(folder, 'certs');
  const { caPath } = await makeDevelopmentCertificates(certificates, [HOME]);
  const elsewhere = await makeDevelopmentCertificates(join(folder, 'elsewhere'), []);
  const dns = await dnsFixture(t, { [HOME]: {} });
  const enjamb = await Enjamb.start(t, { folder: join(folder, 'enjamb'), certificates, dns: dns.address });
  for (const user of ['romeo', 'juliet', 'mercutio']) await enjamb.addUser(`${user}@${HOME}`, PASSWORD);

  const password = PASSWORD;
  const trusted = { caPath: trusting ? caPath : elsewhere.caPath };
  const terminal = join(folder, 'profanity');
  await mkdir(terminal);
  return {
    enjamb,
    romeo: new SlixmppUser(
      await SlixmppClient.start(t, { folder, name: 'slixmpp', ...trusted }),
      `romeo@${HOME}`,
      password,
    ),
    juliet: await XmppJsUser.start(t, { folder, jid: `juliet@${HOME}`, password, ...trusted }),
    mercutio: new ProfanityUser(t, { folder: terminal, jid: `mercutio@${HOME}`, password, ...trusted }),
  };
}
