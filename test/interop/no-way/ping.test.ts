// The output for an administrator of a machine without a route to other servers.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeDevelopmentCertificates } from '../../../src/net/dev-certificates.ts';
import { temporaryFolder } from '../../support/clean-up.ts';
import { HOME } from '../support/addresses.ts';
import { Enjamb } from '../support/enjamb.ts';
import { Network } from '../support/network.ts';

test('without a route, `s2s ping` prints that no name server is reachable, and the server continues', async (t) => {
  const folder = await temporaryFolder(t);
  const certificates = join(folder, 'certs');
  await makeDevelopmentCertificates(certificates, [HOME]);
  const network = await Network.make(t, 'home');
  const dns = ['10.98.0.2:53', '[fd98::2]:53'];
  const enjamb = await Enjamb.start(t, { folder, certificates, network, dns });
  const reason =
    'away.test could not be looked up (AAAA): DNS server 10.98.0.2:53 cannot be reached: no route to the network; ' +
    'DNS server [fd98::2]:53 cannot be reached: no route to the network';
  const refused = await enjamb.command(['s2s', 'ping', 'away.test']).catch((error: Error) => error.message);
  assert.match(refused, /^enjamb s2s ping away\.test: enjamb: away\.test does not answer: /);
  assert.ok(refused.includes(reason), refused);
  const [link] = await enjamb.list('s2s', 'list');
  assert.deepEqual([link?.remote, link?.state, link?.error], ['away.test', 'closed', reason]);
  const table = await enjamb.command(['s2s', 'list']);
  assert.ok(
    table.split('\n').every((line) => line.length <= 100),
    table,
  );
  await enjamb.stop();
});
