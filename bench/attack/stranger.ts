// The server of a stranger, as far as dialback needs one: it vouches for every key and lets everybody in.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createServer, type TLSSocket } from 'node:tls';
import { EVIL, type World } from './world.ts';

const GREETING =
  `<?xml version='1.0'?><stream:stream id='stranger' from='${EVIL}' version='1.0' xmlns='jabber:server' ` +
  `xmlns:db='jabber:server:dialback' xmlns:stream='http://etherx.jabber.org/streams'><stream:features>` +
  `<dialback xmlns='urn:xmpp:features:dialback'/></stream:features>`;
/** The longest element of dialback. */
const TAIL = 4_500;

/** Listens until the process ends. */
export async function listenAsStranger({ certificates, stranger }: World): Promise<void> {
  const [key, cert] = await Promise.all(
    ['key', 'crt'].map((end) => readFile(join(certificates, `${EVIL}.${end}`))),
  );
  const server = createServer({ key: key!, cert: cert!, ALPNProtocols: ['xmpp-server'] });
  server.on('secureConnection', serve);
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(stranger.port, stranger.address, resolve));
}

function serve(socket: TLSSocket): void {
  let isGreeted = false;
  let tail = '';
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => {
    if (isGreeted && tail === '' && chunk.indexOf('<db:') < 0) return;
    tail += chunk.toString('latin1');
    if (!isGreeted && tail.includes('<stream:stream')) {
      isGreeted = true;
      socket.write(GREETING);
    }
    for (const [, what, attributes = ''] of tail.matchAll(/<db:(verify|result)\b([^>]*)>[^<]*<\/db:/g))
      socket.write(verdict(what!, attributes));
    // An element that is not whole yet.
    const open = tail.lastIndexOf('<db:');
    tail = open >= 0 && !tail.slice(open).includes('</db:') ? tail.slice(open).slice(-TAIL) : '';
  });
}

function verdict(what: string, attributes: string): string {
  const value = (name: string) => new RegExp(`\\b${name}=['"]([^'"]*)`).exec(attributes)?.[1] ?? '';
  const id = what === 'verify' ? ` id='${value('id')}'` : '';
  return `<db:${what} from='${value('to')}' to='${value('from')}'${id} type='valid'/>`;
}
