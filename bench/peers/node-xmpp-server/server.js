// The smallest chat server that node-xmpp-server makes: any password, messages to full JIDs, nothing else.
// Only for comparison (docs/adr/0009); installed by the bench into a folder of its own.

const { readFileSync } = require('node:fs');
const { C2S } = require('node-xmpp-server');

const [, , port, domain, keyPath, certPath] = process.argv;
const tls = { key: readFileSync(keyPath), cert: readFileSync(certPath) };
const server = new C2S.TCPServer({ port: Number(port), domain, tls });
const clients = new Map();

server.on('connection', (client) => {
  client.on('authenticate', (options, done) => done(null, options));
  client.on('bind', (resource, done) => {
    done(null, resource);
    clients.set(client.jid.toString(), client);
  });
  client.on('disconnect', () => client.jid && clients.delete(client.jid.toString()));
  client.on('error', () => {});
  client.on('stanza', (stanza) => {
    const to = clients.get(stanza.attrs.to);
    if (!to) return;
    stanza.attrs.from = client.jid.toString();
    to.send(stanza);
  });
});
