// A foreign server that supports only dialback: it confirms every key and accepts every stream.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createServer, type TLSSocket } from 'node:tls';
import { EVIL, type World } from './world.ts';

/** Prefixes of domains below EVIL whose server behaves in a special way. */
export const HABITS = {
  /** Offers stream management (XEP-0198) and acknowledges no stanza. */
  forgetful: 'forgetful',
  /** Reads nothing after it has accepted the stream. */
  deaf: 'deaf',
} as const;

const GREETING =
  `<?xml version='1.0'?><stream:stream id='stranger' from='${EVIL}' version='1.0' xmlns='jabber:server' ` +
  `xmlns:db='jabber:server:dialback' xmlns:stream='http://etherx.jabber.org/streams'><stream:features>` +
  `<dialback xmlns='urn:xmpp:features:dialback'/>`;
const MANAGEMENT = `<sm xmlns='urn:xmpp:sm:3'/>`;
const ENABLED = `<enabled xmlns='urn:xmpp:sm:3'/>`;
/** The maximum length of a dialback element. */
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
  let habit: string | undefined;
  let isGreeted = false;
  let tail = '';
  const greet = (header: string): void => {
    isGreeted = true;
    habit = Object.values(HABITS).find((habit) => header.includes(`='${habit}`));
    socket.write(`${GREETING}${habit === HABITS.forgetful ? MANAGEMENT : ''}</stream:features>`);
  };
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => {
    if (isGreeted && tail === '' && !isMine(chunk)) return;
    tail += chunk.toString('latin1');
    const header = isGreeted ? null : /<stream:stream[^>]*>/.exec(tail);
    if (header) greet(header[0]);
    for (const [, what = '', attributes = ''] of tail.matchAll(/<db:(verify|result)\b([^>]*)>[^<]*<\/db:/g)) {
      socket.write(verdict(what, attributes));
      if (what === 'result' && habit === HABITS.deaf) socket.pause();
    }
    if (/<enable\b/.test(tail)) socket.write(ENABLED);
    // An incomplete element.
    const open = tail.lastIndexOf('<db:');
    tail = open >= 0 && !tail.slice(open).includes('</db:') ? tail.slice(open).slice(-TAIL) : '';
  });
}

function isMine(chunk: Buffer): boolean {
  return chunk.indexOf('<db:') >= 0 || chunk.indexOf('<enable') >= 0;
}

function verdict(what: string, attributes: string): string {
  const value = (name: string) => new RegExp(`\\b${name}=['"]([^'"]*)`).exec(attributes)?.[1] ?? '';
  const id = what === 'verify' ? ` id='${value('id')}'` : '';
  return `<db:${what} from='${value('to')}' to='${value('from')}'${id} type='valid'/>`;
}
