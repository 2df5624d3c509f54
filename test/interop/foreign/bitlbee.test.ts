// bitlbee, an IRC server whose users talk to XMPP (its own XMPP code; GnuTLS).

import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { atEnd } from '../../support/clean-up.ts';
import { BETWEEN, ENJAMB } from '../support/addresses.ts';
import { Program } from '../support/program.ts';
import { until } from '../support/waiting.ts';
import { IrcUser } from '../support-components/irc.ts';
import { foreignScene, HALL, hasBothWays, hears, JULIET, LINE, PASSWORD, ROMEO } from './scene.ts';
import { systemWith, WELL_KNOWN } from './system.ts';

const LIMIT = { timeout: 60_000 };
const START_MS = 10_000;
const CONTROL = '&bitlbee';
const IRC_PORT = 16_667;
/** bitlbee accepts only XMPP ports near 5222. */
const XMPP_PORT = 5_222;

test('bitlbee: rosters, chat, a room', LIMIT, async (t) => {
  const { enjamb, juliet, folder, caPath } = await foreignScene(t);
  await forwardedPort(t);
  const romeo = await romeoOnIrc(t, { folder: join(folder, 'bitlbee'), caPath, password: PASSWORD });
  await romeo.hears(/jabber - Logging in: Logged in/);

  romeo.send(CONTROL, `add jabber ${JULIET}`);
  await romeo.hears(/New request: The user .*juliet/);
  romeo.send(CONTROL, 'yes');
  await hasBothWays(juliet, ROMEO);
  await romeo.hears(/MODE &bitlbee \+v juliet/);

  romeo.send('juliet', LINE);
  await hears(juliet, ROMEO, LINE);
  juliet.send(ROMEO, 'Ay me! <3');
  await romeo.hears(/^:juliet!\S+ PRIVMSG (romeo|&bitlbee) :(romeo: )?Ay me! <3/);

  romeo.send(CONTROL, `chat add jabber ${HALL}`);
  await romeo.hears(/Chatroom successfully added/);
  await romeo.enter('#hall');
  romeo.send('#hall', LINE);
  await hears(juliet, `${HALL}/romeo`, LINE);
  juliet.send(HALL, 'Who is there?', 'groupchat');
  await romeo.hears(/PRIVMSG #hall :Who is there\?/);
  await enjamb.stop();
});

test('bitlbee: a wrong password and an unknown authority', LIMIT, async (t) => {
  const { enjamb, folder, caPath } = await foreignScene(t);
  await forwardedPort(t);
  const wrong = await romeoOnIrc(t, { folder: join(folder, 'wrong'), caPath, password: 'wrong' });
  await wrong.hears(/jabber - .*Authentication failure/);
  const elsewhere = {
    folder: join(folder, 'elsewhere'),
    caPath: WELL_KNOWN,
    password: PASSWORD,
    port: IRC_PORT + 1,
  };
  const distrusting = await romeoOnIrc(t, elsewhere);
  await distrusting.hears(/jabber - .*certificate/i);
  await enjamb.stop();
});

interface BitlbeeOptions {
  readonly folder: string;
  readonly caPath: string;
  readonly password: string;
  readonly port?: number;
}

/** The port that bitlbee takes for XMPP, in front of enjamb's. */
async function forwardedPort(t: TestContext): Promise<void> {
  const server = createServer((from) => {
    const to = connect(ENJAMB.c2s, ENJAMB.address);
    for (const socket of [from, to]) socket.on('error', () => {});
    from.pipe(to).pipe(from);
  });
  server.listen(XMPP_PORT, BETWEEN);
  await once(server, 'listening');
  atEnd(t, () => void server.close());
}

/** A user of a new bitlbee, which logs in. */
async function romeoOnIrc(t: TestContext, { folder, caPath, password, port = IRC_PORT }: BitlbeeOptions) {
  await mkdir(join(folder, 'data'), { recursive: true });
  const file = join(folder, 'bitlbee.conf');
  const lines = [
    'RunMode = Daemon',
    `DaemonInterface = ${BETWEEN}`,
    `DaemonPort = ${port}`,
    `CAfile = ${caPath}`,
  ];
  await writeFile(file, ['[settings]', ...lines, ''].join('\n'));
  const [command = '', ...system] = await systemWith(join(folder, 'system'), caPath, BETWEEN);
  const args = [...system, 'bitlbee', '-D', '-n', '-c', file, '-d', join(folder, 'data')];
  new Program(t, 'bitlbee', { command, args, logFile: join(folder, 'bitlbee.log') });
  await until('bitlbee listens', () => accepts(port), START_MS);

  const romeo = await IrcUser.join(t, 'romeo', CONTROL, { address: BETWEEN, port });
  romeo.send(CONTROL, `account add jabber ${ROMEO} "${password}"`);
  romeo.send(CONTROL, 'account jabber set tls true');
  romeo.send(CONTROL, 'account jabber set tls_verify true');
  romeo.send(CONTROL, 'account jabber on');
  return romeo;
}

function accepts(port: number): Promise<true | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, BETWEEN);
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(undefined));
    socket.once('connect', () => socket.destroy());
  });
}
