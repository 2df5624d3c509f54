// Lets clients that only know WebSockets (RFC 7395) talk to enjamb: a relay between their frames and a stream over TLS.

import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:tls';
import { type WebSocket, WebSocketServer } from 'ws';
import { atEnd, type Clean } from '../../support/clean-up.ts';
import { asFrame, asOverTcp, endOfFirst } from '../../support/framed.ts';
import { BETWEEN, ENJAMB, HOME } from './addresses.ts';

/** Listens until the test ends, without TLS of its own. Resolves with its URL. */
export async function webSocketRelay(t: Clean, caPath: string): Promise<string> {
  const ca = await readFile(caPath);
  const server = new WebSocketServer({ host: BETWEEN, port: 0, handleProtocols: () => 'xmpp' });
  await once(server, 'listening');
  server.on('connection', (socket) => relay(socket, ca));
  atEnd(t, () => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  return `ws://${BETWEEN}:${(server.address() as AddressInfo).port}/`;
}

function relay(socket: WebSocket, ca: Buffer): void {
  const { address: host, c2sDirectTls: port } = ENJAMB;
  const stream = connect({ host, port, ca, servername: HOME, ALPNProtocols: ['xmpp-client'] });
  let received = '';
  stream.setEncoding('utf8').on('data', (text: string) => {
    received += text;
    for (let end = endOfFirst(received); end !== undefined; end = endOfFirst(received)) {
      socket.send(withoutBinding(asFrame(received.slice(0, end))));
      received = received.slice(end);
    }
  });
  socket.on('message', (frame) => stream.write(asOverTcp(`${frame}`)));
  socket.on('error', () => {});
  stream.on('error', () => {});
  socket.on('close', () => stream.destroy());
  stream.on('close', () => socket.close());
}

/** Nobody can bind a login to a channel that ends here (RFC 5802 §6, XEP-0440). */
function withoutBinding(frame: string): string {
  if (!frame.startsWith('<stream:features')) return frame;
  return frame.replaceAll(
    /<mechanism>[^<]*-PLUS<\/mechanism>|<sasl-channel-binding .*<\/sasl-channel-binding>/g,
    '',
  );
}
