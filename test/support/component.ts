// An external component whose every word stands in the test (XEP-0114).

import { createHash } from 'node:crypto';
import { type Duplex, duplexPair } from 'node:stream';
import { Connection } from '../../src/net/connection.ts';
import type { Element } from '../../src/xml/element.ts';
import { XmlParser } from '../../src/xml/parser.ts';
import { ScriptedClient } from './client.ts';
import type { TestServer } from './server.ts';

export const SECRET = 'open sesame';

export class ScriptedComponent extends ScriptedClient {
  streamId = '';
  readonly #socket: Duplex;

  constructor(socket: Duplex) {
    super(socket);
    this.#socket = socket;
  }

  /** A connection to the server's component port on which nothing has been said yet. */
  static connect({ server }: TestServer, remoteAddress = '192.0.2.9'): ScriptedComponent {
    const [ours, theirs] = duplexPair();
    ours.once('close', () => theirs.destroy()); // A pair does not notice that its half is gone.
    server.acceptComponent(new Connection(theirs, { remoteAddress, clock: server.clock }));
    return new ScriptedComponent(ours);
  }

  /** Connected and let in. */
  static async serving(net: TestServer, domain: string, secret = SECRET): Promise<ScriptedComponent> {
    const component = ScriptedComponent.connect(net);
    await component.header(domain);
    component.prove(secret);
    await component.receives('<handshake/>');
    component.jid = `service@${domain}`;
    return component;
  }

  /** Sends the header, and resolves with the attributes of the answer. */
  async header(domain: string, namespace = 'jabber:component:accept'): Promise<Element> {
    const answered = this.#nextHeader();
    this.send(
      `<stream:stream xmlns='${namespace}' xmlns:stream='http://etherx.jabber.org/streams' to='${domain}'>`,
    );
    const header = await answered;
    this.streamId = header.attrs.id ?? '';
    return header;
  }

  prove(secret: string): void {
    const proof = createHash('sha1').update(`${this.streamId}${secret}`).digest('hex');
    this.send(`<handshake>${proof}</handshake>`);
  }

  /** Stops taking what is sent to it. */
  stopReading(): void {
    this.#socket.pause();
  }

  #nextHeader(): Promise<Element> {
    return new Promise((resolve, reject) => {
      const parser = new XmlParser({ onOpen: resolve, onElement() {}, onClose() {} });
      this.#socket.once('data', (chunk: Buffer) => parser.write(chunk));
      this.#socket.once('close', () => reject(new Error('the stream was closed before its header')));
    });
  }
}
