// A program in a room, made with strophe.js and its plugin for XEP-0045.

import { createRequire } from 'node:module';
import { ACCOUNT, obey, report } from './reports.js';

// As the plugin does it, so that both have the same one.
const require = createRequire(import.meta.url);
const { Strophe } = require('strophe.js');
require('strophejs-plugin-muc');

const { jid, password, url, room, nick } = ACCOUNT;
const connection = new Strophe.Connection(url);
let isIn = false;

function onMessage(stanza) {
  const [body] = stanza.getElementsByTagName('body');
  if (stanza.getAttribute('type') === 'groupchat' && body) report('talk', body.textContent);
  else report('told', Strophe.serialize(stanza));
  return true;
}

function onPresence(stanza) {
  report('told', Strophe.serialize(stanza));
  return true;
}

/** The plugin's own list, whenever it changes. */
function onRoster(occupants) {
  if (!isIn && nick in occupants) {
    isIn = true;
    report('in', '');
  }
  return true;
}

connection.connect(jid, password, (status) => {
  if (status !== Strophe.Status.CONNECTED) return report('told', `connection status ${status}`);
  connection.send(new Strophe.Builder('presence'));
  connection.muc.join(room, nick, onMessage, onPresence, onRoster);
});

obey({
  say: (text) => connection.muc.groupchat(room, text),
  people: () => Object.keys(connection.muc.rooms[room]?.roster ?? {}),
});
