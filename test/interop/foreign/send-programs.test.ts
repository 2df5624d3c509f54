// Programs that send lines of a shell: go-sendxmpp (go-xmpp) and sendxmpp (Perl, Net::XMPP).

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { ENJAMB, HOME } from '../support/addresses.ts';
import { Program, run } from '../support/program.ts';
import { foreignScene, HALL, hears, JULIET, LINE, PASSWORD, ROMEO, SERVER } from './scene.ts';

const LIMIT = { timeout: 30_000 };
const LISTENING_MS = 10_000;

test('go-sendxmpp: STARTTLS and direct TLS, chat both ways, a room, a wrong password', LIMIT, async (t) => {
  const { enjamb, juliet, folder, caPath } = await foreignScene(t);
  const trusting = { SSL_CERT_FILE: caPath };
  const send = (line: string, options: string[], { password = PASSWORD, env = trusting } = {}) =>
    run('go-sendxmpp', ['-u', ROMEO, '-p', password, ...options], { input: `${line}\n`, env });

  const starttls = ['-j', SERVER];
  const directTls = ['-t', '-j', `${ENJAMB.address}:${ENJAMB.c2sDirectTls}`];
  for (const door of [starttls, directTls]) {
    const line = `${LINE} ${door.length}`;
    assert.deepEqual(await send(line, [...door, JULIET]), { code: 0, signal: null, stdout: '', stderr: '' });
    await hears(juliet, ROMEO, line);
  }
  const room = await send(LINE, [...starttls, '-c', '-a', 'Romeo', HALL]);
  assert.equal(room.code, 0, room.stderr);
  await hears(juliet, `${HALL}/Romeo`, LINE);

  const listener = new Program(t, 'go-sendxmpp', {
    command: 'go-sendxmpp',
    args: ['-u', ROMEO, '-p', PASSWORD, ...starttls, '-l'],
    env: trusting,
    logFile: join(folder, 'go-sendxmpp.log'),
  });
  await enjamb.logged(
    ({ msg, jid }) => msg === 'client bound' && String(jid).startsWith(ROMEO),
    LISTENING_MS,
  );
  juliet.send(ROMEO, LINE);
  assert.match(await listener.line((line) => line.includes(LINE), LISTENING_MS), new RegExp(JULIET));

  const wrong = await send(LINE, [...starttls, JULIET], { password: 'wrong' });
  assert.deepEqual(
    [wrong.code, /auth failure: .*/.exec(wrong.stderr)?.[0]],
    [1, 'auth failure: not-authorized'],
  );
  const distrusting = await send(LINE, [...starttls, JULIET], { env: { SSL_CERT_FILE: '' } });
  assert.equal(distrusting.code, 1);
  assert.match(distrusting.stderr, /certificate signed by unknown authority/);
  await enjamb.stop();
});

// It enters rooms by the protocol from before XEP-0045, which Prosody 0.12 refuses too.
test('sendxmpp: STARTTLS, chat, a wrong password', LIMIT, async (t) => {
  const { enjamb, juliet, caPath } = await foreignScene(t);
  const send = (options: string[], { password = PASSWORD, ca = caPath, limitMs = 20_000 } = {}) => {
    const login = ['-u', 'romeo', '-o', HOME, '-j', SERVER, '-p', password, '-t', '--tls-ca-path', ca];
    return run('sendxmpp', [...login, ...options], { input: `${LINE}\n`, limitMs });
  };

  const { code, stderr } = await send([JULIET]);
  assert.deepEqual([code, withoutWarnings(stderr)], [0, '']);
  await hears(juliet, ROMEO, LINE);

  const wrong = await send([JULIET], { password: 'wrong' });
  assert.equal(wrong.code, 1);
  assert.match(withoutWarnings(wrong.stderr), /^Error 'AuthSend': error: not-authorized/);
  // It prints nothing for ten seconds, and then no reason.
  const distrusting = await send([JULIET], { ca: '/etc/ssl/certs/ca-certificates.crt', limitMs: 3_000 });
  assert.notEqual(distrusting.code, 0);
  await enjamb.logged(({ why }) => /alert unknown ca/.test(String(why)), 5_000);
  await enjamb.stop();
});

/** XML::Stream warns of itself when a stream has ended. */
function withoutWarnings(stderr: string): string {
  return stderr.replace(/^Use of uninitialized value.*\n/gm, '');
}
