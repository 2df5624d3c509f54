// A program in a room, made with @xmpp/client, which knows nothing of rooms: it keeps the list of people itself, in the
// simplest way that XEP-0045 §7.1 and §7.14 allow.

import dns from 'node:dns';
import { client, xml } from '@xmpp/client';
import { ACCOUNT, obey, report } from './reports.js';

const MUC = 'http://jabber.org/protocol/muc';
const { jid, password, host, port, room, nick } = ACCOUNT;
const [username, domain] = jid.split('@');
const people = new Set();

// It checks the certificate for the name that it connects to, so it connects to the domain; where that is, is said here.
dns.lookup = (_name, { all }, done) =>
  all ? done(null, [{ address: host, family: 4 }]) : done(null, host, 4);
const xmpp = client({ service: `xmpp://${domain}:${port}`, domain, username, password, timeout: 20_000 });
xmpp.on('online', async () => {
  await xmpp.send(xml('presence'));
  await xmpp.send(xml('presence', { to: `${room}/${nick}` }, xml('x', { xmlns: MUC })));
});
xmpp.on('offline', () => report('told', 'offline'));
xmpp.on('error', (error) => report('told', `error: ${error}`));
xmpp.on('stanza', (stanza) => {
  const { from = '', type } = stanza.attrs;
  if (!from.startsWith(room)) return;
  const body = stanza.getChildText('body');
  if (stanza.is('message') && type === 'groupchat' && body) report('talk', body);
  else report('told', stanza.toString());
  const who = from.slice(room.length + 1);
  if (!stanza.is('presence') || type === 'error' || who === '') return;
  if (type === 'unavailable') people.delete(who);
  else people.add(who);
  if (who === nick && type === undefined) report('in', '');
});

obey({
  say: (text) => xmpp.send(xml('message', { to: room, type: 'groupchat' }, xml('body', {}, text))),
  people: () => [...people],
});
await xmpp.start();
