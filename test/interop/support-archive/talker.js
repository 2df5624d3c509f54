// A client made with @xmpp/client that talks while its server is killed, driven by talker.ts. It has no archive. It resumes
// when it can (XEP-0198 §5). What the server has not acknowledged when that fails, it sends again.

import dns from 'node:dns';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { client, xml } from '@xmpp/client';

const TIMEOUT_MS = 20_000;
const RETRY_MS = 200;
const POLL_MS = 10;
const STANZA_ID = 'urn:xmpp:sid:0';
const RETRACT = 'urn:xmpp:message-retract:1';
const DELAY = 'urn:xmpp:delay';
/** What the server has not acknowledged, by id. */
const pending = new Map();
let xmpp;
let isUp = false;
/** What it has logged in with. */
let account;

function report(event, fields = {}) {
  process.stdout.write(`${JSON.stringify({ event, at: Date.now(), ...fields })}\n`);
}

const commands = {
  login(args) {
    account = args;
    const { jid, password, host, port } = args;
    const [username, domain, resource] = jid.split(/[@/]/);
    dns.lookup = (_name, { all }, done) =>
      all ? done(null, [{ address: host, family: 4 }]) : done(null, host, 4);
    const service = `xmpp://${domain}:${port}`;
    xmpp = client({ service, domain, username, password, resource, timeout: TIMEOUT_MS });
    const { reconnect, streamManagement } = xmpp;
    reconnect.delay = RETRY_MS;
    streamManagement.requestAckDebounce = RETRY_MS / 2;
    streamManagement.on('ack', ({ attrs }) => pending.delete(attrs.id) && report('acked', { id: attrs.id }));
    streamManagement.on('resumed', resumed);
    xmpp.on('stanza', took);
    xmpp.on('online', () => begun().catch(failed));
    xmpp.on('disconnect', () => {
      isUp = false;
      // An exchange that ended with its connection would also answer the next one, twice for the server.
      xmpp.removeAllListeners('nonza');
      report('down');
    });
    xmpp.on('error', failed);
    xmpp.start().catch(failed);
  },

  say({ to, id }) {
    const message = xml('message', { to, type: 'chat', id }, xml('body', {}, id));
    pending.set(id, message);
    if (isUp) send(message);
  },

  cut() {
    (xmpp.socket?.socket ?? xmpp.socket)?.destroy(); // Its TLS socket is a wrapper.
  },

  logout() {
    return xmpp.stop();
  },
};

async function begun() {
  // The server counts stanzas from the moment at which it has enabled this.
  while (!xmpp.streamManagement.enabled) await pause(POLL_MS);
  await xmpp.send(xml('presence'));
  isUp = true;
  report('up', { resumed: false });
  for (const [id, message] of pending) {
    report('resent', { id });
    send(message);
  }
}

function resumed() {
  isUp = true;
  report('up', { resumed: true });
  const tracked = new Set(xmpp.streamManagement.outbound_q.map(({ stanza }) => stanza.attrs.id));
  for (const [id, message] of pending) if (!tracked.has(id)) send(message);
}

function send(message) {
  xmpp.send(message).catch(failed); // It stays pending.
}

function took(stanza) {
  if (!stanza.is('message')) return;
  const { id, from: sender, type } = stanza.attrs;
  if (type === 'error') return report('error', { id });
  const isRetraction = stanza.getChild('retract', RETRACT) !== undefined;
  if (!stanza.getChild('body') && !isRetraction) return undefined;
  const kind = isRetraction ? 'retraction' : 'text';
  const own = stanza
    .getChildren('stanza-id', STANZA_ID)
    .find(({ attrs }) => attrs.by === `${xmpp.jid.bare()}`);
  const delayed = stanza.getChild('delay', DELAY) !== undefined;
  return report('got', { id, sender, stanza_id: own?.attrs.id, way: 'live', delayed, kind });
}

/** Its user logs in again after an exchange that two connections have mixed up: it does not by itself. */
function failed(error) {
  report('failed', { why: error.code ?? `${error}` });
  if (error.name !== 'SASLError') return;
  const old = xmpp;
  for (const event of ['stanza', 'online', 'disconnect']) old.removeAllListeners(event);
  old.reconnect.stop();
  old.stop().catch(() => {});
  setTimeout(() => commands.login(account), RETRY_MS);
}

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const { do: name, ...args } = JSON.parse(line);
  commands[name](args);
});
lines.on('close', () => process.exit());
report('ready');
