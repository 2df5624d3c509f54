// A client made with stanza that comes back to its archive, driven by talker.ts.

import { createInterface } from 'node:readline';
import { createClient } from 'stanza';

const PAGE = 50;
const RETRACT = 'urn:xmpp:message-retract:1';
let client;
let last;

function report(event, fields = {}) {
  process.stdout.write(`${JSON.stringify({ event, at: Date.now(), ...fields })}\n`);
}

const commands = {
  login({ jid, password, webSocket, last: known }) {
    last = known;
    client = createClient({ jid, password, transports: { websocket: webSocket, bosh: false } });
    client.stanzas.define([definition('retract'), definition('retracted')]);
    client.on('session:started', () => begin().catch((error) => report('failed', { why: `${error}` })));
    client.on('message', (message) => got(message, message.stanzaIds?.find(isOwn)?.id, 'live'));
    client.on('disconnected', () => report('down'));
    client.connect();
  },

  logout() {
    client.disconnect();
  },
};

function isOwn({ by }) {
  return by === client.config.jid.replace(/\/.*/, '');
}

/** It does not know XEP-0424. */
function definition(element) {
  return { aliases: [{ path: `message.${element}` }], element, fields: {}, namespace: RETRACT };
}

async function begin() {
  let isComplete = false;
  while (!isComplete) {
    const page = await client.searchHistory({ paging: { max: PAGE, after: last } }).catch(begunAnew);
    for (const { item, id } of page.results) got(item.message, id, 'archive');
    isComplete = page.complete === true;
  }
  client.sendPresence();
  report('up', { resumed: false });
}

/** The archive no longer has the last message that it knew. */
function begunAnew({ error }) {
  if (error?.condition !== 'item-not-found' || last === undefined) throw new Error(error?.condition);
  report('lost', { id: last });
  last = undefined;
  return { results: [], complete: false };
}

function got(message, stanzaId, way) {
  if (message.archive || message.type === 'error') return;
  last = stanzaId ?? last;
  const kind = message.retract ? 'retraction' : message.retracted ? 'tombstone' : 'text';
  if (kind === 'text' && message.body === undefined) return;
  const { id, from: sender, delay } = message;
  report('got', {
    id,
    sender,
    stanza_id: stanzaId,
    way,
    delayed: way === 'live' && delay !== undefined,
    kind,
  });
}

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const { do: name, ...args } = JSON.parse(line);
  commands[name](args);
});
lines.on('close', () => process.exit());
report('ready');
