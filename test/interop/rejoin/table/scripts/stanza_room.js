// A program in a room, made with stanza and its joinRoom. It keeps no list of people, so that of the program follows its
// events.

import { createClient } from 'stanza';
import { ACCOUNT, obey, report } from './reports.js';

const { jid, password, url, room, nick } = ACCOUNT;
const people = new Set();

const client = createClient({ jid, password, transports: { websocket: url, bosh: false } });
client.on('session:started', async () => {
  client.sendPresence();
  await client.joinRoom(room, nick);
  report('in', '');
});
client.on('groupchat', ({ body }) => {
  if (body) report('talk', body);
});
const nickOf = ({ from }) => from.slice(room.length + 1);
client.on('muc:available', (presence) => nickOf(presence) && people.add(nickOf(presence)));
client.on('muc:unavailable', (presence) => people.delete(nickOf(presence)));
const EVENTS = [
  'muc:join',
  'muc:leave',
  'muc:available',
  'muc:unavailable',
  'muc:topic',
  'muc:error',
  'muc:destroyed',
];
for (const name of [...EVENTS, 'disconnected', 'auth:failed', 'message:error'])
  client.on(name, (it) => report('told', `${name} ${it?.from ?? ''}`));

obey({
  say: (text) => client.sendMessage({ to: room, type: 'groupchat', body: text }),
  people: () => [...people],
});
client.connect();
