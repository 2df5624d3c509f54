// A client made with @xmpp/client, driven from outside.
//
// One JSON object per line on standard input says what to do, one per line on standard output says what happened.

import dns from 'node:dns';
import { createInterface } from 'node:readline';
import { client, xml } from '@xmpp/client';

/** For machines that do much else at the time; its own is two seconds. */
const TIMEOUT_MS = 20_000;
let xmpp;

function report(event, fields = {}) {
  process.stdout.write(`${JSON.stringify({ event, at: Date.now(), ...fields })}\n`);
}

const commands = {
  // It checks the certificate for the name that it connects to, so it connects to the domain; where that is, is said here.
  login({ service, address, domain, username, password, resource }) {
    dns.lookup = (_name, { all }, done) =>
      all ? done(null, [{ address, family: 4 }]) : done(null, address, 4);
    xmpp = client({ service, domain, username, password, resource, timeout: TIMEOUT_MS });
    xmpp.on('stanza', (stanza) => report('stanza', { xml: stanza.toString() }));
    xmpp.on('online', (jid) => welcome(jid.toString()).catch(refused));
    xmpp.on('offline', () => report('disconnected'));
    xmpp.on('error', (error) => report('error', { why: `${error}` }));
    // It does not answer roster pushes by itself.
    xmpp.iqCallee.set('jabber:iq:roster', 'query', () => true);
    xmpp.start().catch(refused);
  },

  presence({ to, type }) {
    return xmpp.send(xml('presence', { to, type }));
  },

  send({ to, body }) {
    return xmpp.send(xml('message', { to, type: 'chat' }, xml('body', {}, body)));
  },

  logout() {
    return xmpp.stop();
  },
};

async function welcome(jid) {
  await xmpp.iqCaller.get(xml('query', 'jabber:iq:roster'));
  await xmpp.send(xml('presence'));
  report('session', { jid, secure: xmpp.isSecure() });
}

function refused(error) {
  report('refused', { why: error.code ?? `${error}` });
}

const lines = createInterface({ input: process.stdin });
lines.on('line', async (line) => {
  const { do: name, ...args } = JSON.parse(line);
  await commands[name](args);
});
lines.on('close', () => process.exit());
report('ready');
