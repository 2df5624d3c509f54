// Which ports limit the connections of one address.

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { readConfig } from '../../src/cli/configuration.ts';
import { Server } from '../../src/server.ts';
import { FakeClock } from '../support/clock.ts';
import { ErrorLog } from '../support/server.ts';
import { QUIET, siteFolder } from './cli/folder.ts';

const CONNECTIONS = 20;
/** With one connection a second: bursts of 5 pass, 10 wait for up to 10 seconds, and the others are closed. */
const LIMITED = { answered: 5, closed: 5 };
const UNLIMITED = { answered: CONNECTIONS, closed: 0 };

/** A server with one port for clients and one for servers. Its clock stands still. */
async function ports(t: TestContext, limits: string): Promise<{ c2s: number; s2s: number }> {
  const config = `${QUIET.replaceAll(/^[cs]2s_ports .*$/gm, '')}
c2s_ports = [0]
s2s_ports = [0]
c2s_require_encryption = false
interfaces = ["127.0.0.1"]
connections_per_address = 1
limits = ${limits}
[hosts."montague.lit"]`;
  const folder = siteFolder(t, { 'enjamb.toml': config });
  const server = new Server({
    config: await readConfig(join(folder, 'enjamb.toml')),
    log: new ErrorLog(),
    clock: new FakeClock(),
  });
  t.after(() => server.stop());
  await server.start();
  const [c2s, s2s] = server.addresses;
  return { c2s: c2s!.port, s2s: s2s!.port };
}

/** Opens connections from an address that is no proxy, until as many as `expected` are answered or closed. */
async function outcomes(t: TestContext, port: number, expected: typeof LIMITED): Promise<typeof LIMITED> {
  const found = { answered: 0, closed: 0 };
  for (let n = 0; n < CONNECTIONS; n++) {
    const socket = connect({ host: '127.0.0.1', port, localAddress: '127.0.0.2' });
    t.after(() => socket.destroy());
    let isAnswered = false;
    socket.on('error', () => {});
    socket.once('data', () => {
      isAnswered = true;
      found.answered++;
    });
    socket.once('close', () => {
      if (!isAnswered) found.closed++;
    });
    socket.write(`<stream:stream to='montague.lit' xmlns:stream='http://etherx.jabber.org/streams'>`);
  }
  while (found.answered + found.closed < expected.answered + expected.closed) await sleep(10);
  return found;
}

for (const [off, on] of [
  ['c2s', 's2s'],
  ['s2s', 'c2s'],
] as const) {
  test(`limits.${off} = false leaves the limits on connections to the ports of ${on}`, async (t) => {
    const at = await ports(t, `{ ${off} = false }`);
    assert.deepEqual(await outcomes(t, at[on], LIMITED), LIMITED);
    assert.deepEqual(await outcomes(t, at[off], UNLIMITED), UNLIMITED);
  });
}
