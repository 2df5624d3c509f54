// Clients made with @xmpp/client, driven from outside: many in one process, each with a name.
//
// One JSON object per line on standard input says what to do, one per line on standard output says what happened.

import dns from 'node:dns';
import { createInterface } from 'node:readline';
import { client, xml } from '@xmpp/client';

/** For machines that do much else at the time; its own is two seconds. */
const TIMEOUT_MS = 20_000;
const clients = new Map();
const addresses = new Map();

dns.lookup = (name, { all }, done) => {
  const address = addresses.get(name);
  return all ? done(null, [{ address, family: 4 }]) : done(null, address, 4);
};

function report(name, event, fields = {}) {
  process.stdout.write(`${JSON.stringify({ name, event, at: Date.now(), ...fields })}\n`);
}

const commands = {
  login({ name, domain, address, port, username, password, resource }) {
    addresses.set(domain, address);
    const service = `xmpp://${domain}:${port}`;
    const xmpp = client({ service, domain, username, password, resource, timeout: TIMEOUT_MS });
    clients.set(name, xmpp);
    xmpp.reconnect.stop();
    xmpp.on('stanza', (stanza) => report(name, 'stanza', { xml: stanza.toString() }));
    xmpp.on('online', () => xmpp.send(xml('presence')).then(() => report(name, 'session')));
    xmpp.on('disconnect', () => report(name, 'disconnected'));
    xmpp.on('error', (error) => report(name, 'error', { why: `${error}` }));
    xmpp.start().catch((error) => report(name, 'refused', { why: `${error}` }));
  },

  /** `element`: [name, attributes, children], and text. */
  send({ name, element }) {
    return clients.get(name).send(build(element));
  },

  logout({ name }) {
    return clients.get(name).stop();
  },
};

function build(element) {
  if (typeof element === 'string') return element;
  const [name, attrs = {}, children = []] = element;
  return xml(name, attrs, ...children.map(build));
}

const lines = createInterface({ input: process.stdin });
lines.on('line', async (line) => {
  const { do: command, ...args } = JSON.parse(line);
  try {
    await commands[command](args);
  } catch (error) {
    report(args.name, 'failed', { why: `${command}: ${error}` });
  }
});
lines.on('close', () => process.exit());
report('', 'ready');
